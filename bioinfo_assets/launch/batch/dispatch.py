"""The threads that submit and end jobs: many at once where that is cheaper, and none in the way of another."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.launch.batch.submitter import Submitter
from bioinfo_assets.launch.batch.terminator import JobTerminator

AT_ONCE: Final = 16
"""Calls side by side: SubmitJob allows 50 a second in an account (AWS Batch service quotas)."""


class Dispatcher:
    """Submits jobs, and ends those that are not wanted, once no more come in for a moment.

    Its methods are called with `lock` held, but for `close`.

    Args:
        submitter: Submits.
        ending: Ends.
        limits: How long a moment is.
        going_on: Tells which jobs were submitted and are to go on.

    Attributes:
        lock: Of what passes between threads (see `BatchJob`).
        is_closed: Whether nothing is submitted any more.
    """

    def __init__(
        self, submitter: Submitter, ending: JobTerminator, limits: Limits, going_on: Callable[[], Sequence[BatchJob]]
    ) -> None:
        self._submitter = submitter
        self._ending = ending
        self._limits = limits
        self._going_on = going_on
        self._came_in: list[BatchJob] = []
        self._to_end: list[BatchJob] = []
        self._worker: threading.Thread | None = None
        self.lock = threading.Condition()
        self.is_closed = False

    def submit(self, job: BatchJob) -> None:
        """Has a job submitted, for the first time or again."""
        if self.is_closed:
            job.drop("not submitted as its run ended")
        else:
            self._came_in.append(job)
            self._wake()

    def end(self, job: BatchJob, reason: str) -> None:
        """Has a job ended; one that is not submitted yet is dropped by whoever has it."""
        if job.is_over or job.ending:
            return
        job.ending = reason
        if job.is_submitted:
            self._to_end.append(job)
            self._wake()

    def close(self) -> None:
        """Submits nothing more, and waits for what is being submitted."""
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
        """A group whose image is looked up first holds up no other, nor a job's end."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="batch submissions") as submissions:
            while not self.is_closed:
                came_in, ending = self._gathered()
                if came_in:
                    submissions.submit(self._submit, came_in, submissions)
                if ending:
                    self._end(ending)

    def _gathered(self) -> tuple[list[BatchJob], list[BatchJob]]:
        """The jobs to submit and those to end, once no more come in for a moment."""
        with self.lock:
            self.lock.wait_for(lambda: self.is_closed or self._came_in or self._to_end)
            seen = (-1, -1)
            while seen != (len(self._came_in), len(self._to_end)) and not self.is_closed:
                seen = len(self._came_in), len(self._to_end)
                self.lock.wait(self._limits.gather_s)
            came_in, self._came_in = self._came_in, []
            ending, self._to_end = self._to_end, []
            return ([], []) if self.is_closed else (came_in, ending)

    def _submit(self, jobs: Sequence[BatchJob], submissions: Executor) -> None:
        with self._defects_end(jobs):
            for group in self._submitter.groups(jobs):
                if not self.is_closed:
                    submissions.submit(self._submit_group, group)
        self._handed_over(jobs)

    def _submit_group(self, jobs: Sequence[BatchJob]) -> None:
        with self._defects_end(jobs):
            self._submitter.submit(jobs)
        self._handed_over(jobs)

    def _handed_over(self, jobs: Sequence[BatchJob]) -> None:
        """From here on Batch is asked for the jobs that were submitted; some may have been cancelled meanwhile."""
        with self.lock:
            submitted = [job for job in jobs if job.is_submitted]
            self._ending.answer_for(submitted)
            self._to_end += [job for job in submitted if job.ending]
            self.lock.notify_all()

    def _end(self, jobs: Sequence[BatchJob]) -> None:
        with self.lock:
            going_on = self._going_on()
        failed = self._ending.end([job for job in jobs if job.is_submitted and not job.is_over], going_on)
        with self.lock:
            if failed and not self.is_closed:
                self.lock.wait(self._limits.poll_s)
            self._to_end += failed

    @contextmanager
    def _defects_end(self, jobs: Sequence[BatchJob]) -> Iterator[None]:
        """Jobs that met a defect before they were submitted would else be waited for for ever."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as above
            for job in jobs:
                if not (job.is_submitted or job.is_over or self.is_closed):
                    job.fail(f"defect in the batch backend: {error!r}")
