"""Termination of jobs, in few calls, sparing those that another run waits for."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.claims import Claims
from bioinfo_assets.launch.batch.client import Client

_log = logging.getLogger(__name__)


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
        except BioinfoAssetsError as error:
            _log.warning("job %s could not be terminated yet: %s", batch_id, error)
            return False
        return True
