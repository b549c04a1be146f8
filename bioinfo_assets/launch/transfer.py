"""Moving a job's files: inputs into its working folder, outputs from scratch to their published places.

Publishing several files is not atomic, so it is a record, written last, that makes them a result: the caller withdraws
the old record before and writes the new one after, within `publish_lock`.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from bioinfo_assets.errors import InputError, JobError
from bioinfo_assets.launch.backend import JobReport, OutputFile
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.launch.scratch import Attempt, input_copy
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.file_lock import file_lock
from bioinfo_assets.storage.object_lock import object_lock
from bioinfo_assets.storage.store import FileStat, Store, local_path

_MAX_CONCURRENT_MOVES: Final = 4  # a few streams use up the bandwidth of a network


def publish(store: Store, job: Job, report: JobReport, lock: "PublishLock") -> Mapping[str, FileStat]:
    """Put a job's outputs in their published places, each of them atomically.

    Files for local places are moved. Those for S3 are copied: whoever discards the job deletes all that it left.

    Temporary files next to those places were left by a killed process: they are removed.

    Args:
        store: Where the files are.
        job: Its outputs are published.
        report: Where the job has left them.
        lock: The `publish_lock` that the caller holds. It is checked before each file: what another process has
            published since it was lost is not replaced.

    Returns:
        The published files, by output key; without those that are not published (see `Output.only_for`).

    Raises:
        InputError: a place cannot be written to.
        ResourceError: a disk is full, or the lock was lost.
        JobError: a published file differs in size from the job's output.
    """
    uris = {output.key: output.uri for output in job.outputs}
    for uri in uris.values():
        store.remove_parts(uri)
    files = [file for file in report.files if file.is_published]
    if all(local_path(uri) is not None for uri in uris.values()):
        return {file.key: _publish_file(store, file, uris[file.key], lock) for file in files}  # by renames
    with ThreadPoolExecutor(_MAX_CONCURRENT_MOVES) as pool:
        moves = {file.key: pool.submit(_publish_file, store, file, uris[file.key], lock) for file in files}
    return {key: move.result() for key, move in moves.items()}


class PublishLock(Protocol):
    """A held lock of whoever publishes."""

    def check(self) -> None:
        """Check that the lock is still held.

        Raises:
            ResourceError: it is not.
        """


class _HeldByProcess:
    def check(self) -> None:
        """Do nothing: it is held."""


HELD_BY_PROCESS: Final[PublishLock] = _HeldByProcess()
"""A lock that the operating system holds until this process releases it or ends, or of a place that no other knows."""


@contextmanager
def publish_lock(uri: str) -> Iterator[PublishLock]:
    """Let one process at a time publish files that belong together, such as those of one sample.

    For local files it is one process of this machine, for `s3://` one of all hosts. The lock is a hidden file next to
    the place, which stays.

    Args:
        uri: What is published: a record or a folder, the same for all processes that may meet.
    """
    path = local_path(uri)
    if path is None:
        folder, _, name = uri.rpartition("/")
        with object_lock(f"{folder}/.{name}.lock") as held:
            yield held
        return
    with file_lock(path.with_name(f".{path.name}.lock")):
        yield HELD_BY_PROCESS


def _publish_file(store: Store, file: OutputFile, uri: str, lock: PublishLock) -> FileStat:
    lock.check()
    if local_path(uri) is None:
        store.copy(file.path, uri, file.size)  # not moved: if S3 does not answer, all of them are published later
    else:
        store.move(file.path, uri)
    stat = store.stat(uri)
    if stat.size != file.size:
        raise JobError(
            f"{uri} has {stat.size} bytes, but the job's output had {file.size}: another process writes there; run it "
            "again"
        )
    return stat


def stage(job: Job, attempt: Attempt, store: Store, inputs: Path) -> int:
    """Link every input into the working folder: to a local file itself, or to the copy of a remote one.

    Args:
        job: Whose inputs.
        attempt: Whose working folder.
        store: Where the inputs are read.
        inputs: The folder for copies of remote files, which any number of jobs may share at the same time.

    Returns:
        The bytes that were downloaded.

    Raises:
        InputError: an input does not exist, or has changed since the job was planned.
        ResourceError: the disk is full.
    """
    downloaded = 0
    for item in job.inputs:
        if (attempt.work / item.local).exists():
            continue  # made by a job before it on this machine (see `link_outputs`)
        check_unchanged(item.file, store)
        source = local_path(item.file.uri)
        if source is None:
            source, is_new = _download_once(item.file, store, inputs)
            downloaded += item.file.size if is_new else 0
        with translate_disk_errors(attempt.work):
            (attempt.work / item.local).symlink_to(source.resolve())
    return downloaded


def link_outputs(job: Job, attempt: Attempt, follower: Job, its_attempt: Attempt) -> None:
    """Link a job's outputs into the working folder of one that reads them and runs later on this machine.

    A hard link stays when the output is moved to its published place.

    Args:
        job: The job that is over.
        attempt: Its attempt.
        follower: The job that reads them.
        its_attempt: The attempt of that job.
    """
    made = {output.uri: attempt.work / output.local for output in job.outputs}
    with translate_disk_errors(its_attempt.work):
        for item in follower.inputs:
            if item.file.uri in made:
                (its_attempt.work / item.local).hardlink_to(made[item.file.uri])


def _download_once(file: StoredFile, store: Store, inputs: Path) -> tuple[Path, bool]:
    """Return the local copy of a remote file and whether it is new; wait if another job is downloading it."""
    copy, lock = input_copy(inputs, file)
    with file_lock(lock):
        is_new = not copy.exists()
        if is_new:
            store.fetch(file.uri, copy)
    return copy, is_new


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
