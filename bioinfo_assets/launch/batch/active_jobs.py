"""The active jobs of a project on AWS Batch, whichever run submitted them: list, terminate, read logs."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.adoption import Claims
from bioinfo_assets.launch.batch.client import ACTIVE, MAX_DESCRIBED_JOBS, Client
from bioinfo_assets.launch.batch.cloudwatch_logs import MAX_LATENESS_S, CloudWatchLogs, is_complete
from bioinfo_assets.launch.batch.console_links import links_of, log_group_of, log_stream_of
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.batch.submission_request import TAG, tag_value
from bioinfo_assets.launch.job import DEFAULT_PREFIX
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


_MAX_CONCURRENT_READS: Final = 16
"""Notes in S3 that are read at the same time: a sensor of Dagster has a minute for all of them."""


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job or an array that is queued or running.

    Attributes:
        batch_id: Its id; `ID:INDEX` for a job of an array.
        name: Name of its submission.
        asset: The asset that it computes.
        scope: Sample or shared folder; empty for an array.
        size: Number of jobs in the array; 1 for a single job.
        run_id: The run that waits for it.
        other_runs: Of an array, the runs that may wait for some of its jobs too: the one that submitted it, and those
            that have adopted one.
        status: Batch's status.
        reason: Why it waits, or why its last attempt ended; empty if Batch gives no reason.
        created: When it was submitted.
        started: When its present attempt started; None before that.
        log_stream: CloudWatch stream of its present attempt; empty before there is one.
        links: Its pages in the AWS console.
        children: Number of jobs of an array by status.
    """

    batch_id: str
    name: str
    asset: str
    scope: str
    size: int
    run_id: str
    status: str
    reason: str
    created: datetime
    started: datetime | None
    log_stream: str
    links: Mapping[str, str]
    children: Mapping[str, int] = field(default_factory=dict)
    other_runs: tuple[str, ...] = ()


def active_jobs(
    client: Client, queue: str, scratch: str, prefix: str = DEFAULT_PREFIX, store: Store | None = None
) -> Iterator[ActiveJob]:
    """List the active jobs and arrays of a project, newest first.

    Args:
        client: Client for Batch.
        queue: Name or ARN of the queue.
        scratch: The project's scratch prefix, which distinguishes its jobs from those of others.
        prefix: Prefix of its jobs' names.
        store: Reads which run has adopted a job.

    Raises:
        BioinfoAssetsError: Batch cannot be reached, or the queue does not exist.
    """
    claims = Claims(store or Store(), ScratchPaths(scratch))
    scratch_tag = tag_value(claims.paths.root)
    adopted = cache(claims.adopted_indexes)
    ids = (job["jobId"] for job in client.active(queue, prefix))
    while chunk := list(islice(ids, MAX_DESCRIBED_JOBS)):
        details = client.describe(chunk)
        for batch_id in chunk:
            detail = details.get(batch_id)
            if detail is not None and detail["status"] in ACTIVE and _tag(detail, "scratch") == scratch_tag:
                yield _active_job(detail, claims, client.region, adopted)


def jobs_in(client: Client, store: Store, scratch: str, queues: Collection[tuple[str, str]]) -> Iterator[ActiveJob]:
    """List the active jobs of a project in queues, each with the prefix of its jobs' names, and in those of past runs.

    Raises:
        BioinfoAssetsError: Batch cannot be reached, or one of the given queues does not exist.
    """
    for queue, prefix in queues:
        yield from active_jobs(client, queue, scratch, prefix)
    for queue, prefix in saved_queues(store, scratch):
        if (queue, prefix) not in queues:
            with suppress(InputError):  # the queue was deleted since, and with it its jobs
                yield from active_jobs(client, queue, scratch, prefix)


_QUEUE: Final = TypeAdapter(tuple[str, str])


def save_queue(store: Store, paths: ScratchPaths, queue: str, prefix: str) -> None:
    """Write down to which queue a run submits jobs: the settings may name another one when jobs are looked for."""
    store.write_bytes(paths.queue(queue, prefix), _QUEUE.dump_json((queue, prefix)))


def saved_queues(store: Store, scratch: str) -> Iterator[tuple[str, str]]:
    """The queues of a project to which runs have submitted jobs, each with the prefix of their names.

    Raises:
        InputError: one of the files is damaged.
    """
    for uri in store.list(ScratchPaths(scratch).queues):
        try:
            yield _QUEUE.validate_json(store.read_small(uri))
        except ValidationError as error:
            raise InputError(f"{uri} does not name a job queue: delete it") from error


def orphans(jobs: Iterable[ActiveJob], is_over: Callable[[str], bool]) -> Iterator[ActiveJob]:
    """The jobs all of whose runs are over, so that none waits for them; `is_over` is called once for each run."""
    is_run_over = cache(is_over)
    for job in jobs:
        if all(map(is_run_over, (job.run_id, *job.other_runs))):
            yield job


def read_log(client: Client, batch_id: str, *, follow: bool = False, poll_interval_s: float = 2.0) -> Iterator[str]:
    """The lines of a job's log, as the container printed them, without those of earlier attempts.

    Args:
        client: Client for Batch.
        batch_id: A job, or a job of an array, active or over.
        follow: Whether to continue until the job is over.
        poll_interval_s: Seconds between two reads.

    Raises:
        InputError: Batch does not know the job, it is an array, or its log cannot be read.
        BioinfoAssetsError: Batch cannot be reached or refuses.
    """
    stream = token = ""
    while True:
        detail = _describe(client, batch_id)
        if log_stream_of(detail) != stream:
            stream, token = log_stream_of(detail), ""
        lines: list[str] = []
        if stream:
            with closing(CloudWatchLogs(log_group_of(detail))) as logs:
                token = logs.tail(stream, lines.append, token)
        yield from lines
        if detail["status"] in ACTIVE:
            if not follow:
                return
        elif is_complete(lines) or not stream or time.time() - detail.get("stoppedAt", 0) / 1000 > MAX_LATENESS_S:
            return
        time.sleep(poll_interval_s)


def _describe(client: Client, batch_id: str) -> "JobDetailTypeDef":
    detail = client.describe([batch_id]).get(batch_id)
    if detail is None:
        raise InputError(
            f"AWS Batch does not know job {batch_id} (it forgets jobs some days after their end): check the id"
        )
    if "size" in detail.get("arrayProperties", {}):
        raise InputError(
            f"{batch_id} is an array and has no log of its own: give the id of one of its jobs, such as {batch_id}:0"
        )
    return detail


def _active_job(
    detail: "JobDetailTypeDef", claims: Claims, region: str, adopted: Callable[[], Mapping[str, Sequence[int]]]
) -> ActiveJob:
    array, name, submitter = detail.get("arrayProperties", {}), detail["jobName"], _tag(detail, "run")
    note = claims.read_note(name)
    run_id = note.run_id if note is not None else submitter
    runs = {submitter, *_adopters(claims, name, adopted().get(name, ()))} if array else set()
    return ActiveJob(
        batch_id=detail["jobId"],
        name=name,
        asset=_tag(detail, "asset"),
        scope=_tag(detail, "scope"),
        size=array.get("size", 1),
        run_id=run_id,
        other_runs=tuple(sorted(runs - {run_id})),
        status=detail["status"],
        reason=detail.get("statusReason", ""),
        created=_time(detail["createdAt"]),
        started=_time(detail["startedAt"]) if detail.get("startedAt") else None,
        log_stream=log_stream_of(detail),
        links=links_of(detail, region, log_group_of(detail)),
        children={status: count for status, count in array.get("statusSummary", {}).items() if count},
    )


def _adopters(claims: Claims, name: str, indexes: Sequence[int]) -> set[str]:
    """The runs that have adopted these jobs of an array, of which there may be thousands."""
    with ThreadPoolExecutor(_MAX_CONCURRENT_READS) as pool:
        notes = list(pool.map(partial(claims.read_note, name), indexes))
    return {note.run_id for note in notes if note is not None}


def _tag(detail: "JobDetailTypeDef", name: str) -> str:
    return detail.get("tags", {}).get(f"{TAG}{name}", "")


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
