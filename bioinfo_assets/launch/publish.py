"""From scratch to where results live: the same for every backend.

Publishing many files is no single step, so that it is a record, written last, that makes them a result: the caller
withdraws the old record before and writes the new one after, within `lock`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from bioinfo_assets.errors import JobError
from bioinfo_assets.launch.backend import JobReport, OutputFile
from bioinfo_assets.launch.job import Job
from bioinfo_assets.storage.atomic import file_lock
from bioinfo_assets.storage.store import Store, local_path

_AT_ONCE: Final = 4  # a network's or disk's bandwidth is used up by a few streams


def publish(store: Store, job: Job, report: JobReport) -> None:
    """Moves what a job made to where its outputs belong; each is there whole or not at all.

    The caller holds the `lock`, so that what lies half written beside a place was left by a process that was killed; it
    is removed.

    Raises:
        InputError: a place may not be written to.
        ResourceError: a disk is full.
        JobError: what arrived has another size than what was made.
    """
    targets = {output.key: output.uri for output in job.outputs}
    for uri in targets.values():
        store.remove_parts(uri)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        moves = [pool.submit(_publish, store, made, targets[made.key]) for made in report.files]
    for move in moves:
        move.result()


@contextmanager
def publish_lock(uri: str) -> Iterator[None]:
    """Lets one process of this machine at a time publish what belongs together, such as the files of one sample.

    Object stores have no locks: for `s3://` nothing is held, and two runs that publish one sample at the same time are
    told apart by the digests in the record only. The lock is a hidden file beside the place, which stays.

    Args:
        uri: What is published: a record or a folder, the same for all who might meet.
    """
    path = local_path(uri)
    if path is None:
        yield
        return
    with file_lock(path.with_name(f".{path.name}.lock")):
        yield


def _publish(store: Store, made: OutputFile, uri: str) -> None:
    store.move(made.path, uri)
    size = store.stat(uri).size
    if size != made.size:
        raise JobError(
            f"{uri} has {size} bytes and the job made {made.size}: something else writes there; run it again"
        )
