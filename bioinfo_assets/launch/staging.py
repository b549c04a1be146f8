"""A job's inputs, under their local names, in the working folder of an attempt."""

from pathlib import Path

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.launch.scratch import Attempt, input_copy
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.file_lock import file_lock
from bioinfo_assets.storage.store import Store, local_path


def stage(job: Job, attempt: Attempt, store: Store, inputs: Path) -> None:
    """Link every input into the working folder: to a local file itself, or to the copy of a remote one.

    Args:
        job: Whose inputs.
        attempt: Whose working folder.
        store: Where the inputs are read.
        inputs: The folder for copies of remote files, which any number of jobs may share at the same time.

    Raises:
        InputError: an input does not exist, or has changed since the job was planned.
        ResourceError: the disk is full.
    """
    for item in job.inputs:
        check_unchanged(item.file, store)
        path = local_path(item.file.uri)
        source = _download_once(item.file, store, inputs) if path is None else path
        with translate_disk_errors(attempt.work):
            (attempt.work / item.local).symlink_to(source.resolve())


def _download_once(file: StoredFile, store: Store, inputs: Path) -> Path:
    """Return the local copy of a remote file; wait for it if another job is downloading it."""
    copy, lock = input_copy(inputs, file)
    with file_lock(lock):
        if not copy.exists():
            store.fetch(file.uri, copy)
    return copy


def check_unchanged(file: StoredFile, store: Store) -> None:
    """Check that a file has not changed since it was observed: a result must belong to the inputs in its record.

    Raises:
        InputError: it does not exist any more, or was rewritten since.
    """
    stat = store.stat(file.uri)
    if stat.size != file.size:
        raise InputError(
            f"{file.uri} has {stat.size} bytes and had {file.size} when the run began: start the run again"
        )
    if file.stamp and stat.stamp != file.stamp:
        raise InputError(f"{file.uri} was rewritten since the run began: start the run again")
