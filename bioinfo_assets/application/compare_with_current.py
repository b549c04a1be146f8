"""A result beside the one that would be made now."""

from collections.abc import Iterator

from bioinfo_assets.application.planned_results import dry_run
from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.application.request import Request, home_of, settings_of
from bioinfo_assets.application.resolve_result import ResolvedResult
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, OVER_SAMPLES, SCOPES, upstream_of
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.provenance.comparer import Comparer, planned_record
from bioinfo_assets.provenance.comparison import Change, Comparison
from bioinfo_assets.provenance.lineage import Lineage
from bioinfo_assets.records.samples import sample_names

Foretold = dict[tuple[str, str], PlannedResult]


def compare_with_current(result: ResolvedResult) -> tuple[Comparison, str]:
    """Compares a result with what would be made now; tells also why tools could not be asked, if so.

    Raises:
        InputError: it is not of this project's settings, or what would be made cannot be told.
    """
    record, place = result.job.record, result.lineage.ledger.output_path
    plan = _plan(place, record.asset, record.scope)
    with dry_run(plan) as look:
        told = {(one.asset, one.scope): one for one in look.forecasts()}
    if (record.asset, record.scope) not in told:
        raise InputError(f"{result.job.name} is not made any more: a later result was imported, or its sample is gone")
    # What was observed just now is read anew.
    sight = _Sight(told, plan.names, Comparer(result.lineage, Lineage(result.lineage.ledger)))
    return sight.compared(told[record.asset, record.scope], result), look.unknown_tools


def _plan(place: str, asset: str, scope: str) -> Plan:
    """The asset, and all upstream of it, for this sample."""
    home = home_of(place)
    project = Project(settings_of(Request(place), home))
    if asset not in GRAPH:
        raise InputError(f"there is no asset {asset} any more: compare two results of it")
    needed = upstream_of(asset) | {asset}
    assets = tuple(
        name for name in ASSETS if name in needed and (name != "known_sites" or project.settings.known_sites)
    )
    everyone = sample_names(project.ledger)
    if asset not in SCOPES and scope not in everyone:
        raise InputError(f"there is no sample {scope!r} in {place} any more: compare two results of it")
    names = everyone if asset in OVER_SAMPLES else () if asset in SCOPES else (scope,)
    left_out = {name: project.not_needed(project.sample(name)) for name in names}
    return Plan(project, home, (), names, assets, left_out)


class _Sight:
    """What is foretold, and comparisons with it."""

    def __init__(self, told: Foretold, samples: tuple[str, ...], comparer: Comparer) -> None:
        self._told = told
        self._samples = samples
        self._comparer = comparer
        self._done: dict[tuple[str, str], Comparison] = {}

    def compared(self, forecast: PlannedResult, result: ResolvedResult | None = None) -> Comparison:
        """A result, of the past perhaps, beside the one that would be there after a run."""
        key = forecast.asset, forecast.scope
        if key not in self._done or result is not None:
            self._done[key] = self._compared(forecast, result)
        return self._done[key]

    def _compared(self, forecast: PlannedResult, result: ResolvedResult | None) -> Comparison:
        if forecast.outlook is PlannedAction.BLOCKED:
            raise InputError(f"what {forecast.name} would be made of now cannot be told: {self._hindrance(forecast)}")
        if forecast.outlook is PlannedAction.UNDECIDED:
            return Comparison(forecast.name, tuple(self._made_first(forecast)))
        wanted, record = forecast.wanted, forecast.record
        if record is None and result is not None:
            record = result.job.record  # of the past
        if record is None or (wanted is None and forecast.outlook is not PlannedAction.REUSED):
            return Comparison(forecast.name, (Change("result", note="not made yet"),))
        before, after = self._comparer.before, self._comparer.after
        now = planned_record(record, wanted) if wanted and wanted.record is None else record
        job = result.job if result else before.of_record(record)
        comparison = self._comparer.compare(job, after.of_record(now))
        if comparison.is_same and wanted and wanted.reason:
            return Comparison(forecast.name, (Change("damage", note=wanted.reason),))
        return comparison

    def _hindrance(self, forecast: PlannedResult) -> str:
        """What hinders the making of a result, or of the first one upstream that cannot be made."""
        first = next(one for one in self._told.values() if one.outlook is PlannedAction.BLOCKED)
        return forecast.reason if forecast.asset in OVER_SAMPLES else first.reason

    def _made_first(self, forecast: PlannedResult) -> Iterator[Change]:
        """The results upstream that would be made first, and why."""
        for asset in GRAPH[forecast.asset].upstream:
            scopes = self._samples if forecast.asset in OVER_SAMPLES else (forecast.scope,)
            for scope in (SCOPES[asset],) if asset in SCOPES else scopes:
                one = self._told.get((asset, scope))
                if one is not None and one.outlook in {
                    PlannedAction.MADE,
                    PlannedAction.COPIED,
                    PlannedAction.UNDECIDED,
                }:
                    yield Change("input", because=self.compared(one))
