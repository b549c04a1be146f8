"""The threads that submit and terminate jobs: in batches where that saves calls, and without blocking each other."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.batch.adoption import Claims
from bioinfo_assets.launch.batch.batch_job import BatchJob, Phase
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig, stretch_interval
from bioinfo_assets.launch.batch.submitter import Submitter

_log = logging.getLogger(__name__)

LAST_PAUSES_S: Final = (1.0, 4.0)
"""Seconds before each further try to terminate the jobs of a run that ends."""


class JobTerminator:
    """Terminates submitted jobs.

    Args:
        client: Client for Batch.
        claims: Which run waits for a job.
        run_id: The run whose jobs may be terminated.
        pool: Threads for concurrent calls.
    """

    def __init__(self, client: Client, claims: Claims, run_id: str, pool: Executor) -> None:
        self._client = client
        self._claims = claims
        self._run_id = run_id
        self._pool = pool
        self._awaited: dict[str, set[int | None]] = {}

    def add_awaited(self, jobs: Iterable[BatchJob]) -> None:
        """Note which jobs of an array this process waits for."""
        for job in jobs:
            if job.submission.parent:
                self._awaited.setdefault(job.submission.parent, set()).add(job.submission.index)

    def is_ours(self, job: BatchJob) -> bool:
        """Whether no other run has adopted the job.

        Raises:
            BioinfoAssetsError: the submission note cannot be read.
        """
        submission = job.state.submission
        if not job.fingerprint or submission is None:
            return True
        note = self._claims.read_note(submission.name)
        if note is not None and note.run_id != self._run_id and submission.index is not None:
            # Another run has adopted jobs of the array: is this one of them?
            note = self._claims.read_note(submission.name, submission.index)
        return note is None or note.run_id == self._run_id

    def terminate(self, jobs: Sequence[BatchJob], continuing: Iterable[BatchJob]) -> list[BatchJob]:
        """Terminate jobs, an array in one call if none of its jobs is among those that continue.

        Returns:
            The jobs for which the call failed.
        """
        arrays = self._complete_arrays(jobs, {job.submission.parent for job in continuing})
        calls: dict[str, list[BatchJob]] = {}
        for job in jobs:
            parent = job.submission.parent
            calls.setdefault(parent if parent in arrays else job.submission.batch_id, []).append(job)
        succeeded = list(self._pool.map(lambda call: self._terminate(*call, is_array=call[0] in arrays), calls.items()))
        return [job for done, group in zip(succeeded, calls.values(), strict=True) if not done for job in group]

    def terminate_at_end(self, jobs: Sequence[BatchJob]) -> None:
        """Terminate jobs whose run ends; what still runs after some tries is left to `jobs reap` and the sensor."""
        left = list(jobs)
        for pause_s in (0.0, *LAST_PAUSES_S):
            time.sleep(pause_s)
            left = self.terminate(left, ())
            if not left:
                return
        _log.warning("%d jobs still run on AWS Batch: `bioinfo-assets jobs reap` terminates them", len(left))

    def _complete_arrays(self, jobs: Sequence[BatchJob], continuing: set[str]) -> set[str]:
        """The arrays all of whose jobs this process waits for, none of which continues or is another run's."""
        first = {
            job.submission.parent: job
            for job in reversed(jobs)
            if job.submission.parent and job.submission.parent not in continuing
        }
        return {
            parent
            for parent, job in first.items()
            if len(self._awaited.get(parent, ())) == job.submission.array_size and self._owns_array(job)
        }

    def _owns_array(self, job: BatchJob) -> bool:
        try:
            note = self._claims.read_note(job.submission.name)
        except BioinfoAssetsError:
            return False  # its jobs are terminated one by one, as far as they are this run's
        return note is None or note.run_id == self._run_id

    def _terminate(self, batch_id: str, jobs: Sequence[BatchJob], *, is_array: bool) -> bool:
        try:
            if is_array or self.is_ours(jobs[0]):
                self._client.terminate(batch_id, jobs[0].state.termination_reason)
            else:
                jobs[0].cancel("adopted by another run")
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that submits must go on
            _log.warning("job %s could not be terminated yet: %s", batch_id, error)
            return False
        return True


MAX_CONCURRENT_CALLS: Final = 16
"""SubmitJob allows 50 calls a second in an account (AWS Batch service quotas)."""


MAX_BATCHING_DELAYS: Final = 10
"""After so many times `batching_delay_s`, jobs are submitted even if more keep arriving; with many jobs, after one."""

POSTPONED_S: Final = 2.0
"""Seconds after which a job is tried again that another run is submitting, or that AWS could not be asked about."""


class Dispatcher:
    """Submits and terminates jobs once no more arrive for `batching_delay_s`.

    Its methods are called with `lock` held, except `close`.

    Args:
        submitter: Submits jobs.
        terminator: Terminates jobs.
        config: The delays.
        list_continuing: Lists the submitted jobs that are to continue.

    Attributes:
        lock: Protects the collected jobs, and the backend's list of jobs.
        is_closed: Whether nothing is submitted any longer.
    """

    def __init__(
        self,
        submitter: Submitter,
        terminator: JobTerminator,
        config: BatchConfig,
        list_continuing: Callable[[], Sequence[BatchJob]],
    ) -> None:
        self._submitter = submitter
        self._terminator = terminator
        self._config = config
        self._list_continuing = list_continuing
        self._to_submit: list[BatchJob] = []
        self._to_terminate: list[BatchJob] = []
        self._worker: threading.Thread | None = None
        self.lock = threading.Condition()
        self.is_closed = False
        self._closing = threading.Event()

    def submit(self, job: BatchJob) -> None:
        """Queue a job for submission, for the first time or again."""
        if self.is_closed:
            job.cancel("not submitted because its run is ending")
        else:
            self._to_submit.append(job)
            self._wake()

    def terminate(self, job: BatchJob, reason: str) -> None:
        """Queue a job for termination; one that is being submitted is terminated after that."""
        if job.request_termination(reason):
            self._to_terminate.append(job)
            self._wake()

    def close(self) -> None:
        """Stop submitting, and wait for the submissions under way."""
        self._closing.set()
        with self.lock:
            self.is_closed = True
            self.lock.notify_all()
        if self._worker is not None:
            self._worker.join()

    def _wake(self) -> None:
        if self._worker is None and not self.is_closed:
            self._worker = threading.Thread(target=self._work, name="batch submissions", daemon=True)
            self._worker.start()
        self.lock.notify_all()

    def _work(self) -> None:
        """Submissions run in threads of their own: a slow look-up of an image delays nothing else."""
        with ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="batch submissions") as pool:
            while not self.is_closed:
                to_submit, to_terminate = self._collect()
                if to_submit:
                    pool.submit(self._submit, to_submit, pool)
                if to_terminate:
                    self._terminate(to_terminate)

    def _collect(self) -> tuple[list[BatchJob], list[BatchJob]]:
        """Wait for jobs until no more arrive, or for long enough; return those to submit and those to terminate."""
        with self.lock:
            self.lock.wait_for(lambda: self.is_closed or self._to_submit or self._to_terminate)
            quiet_s = self._config.batching_delay_s
            many_s = stretch_interval(quiet_s, len(self._list_continuing()))
            # Samples that flow by themselves may add jobs without a pause.
            deadline = time.monotonic() + max(MAX_BATCHING_DELAYS * quiet_s, many_s)
            while not self.is_closed and (left_s := deadline - time.monotonic()) > 0:
                if not self._more_arrive(min(left_s, quiet_s if self._to_terminate else many_s)):
                    break
            if self.is_closed:
                return [], []
            to_submit, self._to_submit = self._to_submit, []
            to_terminate, self._to_terminate = self._to_terminate, []
            return to_submit, to_terminate

    def _more_arrive(self, delay_s: float) -> bool:
        """Wait for more jobs; False if none came for so many seconds."""
        count = len(self._to_submit) + len(self._to_terminate)
        return self.lock.wait_for(
            lambda: self.is_closed or len(self._to_submit) + len(self._to_terminate) > count, delay_s
        )

    def _submit(self, jobs: Sequence[BatchJob], pool: Executor) -> None:
        with self._fail_on_defect(jobs):
            if self.is_closed:
                return
            groups = self._submitter.group(jobs)
            for group in groups.ready:
                if self.is_closed:
                    self._submitter.release(group)
                else:
                    pool.submit(self._submit_group, group)
            self._start_polling(jobs)
            self._submit_later(groups.postponed)

    def _submit_group(self, jobs: Sequence[BatchJob]) -> None:
        postponed: Sequence[BatchJob] = ()
        with self._fail_on_defect(jobs):
            postponed = self._submitter.submit(jobs)
        self._start_polling(jobs)
        self._submit_later(postponed)

    def _submit_later(self, jobs: Sequence[BatchJob]) -> None:
        """Queue jobs again after a while that cannot be submitted now."""
        if not jobs:
            return
        self._closing.wait(POSTPONED_S)
        with self.lock:
            for job in jobs:
                self.submit(job)

    def _start_polling(self, jobs: Sequence[BatchJob]) -> None:
        """Hand the jobs that were submitted over to polling; some may have been cancelled meanwhile."""
        with self.lock:
            submitted = [job for job in jobs if job.state.phase is Phase.SUBMITTED]
            self._terminator.add_awaited(submitted)
            self._to_terminate += [job for job in submitted if job.start_polling()]
            self.lock.notify_all()

    def _terminate(self, jobs: Sequence[BatchJob]) -> None:
        with self.lock:
            continuing = self._list_continuing()
        failed = self._terminator.terminate([job for job in jobs if job.state.is_active], continuing)
        with self.lock:
            if failed and not self.is_closed:
                self.lock.wait(self._config.poll_interval_s)
            self._to_terminate += failed

    @contextmanager
    def _fail_on_defect(self, jobs: Sequence[BatchJob]) -> Iterator[None]:
        """Jobs that were not submitted because of a defect have to fail: otherwise nothing would end them."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as above
            for job in jobs:
                if job.state.phase is Phase.WAITING and not self.is_closed:
                    job.fail(f"defect in the batch backend: {error!r}")
