"""Makes a result or finds that it is there: reuse, run, publish, record.

The order of publishing keeps a result whole whenever the host dies: the old record is withdrawn, the files are moved
to their places, the new record is written. Between the first and the last there is no result, only files.
"""

import getpass
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, JobError
from bioinfo_assets.launch.backend import Backend, JobReport, OutputFile, State, Status, Stream, Submission
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.publish import publish
from bioinfo_assets.launch.staging import check_unchanged
from bioinfo_assets.launch.watcher import JobHandle, Watcher
from bioinfo_assets.records.fingerprint import difference, fingerprint_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Record

NOT_MADE: Final = "not made yet"
"""Why a job must run whose result nobody has made."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A result that is there: its record, and whether it was found rather than made."""

    record: Record
    reused: bool


@dataclass(frozen=True, slots=True)
class ReuseDecision:
    """A job with its fingerprint, and whether its result is there.

    Attributes:
        job: The job.
        tools: Version by tool, as the backend has them.
        fingerprint: Of the job with these tools.
        record: The record of a result that can be reused; None where the job must run.
        reason: Why it must run, in a few words; empty where it need not.
    """

    job: Job
    tools: Mapping[str, str]
    fingerprint: str
    record: Record | None
    reason: str


def check_reuse(ledger: Ledger, backend: Backend, job: Job) -> ReuseDecision:
    """Tells whether a job's result is there and whole, and if not, why the job must run.

    Raises:
        ResourceError: a tool of the job is missing.
    """
    tools = backend.tool_versions(job.tools, job.options)
    return decide_reuse(ledger, ledger.read(job.key.scope, job.key.asset), job, tools)


def decide_reuse(ledger: Ledger, record: Record | None, job: Job, tools: Mapping[str, str]) -> ReuseDecision:
    """Tells the same of a record that was read, and for tools of these versions."""
    fingerprint = fingerprint_of(job, tools)
    if record is None:
        return ReuseDecision(job, tools, fingerprint, None, NOT_MADE)
    if record.fingerprint != fingerprint:
        reason = f"changed: {difference(record, job, tools) or 'outputs'}"
        return ReuseDecision(job, tools, fingerprint, None, reason)
    found = ledger.verify(record)
    if found.damage:
        return ReuseDecision(job, tools, fingerprint, None, found.damage)
    if not ledger.keep_stamps(record, found.record):
        return decide_reuse(ledger, ledger.read(job.key.scope, job.key.asset), job, tools)
    return ReuseDecision(job, tools, fingerprint, found.record, "")


def imported_result(ledger: Ledger, scope: str, step: str) -> Record | None:
    """The record of a result that was made elsewhere and registered here; no job makes it, and none may replace it.

    Raises:
        InputError: its files are not as they were.
    """
    record = ledger.read(scope, step)
    if record is None or not record.imported:
        return None
    found = ledger.verify(record)
    if found.damage:
        raise InputError(f"the imported {step} of {scope} is not what it was: {found.damage}; import it again")
    ledger.keep_stamps(record, found.record)
    return found.record


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A wanted job that was handed to the backend."""

    wanted: ReuseDecision
    ticket: JobHandle

    @property
    def submission(self) -> Submission:
        """What the backend calls it, and where it works."""
        return self.ticket.submission


def submit(
    watcher: Watcher,
    wanted: ReuseDecision,
    on_change: Callable[[Status], None] | None = None,
    on_output: Callable[[Stream, bytes], None] | None = None,
) -> SubmittedJob:
    """Hands a wanted job to the backend; its changes and its output are told while it runs."""
    return SubmittedJob(wanted, watcher.submit(wanted.job, wanted.fingerprint, on_change, on_output))


def commit(ledger: Ledger, backend: Backend, run: SubmittedJob) -> Committed:
    """Waits for a job, publishes its files and records them. The log of a job that failed is kept.

    Raises:
        JobError: the job did not succeed; its sentence says why.
    """
    job_id = run.submission.job_id
    status = run.ticket.wait()
    if status.state is not State.SUCCEEDED or status.report is None:
        backend.discard(job_id, keep_log=True)
        raise JobError(status.reason or f"{run.wanted.job.name} ended as {status.state.value}")
    job = run.wanted.job
    try:
        with ledger.publishing(job.key.scope):
            committed = _publish(ledger, backend.name, run, status.report)
    except BioinfoAssetsError as error:
        # Hours of work may lie in scratch: it is left there for a person, until the next run frees it.
        raise JobError(f"{error}; what {job.name} made is in {run.submission.scratch} until the next run") from error
    backend.discard(job_id)
    return committed


def _publish(ledger: Ledger, backend_name: str, run: SubmittedJob, report: JobReport) -> Committed:
    job = run.wanted.job
    already = withdraw_previous(ledger, run.wanted)
    if already is not None:
        return already
    publish(ledger.store, job, report)
    ledger.store.remove_parts(ledger.uri(job.key.scope, job.key.asset))
    record = _record(ledger, backend_name, run, report)
    ledger.write(record)
    return Committed(record, reused=False)


def withdraw_previous(ledger: Ledger, wanted: ReuseDecision) -> Committed | None:
    """Withdraws the result that a new one is about to replace; gives it instead if another process made the new one.

    Raises:
        InputError: what the new one was made from was written again meanwhile.
    """
    job = wanted.job
    before = ledger.read(job.key.scope, job.key.asset)
    if before is not None and before.imported:  # meanwhile: its files are somebody's own, and stay
        return Committed(before, reused=True)
    if before is not None and before.fingerprint == wanted.fingerprint and not ledger.verify(before).damage:
        return Committed(before, reused=True)
    for item in job.inputs:
        check_unchanged(item.file, ledger.store)
    if before is not None:
        ledger.withdraw(before)
        _remove_outdated(ledger, before, job)
    return None


def inputs_of(job: Job) -> tuple[InputRecord, ...]:
    """What a job reads, as its record tells it."""
    return tuple(
        InputRecord(local=item.local, uri=item.file.uri, size=item.file.size, content=item.file.content)
        for item in job.inputs
    )


def _remove_outdated(ledger: Ledger, before: Record, job: Job) -> None:
    """Removes what the last result had and this one has not: a table beside a BAM that it does not tell of misleads."""
    made_now = {output.uri for output in job.outputs}
    for file in before.outputs:
        if file.uri not in made_now and file.uri.startswith(f"{ledger.output_path}/"):  # a copy names the first
            ledger.store.delete(file.uri)


def _record(ledger: Ledger, backend_name: str, run: SubmittedJob, report: JobReport) -> Record:
    wanted, job = run.wanted, run.wanted.job
    made = {file.key: file for file in report.files}
    return Record(
        asset=job.key.asset,
        scope=job.key.scope,
        version=job.version,
        fingerprint=wanted.fingerprint,
        script=job.script,
        parameters=dict(job.parameters),
        inputs=inputs_of(job),
        outputs=tuple(_published(ledger, made[item.key], item.uri) for item in job.outputs),
        tools=dict(wanted.tools),
        backend=backend_name,
        job_id=run.submission.job_id,
        host=socket.gethostname(),
        user=getpass.getuser(),
        project=version("bioinfo-assets"),
        started=report.started,
        finished=report.finished,
        wall_s=report.usage.wall_s,
        cpu_s=report.usage.cpu_s,
        peak_memory_mib=report.usage.peak_memory_mib,
        facts=dict(report.facts),
        warnings=report.warnings,
        image=report.image,
        attempts=report.attempts,
    )


def _published(ledger: Ledger, made: OutputFile, uri: str) -> FileRecord:
    stamp = ledger.store.stat(uri).stamp
    return FileRecord(key=made.key, uri=uri, size=made.size, sha256=made.sha256, content=made.content, stamp=stamp)
