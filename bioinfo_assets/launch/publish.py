"""Moving a job's outputs from scratch to their published places: the same for every backend.

Publishing several files is not atomic, so it is a record, written last, that makes them a result: the caller withdraws
the old record before and writes the new one after, within `publish_lock`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from bioinfo_assets.errors import JobError
from bioinfo_assets.launch.backend import JobReport, OutputFile
from bioinfo_assets.launch.job import Job
from bioinfo_assets.storage.file_lock import file_lock
from bioinfo_assets.storage.store import Store, local_path

_MAX_CONCURRENT_MOVES: Final = 4  # a few streams use up the bandwidth of a network or disk


def publish(store: Store, job: Job, report: JobReport) -> None:
    """Move a job's outputs to their published places, each of them atomically.

    The caller holds `publish_lock`, so temporary files next to those places were left by a killed process: they are
    removed.

    Raises:
        InputError: a place cannot be written to.
        ResourceError: a disk is full.
        JobError: a published file differs in size from the job's output.
    """
    uris = {output.key: output.uri for output in job.outputs}
    for uri in uris.values():
        store.remove_parts(uri)
    with ThreadPoolExecutor(_MAX_CONCURRENT_MOVES) as pool:
        moves = [pool.submit(_publish_file, store, file, uris[file.key]) for file in report.files]
    for move in moves:
        move.result()


@contextmanager
def publish_lock(uri: str) -> Iterator[None]:
    """Let one process of this machine at a time publish files that belong together, such as those of one sample.

    Object stores have no locks: for `s3://` nothing is held, and of two runs that publish one sample at the same time
    only the digests in the record show whose files remain. The lock is a hidden file next to the place, which stays.

    Args:
        uri: What is published: a record or a folder, the same for all processes that may meet.
    """
    path = local_path(uri)
    if path is None:
        yield
        return
    with file_lock(path.with_name(f".{path.name}.lock")):
        yield


def _publish_file(store: Store, file: OutputFile, uri: str) -> None:
    store.move(file.path, uri)
    size = store.stat(uri).size
    if size != file.size:
        raise JobError(
            f"{uri} has {size} bytes, but the job's output had {file.size}: another process writes there; run it again"
        )
