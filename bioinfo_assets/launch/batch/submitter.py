"""From jobs to submissions: takes over what already runs, puts many jobs of a step into one array, submits the rest.

Every write that a later process needs comes before the call that it would have to explain: the package, then the claim,
then SubmitJob, then the note of its answer.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.adoption import Adoption
from bioinfo_assets.launch.batch.batch_job import BatchJob, RunIdentity
from bioinfo_assets.launch.batch.claims import Claim, Claims, SubmissionNote
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.images import Images
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.job_package import bootstrap, check_inputs, pack, package_uri
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.launch.batch.submission_request import (
    NO_QUEUE,
    SubmissionRequest,
    job_name,
    submit_job_arguments,
    tags_of,
)
from bioinfo_assets.launch.batch.timeouts import default_timeout_s
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.storage.store import Store, join

_AT_ONCE: Final = 16  # small objects written to S3 side by side
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """Where and for whom jobs are submitted.

    Attributes:
        scratch: The prefix in S3 under which packages, claims and attempts lie.
        run: Whose jobs these are.
        disk: The folder of the machines that jobs work in; empty: the container's own.
        limits: How large arrays are, and how long Batch may not tell of a new job.
    """

    scratch: str
    run: RunIdentity
    disk: str
    limits: Limits


class Submitter:
    """Submits jobs; safe for threads, each with jobs of its own.

    Args:
        client: To Batch.
        store: To S3.
        images: Which image a job runs in.
        definitions: Which job definition it has.
        place: Where and for whom.
    """

    def __init__(
        self, client: Client, store: Store, images: Images, definitions: JobDefinitions, place: SubmissionContext
    ) -> None:
        self._client = client
        self._store = store
        self._images = images
        self._definitions = definitions
        self._place = place
        self.claims = Claims(store, place.scratch)
        self._adoption = Adoption(client, store, self.claims, place.run, place.limits.listed_s)
        self._writers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="batch packages")

    def close(self) -> None:
        """Frees the threads."""
        self._writers.shutdown()

    def groups(self, jobs: Iterable[BatchJob]) -> Iterator[list[BatchJob]]:
        """Jobs that can go as one array, of its largest size at most; the others each alone.

        What is wrong with a job, or already done or under way for it, is told in its fields, and it is in no group.
        """
        waiting = list(jobs)
        fresh = [job for job, is_new in zip(waiting, self._writers.map(self._is_new, waiting), strict=True) if is_new]
        for _, alike in groupby(sorted(fresh, key=_likeness), key=_likeness):
            rest = list(alike)
            while len(rest) >= self._place.limits.arrays_from:
                yield rest[: self._place.limits.arrays_to]
                rest = rest[self._place.limits.arrays_to :]
            yield from ([job] for job in rest)

    def submit(self, jobs: Sequence[BatchJob]) -> None:
        """Submits a group; what goes wrong is told in the fields of each job."""
        try:
            self._submit(jobs)
        except BioinfoAssetsError as error:
            for job in jobs:
                job.fail(str(error))

    def keep_spent(self, job: BatchJob, spent: int, reason: str) -> None:
        """Writes down that a job failed for good, for a run that Dagster begins by itself to try it again."""
        if job.fingerprint:
            self.claims.write(job.fingerprint, self._claim(job, spent=spent, reason=reason))

    def give_up(self, job: BatchJob) -> None:
        """Removes what was written for those who come after: the job's result has its record."""
        if job.fingerprint:
            self.claims.drop(job.fingerprint)
        if job.name:
            self.claims.drop_note(job.name, job.index)  # an array's own note is for all its jobs
        if job.package:
            self._store.delete(job.package)

    def _is_new(self, job: BatchJob) -> bool:
        """Whether a job is to be submitted: not one that runs already, has used up its tries, or cannot be packed."""
        try:
            if job.ending:
                job.drop("cancelled before it started")
                return False
            if job.submissions == 0 and job.fingerprint and self._adoption.is_taken_over(job):
                return False
            check_inputs(job.job)
        except BioinfoAssetsError as error:
            job.fail(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a defect that one job meets must not keep the others from being submitted
            job.fail(f"defect in the batch backend: {error!r}")
            return False
        return True

    def _submit(self, jobs: Sequence[BatchJob]) -> None:
        first = jobs[0]
        if first.job.options.queue is None:
            raise InputError(NO_QUEUE)
        image = self._images.of(first.job.options)
        definition = self._definitions.of(first.job.options, image)
        name = self._name(jobs)
        packages = join(self._place.scratch, "packages", name)
        order = SubmissionRequest(
            name=name,
            command=("bash", "-c", bootstrap(), "bootstrap", packages),
            size=len(jobs),
            definition=definition,
            resources=Resources(
                cpus=max(job.job.resources.cpus for job in jobs),
                memory_mib=max(job.job.resources.memory_mib for job in jobs),
            ),
            timeout_s=max(default_timeout_s(job.job) for job in jobs),
            tries=first.tries - first.spent,
            options=first.job.options,
            tags=tags_of(first.job, self._place.run.run_id, self._place.scratch, alone=len(jobs) == 1),
        )
        request = submit_job_arguments(order, self._client.region, self._place.disk)
        self._write_all(jobs, order, packages)
        if all(job.ending for job in jobs):
            for job in jobs:
                job.drop("cancelled before it started")
            return
        batch_id = self._client.submit(request)
        for job in jobs:
            job.batch_id = batch_id if job.index is None else f"{batch_id}:{job.index}"
            job.submissions += 1
            job.status = Status(State.QUEUED, "SUBMITTED")
            job.is_submitted = True
        self._write_note(name, self._note(batch_id, first.array_size))

    def _write_all(self, jobs: Sequence[BatchJob], order: SubmissionRequest, packages: str) -> None:
        """Packages and claims of a group."""
        for index, job in enumerate(jobs):
            job.name, job.folder, job.submitted = order.name, job.next_folder(), datetime.now(UTC)
            job.index, job.array_size = (None, 0) if len(jobs) == 1 else (index, len(jobs))
            job.package = package_uri(packages, job.index)
            job.job = replace(job.job, resources=order.resources)
        list(self._writers.map(self._write, jobs))

    def _write_note(self, name: str, note: SubmissionNote) -> None:
        """Without a note the job is found by its name in the claim: it goes on."""
        try:
            self.claims.write_note(name, note)
        except BioinfoAssetsError as error:
            _log.warning("the id of job %s could not be kept: %s", name, error)

    def _write(self, job: BatchJob) -> None:
        tools = self._images.versions(job.job.tools, job.job.options)
        self._store.write_bytes(job.package, pack(job.job, job.folder, tools, self._store))
        if job.fingerprint:
            self.claims.write(job.fingerprint, self._claim(job, spent=job.spent, reason=""))

    def _claim(self, job: BatchJob, *, spent: int, reason: str) -> Claim:
        return Claim(
            name=job.name,
            queue=job.job.options.queue or "",
            index=job.index,
            folder=job.folder,
            budget=self._place.run.budget,
            spent=spent,
            reason=reason,
            submitted=job.submitted,
        )

    def _note(self, batch_id: str, size: int) -> SubmissionNote:
        return SubmissionNote(batch_id=batch_id, run_id=self._place.run.run_id, size=size)

    def _name(self, jobs: Sequence[BatchJob]) -> str:
        job = jobs[0]
        mark = "-".join([*([job.fingerprint[:12]] if job.fingerprint else []), secrets.token_hex(4)])
        what = job.job.name if len(jobs) == 1 else f"{job.job.key.asset}-array"
        return job_name(job.job.options.prefix, what, mark)


def _likeness(job: BatchJob) -> tuple[str, ...]:
    """What jobs of one array have in common.

    Memory is compared by powers of two: a large sample among many small ones would else give all of them its machine.
    """
    resources = job.job.resources
    return (
        job.job.key.asset,
        job.job.options.model_dump_json(),
        str(job.spent),
        str(resources.cpus),
        str((resources.memory_mib - 1).bit_length()),
    )
