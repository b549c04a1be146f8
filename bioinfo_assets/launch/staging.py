"""A job's inputs, under their local names, in the working folder of an attempt."""

import hashlib
from pathlib import Path

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.storage.atomic import file_lock, translate_disk_errors
from bioinfo_assets.storage.store import Store, local_path


def stage(job: Job, attempt: Attempt, store: Store, cache: Path) -> None:
    """Puts every input where the script looks for it: links to local files, and to copies of remote ones.

    Args:
        job: Whose inputs.
        attempt: Where they shall stand.
        store: Where they come from.
        cache: A folder for copies of remote files, which any number of jobs may share at the same time.

    Raises:
        InputError: an input is not there, or is not the file the job was made for.
        ResourceError: the disk is full.
    """
    for item in job.inputs:
        check_unchanged(item.file, store)
        path = local_path(item.file.uri)
        source = _cached(item.file, store, cache) if path is None else path
        with translate_disk_errors(attempt.work):
            (attempt.work / item.local).symlink_to(source.resolve())


def _cached(file: StoredFile, store: Store, cache: Path) -> Path:
    """The local copy of a remote file; who comes while another fetches it waits for that."""
    # By address too: two files may mean the same (`content`) in different bytes.
    name = hashlib.sha256(f"{file.uri}\n{file.size}\n{file.content}".encode()).hexdigest()
    copy = cache / name
    with file_lock(cache / f"{name}.lock"):
        if not copy.exists():
            store.fetch(file.uri, copy)
    return copy


def check_unchanged(file: StoredFile, store: Store) -> None:
    """Checks that a file is still the one that was looked at: a result must be of what its record says.

    Raises:
        InputError: it is gone, or was written again since.
    """
    stat = store.stat(file.uri)
    if stat.size != file.size:
        raise InputError(
            f"{file.uri} has {stat.size} bytes and had {file.size} when the run began: start the run again"
        )
    if file.stamp and stat.stamp != file.stamp:
        raise InputError(f"{file.uri} was written again since the run began: start the run again")
