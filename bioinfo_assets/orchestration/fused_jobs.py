"""Which results of a sample are computed in one job, and what becomes of those that were submitted ahead of their turn.

The job of a result that was submitted with the one before it runs as soon as that is over. The result itself is checked
in its turn like any other, when what it is computed from is published: only then are its inputs, its fingerprint and
its provenance known. If its job is then the one that was planned, the job that runs already is taken for it. If it is
not, or if the result need not be computed, that job and those after it are cancelled.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import Submission
from bioinfo_assets.launch.fused import does_same_work, output_uris
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.result_graph import ResultGraph
from bioinfo_assets.orchestration.step_plan import StepPlan
from bioinfo_assets.orchestration.upstream_records import UpstreamRecords
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.provisional import provisional_record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.released import released_inputs
from bioinfo_assets.records.reuse import ReuseDecision
from bioinfo_assets.result_key import ResultKey


def planned_followers(
    job: Job, keys: Sequence[ResultKey], plan: StepPlan, records: UpstreamRecords, ledger: Ledger
) -> Sequence[Job]:
    """Plan the jobs that run after a job that has to run, before what they read exists.

    The first result that has a record ends them: it may be up to date, which its own check finds out. So does one that
    needs other CPUs or more or less memory, unless its options ask for the same job.

    Args:
        job: The job that runs first.
        keys: The results that may follow it.
        plan: What the step computes.
        records: The records upstream.
        ledger: The project's records.
    """
    jobs: list[Job] = []
    provisional = {job.key.asset: RecordSet(job.key.asset, {job.key.scope: provisional_record(job)})}
    for key in keys:
        try:
            if ledger.read(key) is not None:
                break
            upstream = plan.upstream(key, records, provisional)
            follower = plan.build(key, upstream)
        except BioinfoAssetsError:
            break  # its own check reports it
        if released_inputs(follower, upstream.released.values()):
            break
        if follower.options.fuse is None and not _need_same_machine(job, follower):
            break
        jobs.append(follower)
        provisional[key.asset] = RecordSet(key.asset, {key.scope: provisional_record(follower)})
    return jobs


def _need_same_machine(job: Job, other: Job) -> bool:
    needs, others = job.resources, other.resources
    return (needs.cpus, needs.memory_mib) == (others.cpus, others.memory_mib)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A job that was submitted ahead of its turn, as it was planned, and the addresses of what those before it make."""

    job: Job
    submission: Submission
    made_before: Collection[str]


@dataclass(slots=True)
class FusedJobs:
    """Which jobs of a step are submitted together, and those that were submitted ahead of their turn. Not thread-safe.

    Attributes:
        plan: What the step computes.
        graph: Which results can be started.
        by_default: Whether steps without the option are joined if they need the same machine.
    """

    plan: StepPlan
    graph: ResultGraph
    by_default: bool
    _shared_checks: set[ResultKey] = field(default_factory=set)
    _held: dict[ResultKey, ReuseDecision] = field(default_factory=dict)
    _released: dict[ResultKey, ReuseDecision] = field(default_factory=dict)
    _ahead: dict[ResultKey, _Ahead] = field(default_factory=dict)
    _next: dict[ResultKey, ResultKey] = field(default_factory=dict)

    @property
    def holds_any(self) -> bool:
        """Whether a result that must be computed waits (see `hold`)."""
        return bool(self._held or self._released)

    def begin_check(self, key: ResultKey) -> None:
        """Note that a result is being checked."""
        if key.partition_key is None:
            self._shared_checks.add(key)

    def end_check(self, key: ResultKey) -> None:
        """Note that it was."""
        self._shared_checks.discard(key)

    def hold(self, key: ResultKey, decision: ReuseDecision) -> bool:
        """Have a result wait while those that all samples share are checked; return whether it does.

        They are mostly up to date, which takes a moment to find out; without them, nothing that reads a reference could
        be planned to run after this one.
        """
        may_fuse = any(self._may_fuse(asset) for asset in self.plan.options)
        if key.partition_key is None or not self._shared_checks or not may_fuse:
            return False
        self._held[key] = decision
        return True

    def release(self) -> Collection[ResultKey]:
        """The results that waited and need not any longer; each is returned once."""
        if self._shared_checks or not self._held:
            return ()
        released, self._held = self._held, {}
        self._released |= released
        return released.keys()

    def pop_released(self, key: ResultKey) -> ReuseDecision | None:
        """The decision on a result that was released."""
        return self._released.pop(key, None)

    def fusable(self, key: ResultKey) -> Sequence[ResultKey]:
        """The results that may be computed in the same job as this one, each from those before it.

        If several can follow a result, such as the metrics of a BAM, they run at the same time in jobs of their own,
        unless their options ask for the same job.
        """
        keys = [key]
        while key.partition_key is not None:
            children = self.graph.blocked_by(keys)
            following = [
                child
                for child in children
                if self.plan.options[child.asset].fuse or (len(children) == 1 and self._may_fuse(child.asset))
            ]
            if not following:
                break
            keys += following
        return keys[1:]

    def _may_fuse(self, asset: str) -> bool:
        fuse = self.plan.options[asset].fuse
        return self.by_default if fuse is None else fuse

    def add(self, first: Job, followers: Sequence[Job], submission: Submission) -> None:
        """Note the jobs that were submitted with one; a backend may have submitted none of them."""
        jobs = [first]
        for job, own in zip(followers, submission.followers, strict=False):
            self._ahead[job.key] = _Ahead(job, own, output_uris(jobs))
            self._next[jobs[-1].key] = job.key
            jobs.append(job)

    def can_take(self, job: Job) -> bool:
        """Whether a job whose turn has come is the one that was submitted ahead of it."""
        ahead = self._ahead.get(job.key)
        return ahead is not None and does_same_work(job, ahead.job, ahead.made_before)

    def take(self, job: Job) -> Submission | None:
        """The submission of a job whose turn has come; None if there is none, or if another job was planned."""
        return self._ahead.pop(job.key).submission if self.can_take(job) else None

    def drop(self, key: ResultKey) -> Sequence[Submission]:
        """Forget the job that was submitted ahead for a result, and those after it; return them, to be cancelled."""
        own = self._ahead.pop(key, None)
        dropped = [] if own is None else [own.submission]
        after = self._next.pop(key, None)
        return dropped if after is None else [*dropped, *self.drop(after)]

    def drop_all(self) -> Sequence[Submission]:
        """Forget all jobs that were submitted ahead; return them, to be cancelled."""
        return [submission for key in list(self._ahead) for submission in self.drop(key)]
