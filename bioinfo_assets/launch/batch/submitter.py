"""From jobs to submissions: adopts what already runs, groups similar jobs into arrays, submits the rest.

Everything that a later process needs is written before the call that it would have to explain: the package, then the
claim, then SubmitJob, then the note of its answer.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, UnreachableError
from bioinfo_assets.launch.batch.active_jobs import save_queue
from bioinfo_assets.launch.batch.adoption import Adoption, Claims, SubmissionNote
from bioinfo_assets.launch.batch.batch_job import BatchJob, BatchSubmission, RunIdentity
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.grouping import group_similar, submission_name
from bioinfo_assets.launch.batch.images import Images
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.job_package import bootstrap, pack
from bioinfo_assets.launch.batch.preparation import JobPreparer, Preparation
from bioinfo_assets.launch.batch.retries import attempts_in_queue
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths, package_uri, submission_folder
from bioinfo_assets.launch.batch.submission_request import (
    NO_QUEUE,
    SubmissionRequest,
    submit_job_arguments,
    tags_of,
    timeout_of_parts,
)
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.storage.store import Store

MAX_CONCURRENT_WRITES: Final = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Groups:
    """The jobs that have to be submitted.

    Attributes:
        ready: The groups, each one submission.
        postponed: The jobs that another run is submitting at this moment.
    """

    ready: tuple[Sequence[BatchJob], ...]
    postponed: tuple[BatchJob, ...]


class Submitter:
    """Submits jobs; safe for threads as long as each has jobs of its own.

    Args:
        client: Client for Batch.
        store: Store for S3.
        images: Container images of jobs.
        definitions: Job definitions of jobs.
        paths: The project's scratch.
        run: The run that jobs belong to.
        config: Sizes of arrays, the machines' disk, and how long Batch may not list a new job.

    Attributes:
        claims: The claims of all runs.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        images: Images,
        definitions: JobDefinitions,
        paths: ScratchPaths,
        run: RunIdentity,
        config: BatchConfig,
    ) -> None:
        self._client = client
        self._store = store
        self._images = images
        self._definitions = definitions
        self._paths = paths
        self._run = run
        self._config = config
        self.claims = Claims(store, paths)
        self._adoption = Adoption(client, store, self.claims, run, config.visibility_grace_s)
        self._preparer = JobPreparer(self.claims, self._adoption, run, config.poll_error_timeout_s)
        self._saved_queues: set[tuple[str, str]] = set()
        self._writers = ThreadPoolExecutor(MAX_CONCURRENT_WRITES, thread_name_prefix="batch packages")

    def close(self) -> None:
        """Stop the threads."""
        self._writers.shutdown()

    def group(self, jobs: Iterable[BatchJob]) -> Groups:
        """Group the jobs that have to be submitted: similar ones into arrays, the others each alone.

        A job that was adopted or that failed before its submission is in no group; its state shows which.
        """
        waiting = list(jobs)
        prepared = list(zip(waiting, self._writers.map(self._preparer.prepare, waiting), strict=True))
        claimed, postponed = (
            tuple(job for job, preparation in prepared if preparation is kind)
            for kind in (Preparation.CLAIMED, Preparation.POSTPONED)
        )
        return Groups(tuple(group_similar(claimed, self._config)), postponed)

    def submit(self, jobs: Sequence[BatchJob]) -> Sequence[BatchJob]:
        """Submit a group; errors end its jobs.

        Returns:
            The jobs that could not be submitted for the moment, or that another run has taken over: they have to be
            grouped again.
        """
        lost: list[BatchJob] = []
        try:
            held = list(self._writers.map(self._preparer.renew, jobs))
            lost = [job for job, is_held in zip(jobs, held, strict=True) if not is_held]
            jobs = [job for job, is_held in zip(jobs, held, strict=True) if is_held]
            if jobs:
                self._submit(jobs)
        except UnreachableError as error:
            kept = [job for job in jobs if self._preparer.postpone_or_fail(job, error) is Preparation.POSTPONED]
            return [*lost, *kept]
        except BioinfoAssetsError as error:
            self._preparer.release(jobs)
            for job in jobs:
                job.fail(str(error))
        return lost

    def release(self, jobs: Iterable[BatchJob]) -> None:
        """Delete the claims of jobs that are not submitted, so that no run waits for them."""
        self._preparer.release(jobs)

    def record_failure(self, job: BatchJob, spent: int, reason: str) -> None:
        """Write down that a job failed for good, for the run by which Dagster retries it."""
        part = job.parts.current
        fingerprint = job.parts.fingerprints().get(part)
        if fingerprint is not None:
            self.claims.write(fingerprint, self._preparer.claim_of(job, job.submission, spent, reason, part))

    def claim_part(self, job: BatchJob, part: int, fingerprint: str) -> None:
        """Claim the fingerprint of a part, for a run that goes on if this one dies; an error is only logged."""
        job.parts.identify(part, fingerprint)
        state = job.state
        try:
            if state.submission is not None and not state.is_over:
                self.claims.write(fingerprint, self._preparer.claim_of(job, state.submission, state.spent, "", part))
        except BioinfoAssetsError as error:
            _log.warning("%s could not be claimed: %s", job.parts.jobs[part].name, error)

    def can_adopt(self, fingerprint: str) -> bool:
        """Whether there is a submission for a fingerprint that waits or runs, or whose parts are all done."""
        claim = self.claims.read(fingerprint)
        return claim is not None and self._adoption.can_adopt(claim)

    def files_of(self, job: BatchJob) -> Iterator[str]:
        """What was written for later processes, and is not needed once the result has its record."""
        for fingerprint in job.parts.fingerprints().values():
            yield self._paths.claim(fingerprint)
        submission = job.state.submission
        if submission is not None:
            yield self._paths.submission_note(submission.name, submission.index)  # the array's own is for all its jobs
            yield submission.package

    def _submit(self, jobs: Sequence[BatchJob]) -> None:
        first = jobs[0].state
        options = first.job.options
        if options.queue is None:
            raise InputError(NO_QUEUE)
        image = self._images.image_of(options)
        request = SubmissionRequest(
            name=(name := submission_name(jobs)),
            command=("bash", "-c", bootstrap(), "bootstrap", self._paths.packages(name)),
            size=len(jobs),
            definition=self._definitions.definition_of(options, image),
            resources=Resources(
                cpus=max(job.state.job.resources.cpus for job in jobs),
                memory_mib=max(job.state.job.resources.memory_mib for job in jobs),
            ),
            timeout_s=max(timeout_of_parts(job.parts.jobs) for job in jobs),
            attempts=attempts_in_queue(first, self._config),
            options=options.model_copy(update={"timeout_s": None}),
            tags=tags_of(first.job, self._run.run_id, self._paths.root, is_single=len(jobs) == 1),
        )
        arguments = submit_job_arguments(request, self._client.region, self._config.scratch_volume)
        for index, job in enumerate(jobs):
            job.prepare(self._next_submission(job, name, index, len(jobs)), request.resources)
        list(self._writers.map(self._write, jobs))
        if all(job.state.termination_reason for job in jobs):
            self.release(jobs)
            for job in jobs:
                job.cancel("cancelled before it started")
            return
        if (queue := (options.queue, options.prefix)) not in self._saved_queues:
            save_queue(self._store, self._paths, *queue)
            self._saved_queues.add(queue)
        for job in jobs:
            job.send()
        batch_id = self._client.submit(arguments)
        for job in jobs:
            own_index = job.submission.index
            job.accept(batch_id if own_index is None else f"{batch_id}:{own_index}")
        self._write_note(name, batch_id, jobs[0].submission.array_size)

    def _next_submission(self, job: BatchJob, name: str, index: int, size: int) -> BatchSubmission:
        previous = job.state.submission
        number = 1 if previous is None else previous.number + 1
        own_index, array_size = (None, 0) if size == 1 else (index, size)
        return BatchSubmission(
            name=name,
            index=own_index,
            array_size=array_size,
            folder=submission_folder(job.state.folder, number),
            package=package_uri(self._paths.packages(name), own_index),
            number=number,
            submitted=datetime.now(UTC),
            may_be_sent=False,
        )

    def _write(self, job: BatchJob) -> None:
        """Write the package and the claim of a job."""
        state, submission = job.state, job.submission
        tools = self._images.tool_versions(job.parts.tools(), state.job.options)
        marks = self._paths.parts_of(state.folder)
        package = pack(state.job, submission.folder, tools, self._store, job.parts.jobs[1:], marks)
        self._store.write_bytes(submission.package, package)
        for part, fingerprint in job.parts.fingerprints().items():
            if part >= job.parts.current:
                self.claims.write(fingerprint, self._preparer.claim_of(job, submission, state.spent, "", part))

    def _write_note(self, name: str, batch_id: str, array_size: int) -> None:
        """An error is only logged: without a note the job is found by the name in its claim."""
        try:
            self.claims.write_note(name, SubmissionNote(batch_id=batch_id, run_id=self._run.run_id, size=array_size))
        except BioinfoAssetsError as error:
            _log.warning("the id of job %s could not be saved: %s", name, error)
