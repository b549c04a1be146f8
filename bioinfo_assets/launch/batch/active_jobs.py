"""The jobs of a project on AWS Batch as people see them: listed, ended, their logs read; whichever run began them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.claims import Claims
from bioinfo_assets.launch.batch.classify_outcome import termination_reason
from bioinfo_assets.launch.batch.client import ACTIVE, IDS_A_CALL, Client
from bioinfo_assets.launch.batch.cloudwatch_logs import LAG_S, CloudWatchLogs, is_complete
from bioinfo_assets.launch.batch.console_links import links_of, log_group_of, log_stream_of
from bioinfo_assets.launch.batch.submission_request import TAG, tag_value
from bioinfo_assets.launch.job_options import DEFAULT_PREFIX
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

REAP_REASON: Final = "its run is over"


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job or an array that is not over.

    Attributes:
        batch_id: Its id; a job of an array is `ID:INDEX`.
        name: As it was submitted.
        step: Of the pipeline.
        scope: What it is run on; empty for an array.
        size: How many jobs an array has; 1 for one that goes alone.
        run_id: The run that waits for it.
        status: As Batch calls it.
        reason: Why it waits, or why its last attempt ended; empty where Batch does not say.
        created: When it was submitted.
        started: When its present attempt began; None before it did.
        log_stream: Of its present attempt; empty before there is one.
        links: Its pages in AWS's console.
        children: Of an array, how many of its jobs are in each state.
    """

    batch_id: str
    name: str
    step: str
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


def active_jobs(
    client: Client, queue: str, scratch: str, prefix: str = DEFAULT_PREFIX, store: Store | None = None
) -> Iterator[ActiveJob]:
    """The jobs and arrays of a project that are not over, newest first.

    Args:
        client: To Batch.
        queue: Name or ARN of the queue.
        scratch: The project's; jobs of others are left out.
        prefix: What names of its jobs begin with.
        store: Where it is written which run waits for a job that was taken over.

    Raises:
        BioinfoAssetsError: Batch cannot be asked, or there is no such queue.
    """
    claims = Claims(store or Store(), scratch.rstrip("/"))
    ids = (job["jobId"] for job in client.active(queue, prefix))
    while part := list(islice(ids, IDS_A_CALL)):
        found = client.describe(part)
        for batch_id in part:
            detail = found.get(batch_id)
            if (
                detail is not None
                and detail["status"] in ACTIVE
                and _tag(detail, "scratch") == tag_value(claims.scratch)
            ):
                yield _active(detail, claims, client.region)


def terminate(client: Client, batch_id: str, reason: str) -> None:
    """Ends a job, a job of an array, or a whole array.

    Raises:
        BioinfoAssetsError: Batch cannot be asked.
    """
    client.terminate(batch_id, termination_reason(reason))


def orphans(jobs: Iterable[ActiveJob], is_over: Callable[[str], bool]) -> Iterator[ActiveJob]:
    """The jobs whose run is over, so that nobody waits for them; each run is asked for once."""
    known: dict[str, bool] = {}
    for job in jobs:
        if job.run_id not in known:
            known[job.run_id] = is_over(job.run_id)
        if known[job.run_id]:
            yield job


def read_log(client: Client, batch_id: str, *, follow: bool = False, poll_s: float = 2.0) -> Iterator[str]:
    """The lines of a job's log, those of an earlier attempt left out; they stand there as the container said them.

    Args:
        client: To Batch.
        batch_id: A job, or a job of an array, also one that is over.
        follow: Whether to go on until the job is over.
        poll_s: Seconds from one look to the next.

    Raises:
        InputError: Batch does not know the job, it is a whole array, or its log may not be read.
        BioinfoAssetsError: Batch cannot be asked.
    """
    stream = token = ""
    while True:
        detail = _known(client, batch_id)
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
        elif is_complete(lines) or not stream or time.time() - detail.get("stoppedAt", 0) / 1000 > LAG_S:
            return
        time.sleep(poll_s)


def _known(client: Client, batch_id: str) -> "JobDetailTypeDef":
    detail = client.describe([batch_id]).get(batch_id)
    if detail is None:
        raise InputError(f"AWS Batch knows no job {batch_id}: it forgets jobs some days after their end; check the id")
    if "size" in detail.get("arrayProperties", {}):
        raise InputError(
            f"{batch_id} is an array and has no log of its own: name one of its jobs, such as {batch_id}:0"
        )
    return detail


def _active(detail: "JobDetailTypeDef", claims: Claims, region: str) -> ActiveJob:
    array = detail.get("arrayProperties", {})
    note = claims.read_note(detail["jobName"])
    summary = array.get("statusSummary", {})
    return ActiveJob(
        batch_id=detail["jobId"],
        name=detail["jobName"],
        step=_tag(detail, "step"),
        scope=_tag(detail, "scope"),
        size=array.get("size", 1),
        run_id=note.run_id if note is not None else _tag(detail, "run"),
        status=detail["status"],
        reason=detail.get("statusReason", ""),
        created=_time(detail["createdAt"]),
        started=_time(detail["startedAt"]) if detail.get("startedAt") else None,
        log_stream=log_stream_of(detail),
        links=links_of(detail, region, log_group_of(detail)),
        children={state: count for state, count in summary.items() if count},
    )


def _tag(detail: "JobDetailTypeDef", name: str) -> str:
    return detail.get("tags", {}).get(f"{TAG}{name}", "")


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
