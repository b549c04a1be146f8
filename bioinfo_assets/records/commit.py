"""Runs a job and publishes its result, or copies the result of another project.

The order of publishing keeps a result consistent whenever the host dies: the old record is withdrawn, the files are
moved to their places, the new record is written. Between the first and the last there is no result, only files.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, JobError, NotRunError, UnreachableError
from bioinfo_assets.launch.backend import Backend, JobReport, Outcome, OutputFile, State, Status, Stream, Submission
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.transfer import PublishLock, check_unchanged, publish
from bioinfo_assets.launch.watcher import JobHandle, Watcher
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import FileRecord, InputRecord, Record, user_name
from bioinfo_assets.records.reuse import ReuseDecision
from bioinfo_assets.records.scope_lists import with_listed_inputs
from bioinfo_assets.storage.store import FileStat, Store, local_path

_SOFTWARE: Final = version("bioinfo-assets")

MAX_CONCURRENT_COPIES: Final = 4
"""Files of one result that are copied at the same time."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A published result: its record, and whether it was reused rather than computed."""

    record: Record
    reused: bool


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A job that was submitted to the backend, with the decision to run it."""

    decision: ReuseDecision
    handle: JobHandle

    @property
    def job(self) -> Job:
        """The job."""
        return self.decision.required_job

    @property
    def submission(self) -> Submission:
        """The backend's id for the job, and where it runs."""
        return self.handle.submission


def submit(
    ledger: Ledger,
    watcher: Watcher,
    decision: ReuseDecision,
    on_change: Callable[[Status], None] | None = None,
    on_output: Callable[[Stream, bytes], None] | None = None,
    on_update: Callable[[], None] | None = None,
    followers: Sequence[Job] = (),
) -> SubmittedJob:
    """Submit a job; the callbacks receive its status changes and its output while it runs (see `Watcher.submit`)."""
    job = decision.required_job
    handle = watcher.submit(
        job,
        decision.fingerprint,
        on_change,
        on_output,
        lambda: _published_meanwhile(ledger, decision) is not None,
        on_update,
        followers,
    )
    return SubmittedJob(decision, handle)


def resume(
    watcher: Watcher,
    decision: ReuseDecision,
    submission: Submission,
    on_change: Callable[[Status], None] | None = None,
    on_output: Callable[[Stream, bytes], None] | None = None,
    on_update: Callable[[], None] | None = None,
) -> SubmittedJob:
    """Take a job that was submitted with the one before it, as `submit` would submit it."""
    return SubmittedJob(decision, watcher.follow(submission, on_change, on_output, on_update))


def commit(ledger: Ledger, backend: Backend, submitted: SubmittedJob) -> Committed:
    """Wait for a job, publish its files and write its record. The log of a failed job is kept.

    Another run, on this host or another, may have published the same result meanwhile: then that is the result.

    Raises:
        NotRunError: the job was not run, because one before it on the same machine did not succeed.
        JobError: the job did not succeed, or its files cannot be published.
        UnreachableError: S3 does not answer, so that they cannot be published for the moment. It may be called again.
    """
    job, submission = submitted.job, submitted.submission
    status = submitted.handle.wait()
    if status.state is not State.SUCCEEDED or status.report is None:
        current = _published_meanwhile(ledger, submitted.decision)
        was_run = status.outcome is not Outcome.NOT_RUN
        backend.discard(submission.job_id, keep_log=was_run and current is None)
        if current is not None:
            return current
        raise (JobError if was_run else NotRunError)(status.reason or f"{job.name} ended as {status.state.value}")
    try:
        with ledger.publishing(job.key.scope) as lock:
            committed = _publish(ledger, backend.name, submitted, status.report, lock)
    except UnreachableError:
        raise
    except BioinfoAssetsError as error:
        raise unpublished(backend, submitted, error) from error
    backend.discard(submission.job_id)
    return committed


def unpublished(backend: Backend, submitted: SubmittedJob, error: BioinfoAssetsError) -> JobError:
    """Let other runs compute a result that cannot be published, and describe where its files are.

    Hours of work may be in scratch: it is left there for a person, until the next run removes it.
    """
    backend.end_claim(submitted.submission.job_id)
    where = submitted.submission.scratch
    return JobError(f"{error}; the files of {submitted.job.name} are kept in {where} until the next run")


def copy_shared_result(ledger: Ledger, decision: ReuseDecision) -> Committed | None:
    """Copy a result of the shared cache to where its job would publish it.

    Returns:
        None if the result was changed or removed meanwhile, or may not be read: then the job has to run.

    Raises:
        InputError: the output path cannot be written to.
    """
    origin, job = decision.record, decision.required_job
    targets = {output.key: output.uri for output in job.outputs}
    if origin is None or targets.keys() != {file.key for file in origin.outputs}:
        return None
    is_restored = targets == {file.key: file.uri for file in origin.outputs}  # only its record was lost
    with ledger.publishing(job.key.scope) as lock:
        current = withdraw_previous(ledger, decision, lock, reads_inputs=False)
        if current is not None:
            return current
        with ThreadPoolExecutor(MAX_CONCURRENT_COPIES) as pool:
            copies = list(pool.map(lambda file: _copy(ledger.store, file, targets[file.key], lock), origin.outputs))
        files = tuple(file for file in copies if file is not None)
        if len(files) < len(copies):
            return None
        record = origin.model_copy(
            update={
                "asset": job.key.asset,  # the entry does not decide where its copy is recorded
                "scope": job.key.scope,
                "inputs": inputs_of(job),
                "outputs": files,
                "copied_from": origin.copied_from if is_restored else origin.copied_from or _record_uri(origin),
            }
        )
        lock.check()
        ledger.write(record)
    return Committed(record, reused=True)


def withdraw_previous(
    ledger: Ledger, decision: ReuseDecision, lock: PublishLock, *, reads_inputs: bool = True
) -> Committed | None:
    """Withdraw the result that a new one is about to replace.

    Args:
        ledger: The project's records.
        decision: The decision to compute or copy the new one.
        lock: The lock of its scope.
        reads_inputs: Whether the new one was computed from the job's inputs here, which then must still be as they
            were. A copy was not: the files upstream of it may have been released.

    Returns:
        The current result if another process has published it meanwhile: then there is nothing to publish.

    Raises:
        InputError: an input of the new result has changed meanwhile.
        ResourceError: the lock was lost.
    """
    job = decision.required_job
    previous = ledger.read(job.key)
    if previous is not None and _is_result_of(ledger, decision, previous):
        return Committed(previous, reused=True)
    if reads_inputs:
        # The machine that ran the job had those that are released. A report on thousands of samples has 90,000.
        inputs = [item.file for item in job.inputs if not item.file.is_released]
        listed = with_listed_inputs(ledger, inputs)
        unlisted = [file for file in inputs if not listed.is_listed(file.uri, file.size, file.stamp)]
        deque(map_reads(ledger, lambda file: check_unchanged(file, ledger.store), unlisted), maxlen=0)
    if previous is not None:
        lock.check()
        ledger.withdraw(previous)
        _delete_obsolete_files(ledger, previous, job, lock)
    return None


def _published_meanwhile(ledger: Ledger, decision: ReuseDecision) -> Committed | None:
    """The result of a decision to compute it, if another process has published or imported it since."""
    record = ledger.read(decision.required_job.key)
    if record is None or not _is_result_of(ledger, decision, record):
        return None
    return Committed(record, reused=True)


def _is_result_of(ledger: Ledger, decision: ReuseDecision, record: Record) -> bool:
    """Whether a record makes the decision's job needless; the files of an imported one belong to somebody else.

    A released one does not: the job runs because its files are needed.
    """
    if record.imported:
        return True
    is_complete = record.released is None and record.fingerprint == decision.fingerprint
    return is_complete and not ledger.check_files(record).damage


def inputs_of(job: Job) -> tuple[InputRecord, ...]:
    """The inputs of a job as its record has them."""
    return tuple(
        InputRecord(local=item.local, uri=item.file.uri, size=item.file.size, content=item.file.content)
        for item in job.inputs
    )


def _publish(
    ledger: Ledger, backend_name: str, submitted: SubmittedJob, report: JobReport, lock: PublishLock
) -> Committed:
    job = submitted.job
    current = withdraw_previous(ledger, submitted.decision, lock)
    if current is not None:
        is_own = current.record.job_id == submitted.submission.job_id  # the answer to writing its record was lost
        return replace(current, reused=not is_own)
    began = time.monotonic()
    published = publish(ledger.store, job, report, lock)
    report = _with_upload(report, job, time.monotonic() - began)
    ledger.store.remove_parts(ledger.uri(job.key))
    record = _record(backend_name, submitted, report, published)
    lock.check()
    ledger.write(record)
    return Committed(record, reused=False)


def _with_upload(report: JobReport, job: Job, seconds: float) -> JobReport:
    """Add to a report what publishing moved, if the outputs were on this machine; other jobs upload by themselves."""
    uris = {output.key: output.uri for output in job.outputs}
    if any(local_path(file.path) is None for file in report.files):
        return report
    uploaded = sum(file.size for file in report.files if file.is_published and local_path(uris[file.key]) is None)
    update = {"upload_s": seconds, "uploaded_bytes": uploaded}
    return replace(report, accounting=report.accounting.model_copy(update=update))


def _delete_obsolete_files(ledger: Ledger, previous: Record, job: Job, lock: PublishLock) -> None:
    """Delete files that only the previous result has: a table next to a BAM that it does not describe misleads."""
    current = {output.uri for output in job.outputs}
    for file in previous.outputs:
        if file.uri not in current and ledger.layout.contains(file.uri):
            lock.check()
            ledger.store.delete(file.uri)


def _record(backend_name: str, submitted: SubmittedJob, report: JobReport, published: Mapping[str, FileStat]) -> Record:
    decision, job = submitted.decision, submitted.job
    files = {file.key: file for file in report.files}
    return Record(
        asset=job.key.asset,
        scope=job.key.scope,
        version=job.version,
        fingerprint=decision.fingerprint,
        script=job.script,
        parameters=dict(job.parameters),
        inputs=inputs_of(job),
        outputs=tuple(_file_record(files[item.key], item.uri, published.get(item.key)) for item in job.outputs),
        tools=dict(decision.tools),
        backend=backend_name,
        job_id=submitted.submission.job_id,
        host=socket.gethostname(),
        user=user_name(),
        software=_SOFTWARE,
        started=report.started,
        finished=report.finished,
        wall_s=report.usage.wall_s,
        cpu_s=report.usage.cpu_s,
        peak_memory_mib=report.usage.peak_memory_mib,
        facts=dict(report.facts),
        warnings=report.warnings,
        image=report.image,
        attempts=report.attempts,
        accounting=report.accounting,
    )


def _file_record(file: OutputFile, uri: str, published: FileStat | None) -> FileRecord:
    return FileRecord(
        key=file.key,
        uri=uri,
        size=file.size,
        sha256=file.sha256,
        content=file.content,
        stamp="" if published is None else published.stamp,
        released=datetime.now(UTC) if published is None else None,
    )


def _copy(store: Store, file: FileRecord, uri: str, lock: PublishLock) -> FileRecord | None:
    """The file at its new place; None if it changed while it was copied, or may not be read."""
    lock.check()
    try:
        if file.uri != uri:
            store.copy(file.uri, uri, file.size)
    except InputError:
        if not _is_readable(store, file.uri):
            return None
        raise
    source, target = store.find(file.uri), store.find(uri)
    if source is None or target is None or source.stamp != file.stamp or target.size != file.size:
        return None
    return replace(file, uri=uri, stamp=target.stamp)


def _is_readable(store: Store, uri: str) -> bool:
    try:
        store.read_bytes(uri, 0, 1)
    except InputError:
        return False
    return True


def _record_uri(record: Record) -> str:
    """The address of a record of another output path, which is next to its files."""
    scope_folder = record.outputs[0].uri.rpartition("/")[0]
    return OutputLayout(scope_folder.rpartition("/")[0]).record(record.key)
