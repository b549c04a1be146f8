"""A dry run: which results a run would reuse, copy or compute, and why.

It builds the jobs that a run would build and decides by the same function (`records.reuse`). It starts no job and does
not import Dagster, so that an up-to-date project is recognised within a second.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, MissingToolError, ResourceError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.pipeline.blocking import build_job, check_not_blocked
from bioinfo_assets.pipeline.graph import GRAPH, OVER_SAMPLES, parents_of, result_key
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.released import reason_not_restored, reason_to_restore, released_inputs
from bioinfo_assets.records.reuse import NOT_COMPUTED, ReuseAction, ReuseDecision, decide_reuse
from bioinfo_assets.records.scope_lists import with_listed_files
from bioinfo_assets.result_key import COHORT, REFERENCES, ResultKey
from bioinfo_assets.steps.reference import Aligner

MAX_CONCURRENT_CHECKS: Final = 16
"""Results checked at the same time; they wait for a disk or the network."""


class PlannedAction(Enum):
    """What a run would do about one result."""

    REUSE = "reuse"
    COPY = "copy"
    """Another project computed it, and shares it."""

    RUN = "run"
    DEPENDS_ON_UPSTREAM = "depends on upstream"
    """One of its inputs would be computed first; only then can the run know whether the input changes."""

    BLOCKED = "blocked"


_PENDING: Final = (PlannedAction.RUN, PlannedAction.COPY, PlannedAction.DEPENDS_ON_UPSTREAM)


@dataclass(frozen=True, slots=True)
class PlannedResult:
    """What a run would do about one result.

    Attributes:
        key: The result.
        action: What a run would do.
        reason: Why, in a few words; empty where the result is reused.
        record: The current record, intact or not; None where there is none.
        decision: The job with its fingerprint; None where it could not be built.
        is_stale: Whether the record exists and its inputs, parameters, step or tools have changed since.
    """

    key: ResultKey
    action: PlannedAction
    reason: str = ""
    record: Record | None = None
    decision: ReuseDecision | None = None
    is_stale: bool = False


def _state_of(planned: PlannedResult) -> PlannedResult:
    """A planned result without what its state does not depend on."""
    if planned.record is None:
        return planned
    decision = None if planned.action is PlannedAction.REUSE else planned.decision
    return replace(planned, record=planned.record.without_provenance(), decision=decision)


@dataclass
class DryRun:
    """A dry run of a project.

    Attributes:
        project: The project.
        backend: Where its jobs would run; only the versions of its tools are read.
        assets: What would be computed, in the order of the graph.
        samples: For which samples.
        all_samples: The samples of a report.
        sources: The external files as they are now.
        superseded: By sample, the assets that an import makes unnecessary.
        states_only: Whether results are kept without scripts, inputs, and the jobs of those that are reused: of ten
            thousand samples these take more than a gigabyte.
        unknown_tools: Why the versions of tools are unknown; results then count as computed with the current ones.
        ledger: The project's records; in S3, the files of many samples are listed.
    """

    project: Project
    backend: Backend
    assets: Sequence[str]
    samples: Sequence[str]
    all_samples: Sequence[str]
    sources: Sources
    superseded: Mapping[str, Collection[str]] = field(default_factory=dict)
    states_only: bool = False
    unknown_tools: str = ""
    ledger: Ledger = field(init=False)
    _records: dict[str, dict[str, Record]] = field(default_factory=dict)
    _tools: dict[tuple[tuple[str, ...], str | None], Mapping[str, str]] = field(default_factory=dict)
    _planned: dict[ResultKey, PlannedResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.all_samples if any(asset in OVER_SAMPLES for asset in self.assets) else self.samples
        self.ledger = with_listed_files(self.project.ledger, [REFERENCES, COHORT, *names])

    def planned_results(self) -> Iterator[PlannedResult]:
        """All results, in the order in which they would be computed."""
        for _ in self._planned_forward():
            pass
        self._plan_released()
        yield from self._planned.values()

    def reusable_results(self) -> list[PlannedResult] | None:
        """All results if each of them would be reused; otherwise None, as soon as one would not."""
        results = []
        for result in self._planned_forward():
            if result.action is not PlannedAction.REUSE:
                return None
            results.append(result)
        return results

    def _planned_forward(self) -> Iterator[PlannedResult]:
        """What would be done about each result, before it is known whose released files would be read."""
        with ThreadPoolExecutor(MAX_CONCURRENT_CHECKS) as pool:
            for asset in self.assets:
                upstream = self._upstream(asset)
                planned = list(pool.map(lambda key: self._plan(key, upstream), self._keys(asset)))  # noqa: B023 - used up before the next turn
                self._keep(asset, planned)
                yield from planned

    def _keys(self, asset: str) -> list[ResultKey]:
        if GRAPH[asset].scope is not None:
            return [result_key(asset, "")]
        return [ResultKey(asset, name) for name in self.samples if asset not in self.superseded.get(name, ())]

    def _plan(self, key: ResultKey, upstream: Upstream) -> PlannedResult:
        planned = self._plan_one(key, upstream)
        lost = next(self._lost_upstream(planned), None)
        if lost is not None and planned.action is PlannedAction.RUN:
            return replace(planned, action=PlannedAction.BLOCKED, reason=reason_not_restored(lost))
        if lost is not None:
            return replace(planned, reason=f"{planned.reason}; if it has to run, {reason_not_restored(lost)}")
        return _state_of(planned) if self.states_only else planned

    def _plan_one(self, key: ResultKey, upstream: Upstream) -> PlannedResult:
        record = None
        try:
            record = self.ledger.read(key)
            if record is None or not record.imported:
                pending = self._plan_by_upstream(key, record)
                if pending is not None:
                    return pending
                if record is None and not self._needs_fingerprint:
                    self._check_upstream(key, upstream)  # without reading FASTQs, which takes long the first time
                    return PlannedResult(key, PlannedAction.RUN, NOT_COMPUTED)
            return self._plan_by_decision(key, upstream, record)
        except BioinfoAssetsError as problem:
            return PlannedResult(key, PlannedAction.BLOCKED, str(problem), record)

    @property
    def _needs_fingerprint(self) -> bool:
        """Whether a result that is not computed yet may be in the shared cache, and that is of interest."""
        return self.project.cache is not None and not self.states_only

    def _plan_by_decision(self, key: ResultKey, upstream: Upstream, record: Record | None) -> PlannedResult:
        decision = decide_reuse(
            self.ledger,
            self.project.cache,
            record,
            lambda: self._build(key, upstream),
            lambda job: self._tool_versions(job, record),
        )
        if decision.action is ReuseAction.REUSE:
            return PlannedResult(key, PlannedAction.REUSE, record=decision.record, decision=decision)
        is_stale = record is not None and record.fingerprint != decision.fingerprint
        if decision.action is ReuseAction.COPY:
            reason = f"{decision.reason}; available in {self.project.settings.cache}"
            return PlannedResult(key, PlannedAction.COPY, reason, record, decision, is_stale=is_stale)
        return PlannedResult(key, PlannedAction.RUN, decision.reason, record, decision, is_stale=is_stale)

    def _build(self, key: ResultKey, upstream: Upstream) -> Job:
        return build_job(GRAPH[key.asset], upstream, key.scope).with_options(
            self.project.settings.options_of(key.asset)
        )

    def _tool_versions(self, job: Job, record: Record | None) -> Mapping[str, str]:
        key = job.tools, job.options.image
        try:
            versions = self._tools.get(key) or self.backend.known_tool_versions(job.tools, job.options)
            problem = f"the tools of the image {job.options.image} have not been read yet; a run reads them"
        except ResourceError as error:
            versions, problem = None, str(error)
        if versions is None:
            self.unknown_tools = problem
            return record.tools if record else {}
        self._tools[key] = versions
        return versions

    def _check_upstream(self, key: ResultKey, upstream: Upstream) -> None:
        """Check that a result's inputs exist, and that its sample is not blocked.

        Raises:
            InputError: one does not, or it is.
        """
        if key.asset in OVER_SAMPLES:
            self._build(key, upstream)
            return
        for parent in parents_of(key.asset):
            if GRAPH[parent].enabled(self.project.settings):
                upstream.records[parent].of(result_key(parent, key.scope).scope)
        check_not_blocked(GRAPH[key.asset], upstream, key.scope)

    def _plan_by_upstream(self, key: ResultKey, record: Record | None) -> PlannedResult | None:
        """What pending or blocked results upstream mean for this one; None where all of them are reused."""
        first: dict[PlannedAction, PlannedResult] = {}
        is_stale = False
        for parent in self._parents(key):
            planned = self._planned.get(parent)
            if planned is not None:
                first.setdefault(planned.action, planned)
                is_stale |= planned.is_stale
        pending = next((first[action] for action in _PENDING if action in first), None)
        if pending is not None:
            if record is None and not self._needs_fingerprint:
                return PlannedResult(key, PlannedAction.RUN, NOT_COMPUTED)
            is_deeper = pending.action is PlannedAction.DEPENDS_ON_UPSTREAM
            reason = pending.reason if is_deeper else f"after {pending.key.label}"
            stale = is_stale and record is not None
            return PlannedResult(key, PlannedAction.DEPENDS_ON_UPSTREAM, reason, record, is_stale=stale)
        if PlannedAction.BLOCKED in first and key.asset not in OVER_SAMPLES:
            blocker = first[PlannedAction.BLOCKED]
            return PlannedResult(key, PlannedAction.BLOCKED, f"{blocker.key.label} cannot be computed", record)
        return None

    def _plan_released(self) -> None:
        """Plan the released results again that other jobs read, from the last asset to the first; then what follows."""
        restored = set()
        for planned in reversed(list(self._planned.values())):
            current = self._planned[planned.key]
            for key in self._planned.keys() & set(self._released_upstream(current)):
                restored.add(key)
                self._planned[key] = self._restored(self._planned[key], current)
        if not restored:
            return
        for key, planned in list(self._planned.items()):
            if planned.action is PlannedAction.REUSE:
                self._planned[key] = self._plan_by_upstream(key, planned.record) or planned

    def _restored(self, planned: PlannedResult, reader: PlannedResult) -> PlannedResult:
        """A released result, as planned for one more job that reads its files."""
        if reader.action is PlannedAction.RUN:
            return replace(planned, action=PlannedAction.RUN, reason=reason_to_restore(reader.key))
        if planned.action is not PlannedAction.REUSE:
            return planned
        reason = f"its files were released and {reader.key.label} may need them"
        return replace(planned, action=PlannedAction.DEPENDS_ON_UPSTREAM, reason=reason)

    def _released_upstream(self, planned: PlannedResult) -> Iterator[ResultKey]:
        """The released results whose files a result's job reads, or may read."""
        key = planned.key
        if planned.action not in {PlannedAction.RUN, PlannedAction.DEPENDS_ON_UPSTREAM} or key.asset in OVER_SAMPLES:
            return
        found = (self._records[parent.asset].get(parent.scope) for parent in self._parents(key))
        records = [record for record in found if record is not None and record.released is not None]
        job = planned.decision.job if planned.decision is not None else None
        # Without a job, because a result upstream is pending: each job reads the large files of what it is made from.
        yield from (record.key for record in (released_inputs(job, records) if job is not None else records))

    def _lost_upstream(self, planned: PlannedResult) -> Iterator[ResultKey]:
        """The released results that a job needs, or may need, and that are no part of the plan."""
        for key in self._released_upstream(planned):
            if key not in self._planned:
                yield key
            else:
                yield from self._lost_upstream(replace(self._planned[key], action=PlannedAction.RUN))

    def _parents(self, key: ResultKey) -> Iterator[ResultKey]:
        for parent in parents_of(key.asset):
            if key.asset in OVER_SAMPLES:
                yield from (result_key(parent, sample) for sample in self.samples)
            else:
                yield result_key(parent, key.scope)

    def _keep(self, asset: str, planned: Iterable[PlannedResult]) -> None:
        records = self._records.setdefault(asset, {})
        for result in planned:
            self._planned[result.key] = result
            # What cannot be computed stays as it is, and a report takes what exists.
            if result.record is not None and result.action in {PlannedAction.REUSE, PlannedAction.BLOCKED}:
                records[result.key.scope] = result.record

    def _upstream(self, asset: str) -> Upstream:
        """The records upstream of an asset: as planned, or where they are not part of the plan as they are."""
        sets = {parent: self._record_set(parent, asset) for parent in parents_of(asset)}
        options = self.project.settings.options_of(asset)
        return Upstream(self.project, self.sources, sets, lambda: self._aligner(options))

    def _aligner(self, options: JobOptions) -> Aligner:
        """The aligner of the settings; where nothing is known of the tools, the one that indexed the reference."""
        settings = self.project.settings
        if settings.aligner != "auto":
            return Aligner(settings.aligner)
        try:
            is_known = self.backend.known_tool_versions((Aligner.BWA_MEM2,), options) is not None
        except MissingToolError:
            return Aligner.BWA
        if is_known:
            return Aligner.BWA_MEM2
        index = self.ledger.read(result_key("reference_index", ""))
        return Aligner(str(index.parameters["aligner"])) if index else Aligner.BWA

    def _record_set(self, parent: str, asset: str) -> RecordSet:
        records = self._records.setdefault(parent, {})
        shared = GRAPH[parent].scope
        scopes = (shared,) if shared else self.all_samples if asset in OVER_SAMPLES else self.samples
        unread = [scope for scope in scopes if scope not in records and ResultKey(parent, scope) not in self._planned]
        found = RecordSet.read(self.ledger, parent, unread)
        records.update(found.records)
        return RecordSet(parent, dict(records), found.problems)
