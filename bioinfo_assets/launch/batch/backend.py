"""Jobs on AWS Batch: each a container that fetches its script and inputs from S3 and leaves its outputs there.

`submit` only notes a job: one thread sends what has gathered, as arrays where it can. `poll` asks Batch for all jobs in
few calls and judges those that are over. Jobs outlive this process if it dies, and are taken over by the next one that
wants the same; a process that ends as it should ends its jobs.
"""

import logging
import secrets
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, ResourceError
from bioinfo_assets.launch.backend import NO_OPTIONS, State, Status, Stream, Submission
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.definition import Definitions, Machine
from bioinfo_assets.launch.batch.image import Images
from bioinfo_assets.launch.batch.judgement import termination, unschedulable, verdict
from bioinfo_assets.launch.batch.links import links_of, log_stream_of
from bioinfo_assets.launch.batch.logs import Logs
from bioinfo_assets.launch.batch.probe import ToolsProbe
from bioinfo_assets.launch.batch.submitter import Place, Submitter
from bioinfo_assets.launch.batch.told import AttemptReport, newest_report, read_report
from bioinfo_assets.launch.batch.tracked import RunIdentity, Tracked
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.store import Store, join, local_path

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

_LISTED_AFTER_S: Final = 60.0
"""How long a job that was just submitted may be missing in what Batch tells."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The backend's own limits.

    Attributes:
        arrays_from: Jobs of one step that go as one array, at least.
        arrays_to: Jobs of one array, at most.
        poll_s: Seconds from one look at the jobs to the next.
        wait_s: Seconds that a job may wait for a machine.
        gather_s: Seconds of quiet after which the jobs that have come in are submitted.
        most_memory_mib: Memory in MiB that a job is given at most when it ran out of it.
    """

    arrays_from: int = 5
    arrays_to: int = 10_000
    poll_s: float = 5.0
    wait_s: float = 86_400.0
    gather_s: float = 0.5
    most_memory_mib: int = 196_608


class BatchBackend:
    """Runs jobs on AWS Batch.

    Args:
        scratch: The `s3://` prefix in which jobs work; a rule of the bucket may remove what is older than any run.
        store: Where inputs come from.
        run: The run that jobs belong to.
        machine: What job definitions say of the machines.
        limits: How much, how long.
        client: To Batch.
        logs: Of the jobs.

    Raises:
        InputError: the scratch is no place in S3.
    """

    name: Final = "batch"

    def __init__(
        self,
        scratch: str,
        store: Store,
        run: RunIdentity,
        machine: Machine,
        limits: Limits = Limits(),
        client: Client | None = None,
        logs: Logs | None = None,
    ) -> None:
        if local_path(scratch) is not None or not scratch.startswith("s3://"):
            raise InputError(f"{scratch} cannot be read by jobs on AWS Batch: set scratch to s3://BUCKET/FOLDER")
        self._scratch = scratch.rstrip("/")
        self._store = store
        self._limits = limits
        self._machine = machine
        self._client = client or Client()
        self._logs = logs or Logs(machine.log_group)
        definitions = Definitions(self._client, machine)
        probe = ToolsProbe(self._client, definitions, run.run_id, limits.poll_s)
        self._images = Images(self._client, store, self._scratch, probe)
        place = Place(self._scratch, run, machine.scratch_volume, limits.arrays_from, limits.arrays_to)
        self._submitter = Submitter(self._client, store, self._images, definitions, place)
        self._jobs: dict[str, Tracked] = {}
        self._came_in: list[Tracked] = []
        self._to_end: list[Tracked] = []
        self._summaries: dict[str, object] = {}
        self._looked_at = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._worker: threading.Thread | None = None

    @property
    def interval_s(self) -> float:
        """Seconds from one look at the jobs to the next."""
        return self._limits.poll_s

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """The versions of these tools in the image of jobs with these options.

        Raises:
            ResourceError: the image has no such tool.
        """
        versions = self._images.tools(options) if tools else {}
        for tool in tools:
            if tool not in versions:
                raise ResourceError(
                    f"the container image {self._images.of(options)} has no {tool}: use one that has it"
                )
        return {tool: versions[tool] for tool in tools}

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        """Takes a job; it is submitted as soon as no more come in for a moment."""
        job_id = f"{job.name}.{fingerprint[:12] or 'x'}.{secrets.token_hex(4)}"
        tracked = Tracked(job_id, job, fingerprint, join(self._scratch, "jobs", job_id))
        with self._changed:
            self._jobs[job_id] = tracked
            self._enqueue(tracked)
        return Submission(job_id, scratch=tracked.base, log=f"CloudWatch log group {self._machine.log_group}")

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each of these jobs; Batch is asked at most once in `poll_s` for all of them."""
        with self._changed:
            asked = {job_id: self._jobs[job_id] for job_id in job_ids}
        self._look_in_time()
        return {job_id: job.status for job_id, job in asked.items()}

    def cancel(self, job_id: str) -> None:
        """Ends a job; returns at once."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.is_over or job.is_cancelled:
                return
            job.is_cancelled = True
            self._to_end.append(job)
            self._wake()

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job has printed on that stream since `offset` bytes, as far as CloudWatch shows it."""
        with self._changed:
            job = self._jobs[job_id]
        if not job.log_stream:
            self._look_in_time()
        return self._logs.read(job_id, job.log_stream, stream, offset, is_over=job.is_over)

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job that is over and frees its scratch, but for package and reports where the log is kept."""
        with self._changed:
            job = self._jobs[job_id]
            if not job.is_over:
                raise ValueError(f"job {job_id} is not over and cannot be discarded")
            del self._jobs[job_id]
        self._logs.forget(job_id)
        if not self._submitter.is_ours(job):
            return  # another run waits for it
        for uri in self._store.list(job.base, recursive=True):
            if not keep_log or not uri.endswith("/report.tar"):
                self._store.delete(uri)
        if not keep_log:
            self._submitter.give_up(job)
            if job.package:
                self._store.delete(job.package)

    def close(self) -> None:
        """Ends whatever still runs."""
        with self._changed:
            self._closed = True
            left = [job for job in self._jobs.values() if not job.is_over]
            for job in left:
                job.is_cancelled = True
            self._to_end = left
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join()
        self._end_cancelled()
        for job in left:
            job.status = Status(State.CANCELLED, "cancelled as its run ended", outcome=Outcome.KILLED)
        self._submitter.close()
        self._client.close()
        self._logs.close()

    def _enqueue(self, job: Tracked) -> None:
        self._came_in.append(job)
        self._wake()

    def _wake(self) -> None:
        if self._worker is None and not self._closed:
            self._worker = threading.Thread(target=self._work, name="batch submissions", daemon=True)
            self._worker.start()
        self._changed.notify_all()

    def _work(self) -> None:
        """Submits and ends jobs, as they come in."""
        while not self._closed:
            self._submit(self._gathered())
            self._end_cancelled()

    def _gathered(self) -> list[Tracked]:
        """The jobs that have come in, once no more do for a moment."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._came_in or self._to_end)
            seen = -1
            while seen != len(self._came_in) and not self._closed and not self._to_end:
                seen = len(self._came_in)
                self._changed.wait(self._limits.gather_s)
            came_in, self._came_in = self._came_in, []
            return [] if self._closed else came_in

    def _submit(self, jobs: Sequence[Tracked]) -> None:
        try:
            self._submitter.submit([job for job in jobs if not job.is_cancelled])
        except Exception as error:  # noqa: BLE001 - a defect in this thread must end its jobs, not leave them waiting for ever
            for job in jobs:
                if not job.batch_id:
                    job.status = Status(State.FAILED, f"defect in the batch backend: {error!r}", outcome=Outcome.FAILED)

    def _end_cancelled(self) -> None:
        with self._changed:
            ending, self._to_end = self._to_end, []
        for batch_id in self._fewest(ending):
            try:
                self._client.terminate(batch_id, termination("cancelled"))
            except BioinfoAssetsError as error:
                _log.warning("job %s could not be ended: %s", batch_id, error)
        for job in ending:
            if not job.batch_id:
                job.status = Status(State.CANCELLED, "cancelled before it started", outcome=Outcome.KILLED)

    def _fewest(self, ending: Sequence[Tracked]) -> list[str]:
        """What has to be terminated: an array as a whole where none of its jobs shall go on."""
        with self._changed:
            wanted = {job.parent for job in self._jobs.values() if not job.is_over and not job.is_cancelled}
        ids = [
            job.parent if job.parent and job.parent not in wanted else job.batch_id for job in ending if job.batch_id
        ]
        return list(dict.fromkeys(ids))

    def _look_in_time(self) -> None:
        """Looks at all jobs, unless that was done a moment ago."""
        with self._changed:
            if time.monotonic() - self._looked_at < self._limits.poll_s:
                return
            self._looked_at = time.monotonic()
            jobs = [job for job in self._jobs.values() if job.batch_id and not job.is_over]
        self._look(jobs)

    def _look(self, jobs: Sequence[Tracked]) -> None:
        """Asks Batch for jobs; those of an array only when the array's own summary tells of a change."""
        parents = {job.parent for job in jobs} - {""}
        alone = [job.batch_id for job in jobs if not job.parent]
        details = self._client.describe([*alone, *parents])
        changed = {name for name in parents if self._summaries.get(name) != _summary(details.get(name))}
        self._summaries.update({name: _summary(details.get(name)) for name in changed})
        details |= self._client.describe([job.batch_id for job in jobs if job.parent in changed])
        for job in jobs:
            if not job.parent or job.parent in changed:
                self._update(job, details.get(job.batch_id))

    def _update(self, job: Tracked, detail: "JobDetailTypeDef | None") -> None:
        if detail is None:
            self._miss(job)
            return
        job.log_stream = log_stream_of(detail)
        links = links_of(detail, self._client.region, self._machine.log_group)
        status = detail["status"]
        if status in {"SUCCEEDED", "FAILED"}:
            attempt = max(1, len(detail.get("attempts", ())))
            self._judge(job, detail, read_report(self._store, job.folder, attempt), links)
        elif status == "RUNNING":
            job.status = Status(State.RUNNING, _earlier(job, detail), links=links)
        else:
            self._check_wait(job, detail)
            job.status = Status(State.QUEUED, f"{status} {detail.get('statusReason', '')}".strip(), links=links)

    def _miss(self, job: Tracked) -> None:
        """Batch tells nothing of a job: it may not be listed yet, or have been over for days."""
        if (datetime.now(UTC) - job.submitted).total_seconds() < _LISTED_AFTER_S:
            return
        told = newest_report(self._store, job.folder)
        gone: JobDetailTypeDef = {  # type: ignore[typeddict-item] # what matters of one that is not told
            "jobId": job.batch_id,
            "statusReason": "Batch does not know the job any more",
        }
        self._judge(job, gone, told, {})

    def _judge(
        self, job: Tracked, detail: "JobDetailTypeDef", told: AttemptReport | None, links: Mapping[str, str]
    ) -> None:
        judged = verdict(job.job, detail, told, links.get("log", ""))
        job.spent += max(1, len(detail.get("attempts", ())))
        report = None
        if told is not None:
            report = told.report(job.job, job.folder, self._image_of(job, detail), job.spent)
        if judged.outcome is Outcome.SUCCEEDED and report is not None:
            job.status = Status(State.SUCCEEDED, report=report, outcome=judged.outcome, links=links)
        elif judged.outcome is Outcome.KILLED or job.is_cancelled:
            job.status = Status(State.CANCELLED, judged.reason, report, Outcome.KILLED, links)
        elif judged.outcome is Outcome.OUT_OF_MEMORY and self._has_more(job):
            self._submit_again(job, links)
        else:
            self._submitter.keep_spent(job, judged.reason)
            if told is not None and _OTHER_TOOLS in told.told.problem:
                self._images.forget(job.job.options)
            job.status = Status(State.FAILED, judged.reason, report, judged.outcome, links)

    def _has_more(self, job: Tracked) -> bool:
        return job.spent < job.tries and job.job.resources.memory_mib < self._limits.most_memory_mib

    def _submit_again(self, job: Tracked, links: Mapping[str, str]) -> None:
        before = job.job.resources
        memory_mib = min(2 * before.memory_mib, self._limits.most_memory_mib)
        job.job = replace(job.job, resources=Resources(before.cpus, memory_mib))
        job.batch_id = ""
        reason = (
            f"ran out of memory with {before.memory_mib} MiB: submitted again with {memory_mib} MiB "
            f"(try {job.spent + 1} of {job.tries})"
        )
        with self._changed:
            job.status = Status(State.QUEUED, reason, links=links)
            self._enqueue(job)

    def _check_wait(self, job: Tracked, detail: "JobDetailTypeDef") -> None:
        """Ends a job that will find no machine: by Batch's own word, or after too long a wait."""
        why = unschedulable(detail, self._limits.wait_s)
        if why and not job.is_cancelled:
            self._client.terminate(job.batch_id, termination(why))

    def _image_of(self, job: Tracked, detail: "JobDetailTypeDef") -> str:
        return detail.get("container", {}).get("image", "") or self._images.of(job.job.options)


_OTHER_TOOLS: Final = "the container image has not the tools"
"""Of the sentence by which `driver.sh` refuses an image whose tag was moved."""


def _summary(detail: "JobDetailTypeDef | None") -> object:
    """What of an array changes when any of its jobs does."""
    if detail is None:
        return None
    return detail["status"], dict(detail.get("arrayProperties", {}).get("statusSummary", {}))


def _earlier(job: Tracked, detail: "JobDetailTypeDef") -> str:
    """Which attempt runs, and why those before it ended."""
    attempts = detail.get("attempts", ())
    if not attempts and not job.spent:
        return ""
    last = attempts[-1].get("statusReason", "") if attempts else "out of memory"
    return f"attempt {job.spent + len(attempts) + 1} of {job.tries} after: {last}"
