"""What a run would do, told before it is run: which results would be reused, which made, and why.

It builds the jobs that a run would build and compares their fingerprints with the records beside the data. It starts
no job and asks Dagster nothing, so that a project in which all is up to date is seen to be in a second.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, ResourceError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.graph import GRAPH, OVER_SAMPLES, SCOPES, SOURCES
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.commit import NOT_MADE, ReuseDecision, decide_reuse, imported_result
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import ONE, RecordSet
from bioinfo_assets.records.shared_cache import SharedCache

READERS: Final = 16
"""Results looked at side by side; they wait for a disk or the network."""


class PlannedAction(Enum):
    """What a run would do about one result."""

    REUSED = "reused"
    COPIED = "copied"
    """Another project made it, and shares it."""
    MADE = "made"
    UNDECIDED = "undecided"
    """One of its inputs would be made before; whether that changes it, the run will see."""
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class PlannedResult:
    """What is foretold of one result.

    Attributes:
        asset: Which result.
        scope: Of which sample, or of what all samples share.
        outlook: What a run would do.
        reason: Why, in a few words; empty where it is reused.
        record: The record that is there, whole or not; None where there is none.
        wanted: The job that would make it, compared with that record; None where it could not be told.
        is_stale: Whether the record is there and was made from, or by, what is another now.
    """

    asset: str
    scope: str
    outlook: PlannedAction
    reason: str = ""
    record: Record | None = None
    wanted: ReuseDecision | None = None
    is_stale: bool = False

    @property
    def name(self) -> str:
        """Asset and scope, for people."""
        return f"{self.asset} of {self.scope}"

    @property
    def partition(self) -> str:
        """The sample, or `ONE`."""
        return ONE if self.asset in SCOPES else self.scope


@dataclass
class DryRun:
    """One look at a project.

    Attributes:
        project: Which project.
        backend: Where its jobs would run; it is asked for the versions of tools, and for nothing else.
        assets: What would be made, in the order of the graph.
        samples: For which samples.
        all_samples: Those that a report would be on.
        sources: What comes from outside, as it is now.
        left_out: By sample, the assets that are not to be made of it.
        unknown_tools: Why the versions of tools could not be told; results then count as made with those of today.
    """

    project: Project
    backend: Backend
    assets: Sequence[str]
    samples: Sequence[str]
    all_samples: Sequence[str]
    sources: Sources
    left_out: Mapping[str, Collection[str]] = field(default_factory=dict)
    unknown_tools: str = ""
    _found: dict[str, dict[str, Record]] = field(default_factory=dict)
    _tools: dict[tuple[tuple[str, ...], str | None], Mapping[str, str]] = field(default_factory=dict)
    _told: dict[tuple[str, str], PlannedResult] = field(default_factory=dict)

    def forecasts(self) -> Iterator[PlannedResult]:
        """All results, in the order in which they would be made."""
        with ThreadPoolExecutor(READERS) as pool:
            for asset in self.assets:
                up = Upstream(self.project, self.sources, dict(self._upstream(asset)))
                made_of = [name for name in self.samples if asset not in self.left_out.get(name, ())]
                scopes = [SCOPES[asset]] if asset in SCOPES else made_of
                looked = list(pool.map(lambda scope: self._look(asset, scope, up), scopes))  # noqa: B023
                self._keep(asset, looked)
                yield from looked

    def _look(self, asset: str, scope: str, up: Upstream) -> PlannedResult:
        ledger = self.project.ledger
        record = None
        try:
            record = ledger.read(scope, asset)
            if record is not None and record.imported and imported_result(ledger, scope, asset):
                return PlannedResult(asset, scope, PlannedAction.REUSED, record=record)
            before = self._before(asset, scope, record)
            if before is not None:
                return before
            if record is None and self.project.cache is None:
                self._check_upstream(asset, scope, up)  # without a look at FASTQs, which takes long the first time
                return PlannedResult(asset, scope, PlannedAction.MADE, NOT_MADE)
            return self._judged(asset, scope, self._compared(self._job(asset, scope, up), record), record)
        except BioinfoAssetsError as problem:
            return PlannedResult(asset, scope, PlannedAction.BLOCKED, str(problem), record)

    def _judged(self, asset: str, scope: str, wanted: ReuseDecision, record: Record | None) -> PlannedResult:
        if wanted.record is not None:
            return PlannedResult(asset, scope, PlannedAction.REUSED, record=wanted.record, wanted=wanted)
        is_stale = record is not None and record.fingerprint != wanted.fingerprint
        cache = self.project.cache
        if cache is not None and _is_shared(cache, wanted.fingerprint):
            reason = f"{wanted.reason}; there in {cache.place}"
            return PlannedResult(asset, scope, PlannedAction.COPIED, reason, record, wanted, is_stale=is_stale)
        return PlannedResult(asset, scope, PlannedAction.MADE, wanted.reason, record, wanted, is_stale=is_stale)

    def _compared(self, job: Job, record: Record | None) -> ReuseDecision:
        key = job.tools, job.options.image
        try:
            if key not in self._tools:
                self._tools[key] = self.backend.tool_versions(job.tools, job.options)
            tools = self._tools[key]
        except ResourceError as problem:
            self.unknown_tools = str(problem)
            tools = record.tools if record else {}
        return decide_reuse(self.project.ledger, record, job, tools)

    def _job(self, asset: str, scope: str, up: Upstream) -> Job:
        options = self.project.settings.options_of(asset)
        match asset:
            case "reference_genome":
                job = jobs.reference_genome(up)
            case "reference_index":
                job = jobs.reference_index(up, self.project.aligner(self.backend, options))
            case "known_sites":
                job = jobs.known_sites(up)
            case "multiqc_report":
                job = jobs.multiqc_report(up)
            case _:
                job = jobs.OF_SAMPLES[asset](up, scope)
        return job.with_options(options)

    def _check_upstream(self, asset: str, scope: str, up: Upstream) -> None:
        """Checks that the results that one would be made from are there.

        Raises:
            InputError: one is not.
        """
        if asset in OVER_SAMPLES:
            self._job(asset, scope, up)
            return
        for name in _made_from(asset):
            if name != "known_sites" or self.project.settings.known_sites:
                up.record(name, ONE if name in SCOPES else scope)

    def _before(self, asset: str, scope: str, record: Record | None) -> PlannedResult | None:
        """What upstream results that are not there yet mean for this one; None where all are."""
        first: dict[PlannedAction, PlannedResult] = {}
        is_stale = False
        for name in _made_from(asset):
            for one in self.samples if asset in OVER_SAMPLES else [SCOPES.get(name, scope)]:
                told = self._told.get((name, one))
                if told is not None:
                    first.setdefault(told.outlook, told)
                    is_stale |= told.is_stale
        for outlook in (PlannedAction.MADE, PlannedAction.COPIED, PlannedAction.UNDECIDED):
            if outlook in first:
                if record is None and self.project.cache is None:
                    return PlannedResult(asset, scope, PlannedAction.MADE, NOT_MADE)
                reason = first[outlook].reason if outlook is PlannedAction.UNDECIDED else f"after {first[outlook].name}"
                return PlannedResult(
                    asset, scope, PlannedAction.UNDECIDED, reason, record, is_stale=is_stale and bool(record)
                )
        if PlannedAction.BLOCKED in first and asset not in OVER_SAMPLES:
            return PlannedResult(
                asset, scope, PlannedAction.BLOCKED, f"{first[PlannedAction.BLOCKED].name} cannot be made", record
            )
        return None

    def _keep(self, asset: str, looked: Iterable[PlannedResult]) -> None:
        found = self._found.setdefault(asset, {})
        for one in looked:
            self._told[asset, one.scope] = one
            # What cannot be made stays as it is, and a report takes what is there.
            if one.record is not None and one.outlook in {PlannedAction.REUSED, PlannedAction.BLOCKED}:
                found[one.partition] = one.record

    def _upstream(self, asset: str) -> Iterator[tuple[str, RecordSet]]:
        """The records upstream of an asset: as foretold, or where they would not be made now as they are."""
        for name in _made_from(asset):
            found = self._found.setdefault(name, {})
            partitions = (ONE,) if name in SCOPES else self.all_samples if asset in OVER_SAMPLES else self.samples
            others = {
                one: one or SCOPES[name]
                for one in partitions
                if one not in found and (name, one or SCOPES[name]) not in self._told
            }
            read = RecordSet.read(self.project.ledger, name, others)
            found.update(read.records)
            yield name, RecordSet(name, dict(found), read.problems)


def _is_shared(cache: SharedCache, fingerprint: str) -> bool:
    """Whether others share a result; where they cannot be asked it is made, as a run does."""
    try:
        return cache.find(fingerprint) is not None
    except BioinfoAssetsError:
        return False


def _made_from(asset: str) -> list[str]:
    return [name for name in GRAPH[asset].upstream if name not in SOURCES]
