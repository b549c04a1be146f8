"""How jobs are ended: by few calls, and none that another run waits for."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.claims import Claims
from bioinfo_assets.launch.batch.client import Client

_log = logging.getLogger(__name__)


class JobTerminator:
    """Ends jobs that were submitted.

    Args:
        client: To Batch.
        claims: Tell whose a job is.
        run_id: Whose jobs may be ended.
        pool: For calls side by side.
    """

    def __init__(self, client: Client, claims: Claims, run_id: str, pool: Executor) -> None:
        self._client = client
        self._claims = claims
        self._run_id = run_id
        self._pool = pool
        self._answered_for: dict[str, set[int | None]] = {}

    def answer_for(self, jobs: Iterable[BatchJob]) -> None:
        """Notes which jobs of an array this process waits for."""
        for job in jobs:
            if job.parent:
                self._answered_for.setdefault(job.parent, set()).add(job.index)

    def is_ours(self, job: BatchJob) -> bool:
        """Whether no other run has taken the job over.

        Raises:
            BioinfoAssetsError: that cannot be looked up.
        """
        if not job.fingerprint or not job.name:
            return True
        note = self._claims.read_note(job.name)
        if note is not None and note.run_id != self._run_id and job.index is not None:
            note = self._claims.read_note(job.name, job.index)  # another run has taken jobs of the array: this one?
        return note is None or note.run_id == self._run_id

    def end(self, jobs: Sequence[BatchJob], going_on: Iterable[BatchJob]) -> list[BatchJob]:
        """Asks Batch to end jobs, an array as a whole where nothing of it is to go on.

        Returns:
            Those for which that failed.
        """
        whole = self._whole_arrays(jobs, {job.parent for job in going_on})
        calls: dict[str, list[BatchJob]] = {}
        for job in jobs:
            calls.setdefault(job.parent if job.parent in whole else job.batch_id, []).append(job)
        ended = list(self._pool.map(lambda call: self._end(call[0], call[1], whole), calls.items()))
        return [job for done, part in zip(ended, calls.values(), strict=True) if not done for job in part]

    def _whole_arrays(self, jobs: Sequence[BatchJob], going_on: set[str]) -> set[str]:
        """The arrays of which this process waits for every job, wants none to go on, and none is another run's."""
        first = {job.parent: job for job in reversed(jobs) if job.parent and job.parent not in going_on}
        return {
            parent
            for parent, job in first.items()
            if len(self._answered_for.get(parent, ())) == job.array_size and self._owns_array(job)
        }

    def _owns_array(self, job: BatchJob) -> bool:
        try:
            note = self._claims.read_note(job.name)
        except BioinfoAssetsError:
            return False  # its jobs are ended one by one, as far as they are ours
        return note is None or note.run_id == self._run_id

    def _end(self, batch_id: str, jobs: Sequence[BatchJob], whole: set[str]) -> bool:
        try:
            if batch_id in whole or self.is_ours(jobs[0]):
                self._client.terminate(batch_id, jobs[0].ending)
            else:
                jobs[0].drop("another run has taken it over")
        except BioinfoAssetsError as error:
            _log.warning("job %s could not be ended yet: %s", batch_id, error)
            return False
        return True
