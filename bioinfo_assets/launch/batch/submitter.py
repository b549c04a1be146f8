"""From jobs to submissions: takes over what already runs, puts many jobs of a step into one array, submits the rest.

Every write that a later process needs comes before the call that it would have to explain: the package, then the claim,
then SubmitJob, then the note of its answer.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.claims import Claim, Claims, SubmissionNote
from bioinfo_assets.launch.batch.client import ACTIVE, Client
from bioinfo_assets.launch.batch.definition import DEFAULT_PREFIX, Definitions
from bioinfo_assets.launch.batch.image import Images
from bioinfo_assets.launch.batch.package import address, bootstrap, check, pack
from bioinfo_assets.launch.batch.request import NO_QUEUE, Order, job_name, submission, tags_of
from bioinfo_assets.launch.batch.told import newest_report
from bioinfo_assets.launch.batch.tracked import RunIdentity, Tracked
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.store import Store, join

_AT_ONCE: Final = 16  # small objects written to S3 side by side


@dataclass(frozen=True, slots=True)
class Place:
    """Where and for whom jobs are submitted.

    Attributes:
        scratch: The prefix in S3 under which packages, claims and attempts lie.
        run: Whose jobs these are.
        disk: The folder of the machines that jobs work in; empty: the container's own.
        arrays_from: Jobs of one step that go as one array, at least.
        arrays_to: Jobs of one array, at most.
    """

    scratch: str
    run: RunIdentity
    disk: str
    arrays_from: int
    arrays_to: int


class Submitter:
    """Submits jobs; used by one thread.

    Args:
        client: To Batch.
        store: To S3.
        images: Which image a job runs in.
        definitions: Which job definition it has.
        place: Where and for whom.
    """

    def __init__(self, client: Client, store: Store, images: Images, definitions: Definitions, place: Place) -> None:
        self._client = client
        self._store = store
        self._images = images
        self._definitions = definitions
        self._place = place
        self._claims = Claims(store, place.scratch)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="batch")

    def submit(self, jobs: Sequence[Tracked]) -> None:
        """Submits jobs, or takes over those that already run; sets the fields of each.

        What is wrong with one job is its own failure, and keeps no other from being submitted.
        """
        fresh = [job for job, is_new in zip(jobs, self._pool.map(self._prepared, jobs), strict=True) if is_new]
        for group in self._groups(fresh):
            try:
                self._submit_group(group)
            except BioinfoAssetsError as error:
                for job in group:
                    _fail(job, str(error))

    def keep_spent(self, job: Tracked, reason: str) -> None:
        """Writes down that a job failed for good, for a run that Dagster begins by itself to try it again."""
        if job.fingerprint:
            self._claims.write(job.fingerprint, self._claim(job, None, spent=job.spent, reason=reason))

    def give_up(self, job: Tracked) -> None:
        """Removes what was written for those who come after: the job's result has its record."""
        if job.fingerprint:
            self._claims.drop(job.fingerprint)
        if not job.parent:
            self._claims.drop_note(job.name)

    def is_ours(self, job: Tracked) -> bool:
        """Whether no other run has taken the job over."""
        note = self._claims.read_note(job.name) if job.name else None
        return note is None or note.run_id == self._place.run.run_id

    def close(self) -> None:
        """Frees the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _prepared(self, job: Tracked) -> bool:
        """Whether a job is to be submitted: not one that runs already, has failed for good, or cannot be packed."""
        try:
            if job.is_cancelled or (job.submissions == 0 and job.fingerprint and self._taken_over(job)):
                return False
            if job.spent >= job.tries:
                return False
            if job.job.options.queue is None:
                raise InputError(NO_QUEUE)
            check(job.job)
        except BioinfoAssetsError as error:
            _fail(job, str(error))
            return False
        return True

    def _taken_over(self, job: Tracked) -> bool:
        claim = self._claims.read(job.fingerprint)
        if claim is None:
            return False
        if claim.budget == self._place.run.budget and claim.spent >= job.tries:
            _fail(job, f"{claim.reason} (its {job.tries} tries are used up)")
            return True
        batch_id = self._batch_id(claim)
        detail = self._client.describe([batch_id]).get(batch_id) if batch_id else None
        lives = detail is not None and detail["status"] in ACTIVE
        if not lives:
            told = newest_report(self._store, claim.folder) if claim.folder else None
            if told is None or not told.is_done:
                job.spent = claim.spent if claim.budget == self._place.run.budget else 0
                return False
        job.name, job.batch_id, job.folder, job.spent = claim.name, batch_id or "", claim.folder, claim.spent
        job.submitted, job.submissions = claim.submitted, 1
        job.package = address(join(self._place.scratch, "packages", claim.name), claim.index)
        job.base = claim.folder.rpartition("/")[0]
        if batch_id:
            self._claims.write_note(claim.name, self._note(batch_id.partition(":")[0]))
        job.status = Status(State.QUEUED, f"taken over from a run before: {claim.name}")
        return True

    def _batch_id(self, claim: Claim) -> str | None:
        """The id of a claimed job, whether or not the answer to its submission was heard."""
        if not claim.name:
            return None
        note = self._claims.read_note(claim.name)
        is_young = (datetime.now(UTC) - claim.submitted).total_seconds() < 60
        find = self._client.find_surely if is_young else self._client.find
        found = note.batch_id if note else find(claim.queue, claim.name)
        return found if found is None or claim.index is None else f"{found}:{claim.index}"

    def _groups(self, jobs: Iterable[Tracked]) -> Iterator[list[Tracked]]:
        """Jobs that can go as one array, of its largest size at most; the others each alone."""
        for _, alike in groupby(sorted(jobs, key=_likeness), key=_likeness):
            rest = list(alike)
            while len(rest) >= self._place.arrays_from:
                yield rest[: self._place.arrays_to]
                rest = rest[self._place.arrays_to :]
            yield from ([job] for job in rest)

    def _submit_group(self, jobs: list[Tracked]) -> None:
        first = jobs[0]
        image = self._images.of(first.job.options)
        definition = self._definitions.of(first.job.options, image)
        name = self._name(jobs)
        packages = join(self._place.scratch, "packages", name)
        order = Order(
            name=name,
            command=("bash", "-c", bootstrap(), "bootstrap", packages),
            size=len(jobs),
            definition=definition,
            resources=Resources(
                cpus=max(job.job.resources.cpus for job in jobs),
                memory_mib=max(job.job.resources.memory_mib for job in jobs),
            ),
            tries=first.tries - first.spent,
            options=first.job.options,
            tags=tags_of(first.job, self._place.run.run_id, self._place.scratch, alone=len(jobs) == 1),
        )
        places = [None] if len(jobs) == 1 else list(range(len(jobs)))
        for job, index in zip(jobs, places, strict=True):
            job.name, job.folder, job.submitted = name, job.next_folder(), datetime.now(UTC)
            job.package = address(packages, index)
            job.job = replace(job.job, resources=order.resources)
        for written in [self._pool.submit(self._write, job, index) for job, index in zip(jobs, places, strict=True)]:
            written.result()
        if all(job.is_cancelled for job in jobs):
            return
        batch_id = self._client.submit(submission(order, self._place.disk))
        self._claims.write_note(name, self._note(batch_id))
        for job, index in zip(jobs, places, strict=True):
            job.batch_id = batch_id if index is None else f"{batch_id}:{index}"
            job.submissions += 1

    def _write(self, job: Tracked, index: int | None) -> None:
        versions = self._images.tools(job.job.options) if job.job.tools else {}
        tools = {tool: versions[tool] for tool in job.job.tools}
        self._store.write_bytes(job.package, pack(job.job, job.folder, tools, self._store))
        if job.fingerprint:
            self._claims.write(job.fingerprint, self._claim(job, index, spent=job.spent, reason=""))

    def _claim(self, job: Tracked, index: int | None, *, spent: int, reason: str) -> Claim:
        return Claim(
            name=job.name,
            queue=job.job.options.queue or "",
            index=index,
            folder=job.folder,
            budget=self._place.run.budget,
            spent=spent,
            reason=reason,
            submitted=job.submitted,
        )

    def _note(self, batch_id: str) -> SubmissionNote:
        return SubmissionNote(batch_id=batch_id, run_id=self._place.run.run_id)

    def _name(self, jobs: list[Tracked]) -> str:
        job = jobs[0]
        mark = f"{job.fingerprint[:12]}-{secrets.token_hex(4)}" if job.fingerprint else secrets.token_hex(4)
        what = job.job.name if len(jobs) == 1 else f"{job.job.step}-array"
        return job_name(job.job.options.name_prefix or DEFAULT_PREFIX, what, mark)


def _likeness(job: Tracked) -> tuple[str, ...]:
    """What jobs of one array have in common.

    Memory is compared by powers of two: a large sample among many small ones would else give all of them its machine.
    """
    resources = job.job.resources
    return (
        job.job.step,
        job.job.options.model_dump_json(),
        str(job.spent),
        str(resources.cpus),
        str((resources.memory_mib - 1).bit_length()),
    )


def _fail(job: Tracked, reason: str) -> None:
    job.status = Status(State.FAILED, reason, outcome=Outcome.FAILED)
