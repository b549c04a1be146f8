"""A result beside the one that would be made now."""

from collections.abc import Iterator

from bioinfo_assets.cli.foretold import look_of
from bioinfo_assets.cli.named import NamedResult
from bioinfo_assets.cli.preflight import Plan
from bioinfo_assets.cli.request import Request, home_of, settings_of
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.forecast import Forecast, Outlook
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, OVER_SAMPLES, SUBJECTS, upstream_of
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.comparer import Comparer, would_be
from bioinfo_assets.records.comparison import Change, Comparison
from bioinfo_assets.records.lineage import Lineage
from bioinfo_assets.records.samples import sample_names

Foretold = dict[tuple[str, str], Forecast]


def remade(result: NamedResult) -> tuple[Comparison, str]:
    """Compares a result with what would be made now; tells also why tools could not be asked, if so.

    Raises:
        InputError: it is not of this project's settings, or what would be made cannot be told.
    """
    record, place = result.job.record, result.lineage.ledger.output_path
    plan = _plan(place, record.step, record.subject)
    with look_of(plan) as look:
        told = {(one.asset, one.subject): one for one in look.forecasts()}
    if (record.step, record.subject) not in told:
        raise InputError(f"{result.job.name} is not made any more: a later result was imported, or its sample is gone")
    # What was observed just now is read anew.
    sight = _Sight(told, plan.names, Comparer(result.lineage, Lineage(result.lineage.ledger)))
    return sight.compared(told[record.step, record.subject], result), look.unknown_tools


def _plan(place: str, asset: str, subject: str) -> Plan:
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
    if asset not in SUBJECTS and subject not in everyone:
        raise InputError(f"there is no sample {subject!r} in {place} any more: compare two results of it")
    names = everyone if asset in OVER_SAMPLES else () if asset in SUBJECTS else (subject,)
    left_out = {name: project.not_needed(project.sample(name)) for name in names}
    return Plan(project, home, (), names, assets, left_out)


class _Sight:
    """What is foretold, and comparisons with it."""

    def __init__(self, told: Foretold, samples: tuple[str, ...], comparer: Comparer) -> None:
        self._told = told
        self._samples = samples
        self._comparer = comparer
        self._done: dict[tuple[str, str], Comparison] = {}

    def compared(self, forecast: Forecast, result: NamedResult | None = None) -> Comparison:
        """A result, of the past perhaps, beside the one that would be there after a run."""
        key = forecast.asset, forecast.subject
        if key not in self._done or result is not None:
            self._done[key] = self._compared(forecast, result)
        return self._done[key]

    def _compared(self, forecast: Forecast, result: NamedResult | None) -> Comparison:
        if forecast.outlook is Outlook.BLOCKED:
            raise InputError(f"what {forecast.name} would be made of now cannot be told: {self._hindrance(forecast)}")
        if forecast.outlook is Outlook.UNDECIDED:
            return Comparison(forecast.name, tuple(self._made_first(forecast)))
        wanted, record = forecast.wanted, forecast.record
        if record is None and result is not None:
            record = result.job.record  # of the past
        if record is None or (wanted is None and forecast.outlook is not Outlook.REUSED):
            return Comparison(forecast.name, (Change("result", note="not made yet"),))
        before, after = self._comparer.before, self._comparer.after
        now = would_be(record, wanted) if wanted and wanted.record is None else record
        job = result.job if result else before.of_record(record)
        comparison = self._comparer.compare(job, after.of_record(now))
        if comparison.is_same and wanted and wanted.reason:
            return Comparison(forecast.name, (Change("damage", note=wanted.reason),))
        return comparison

    def _hindrance(self, forecast: Forecast) -> str:
        """What hinders the making of a result, or of the first one upstream that cannot be made."""
        first = next(one for one in self._told.values() if one.outlook is Outlook.BLOCKED)
        return forecast.reason if forecast.asset in OVER_SAMPLES else first.reason

    def _made_first(self, forecast: Forecast) -> Iterator[Change]:
        """The results upstream that would be made first, and why."""
        for asset in GRAPH[forecast.asset].upstream:
            subjects = self._samples if forecast.asset in OVER_SAMPLES else (forecast.subject,)
            for subject in (SUBJECTS[asset],) if asset in SUBJECTS else subjects:
                one = self._told.get((asset, subject))
                if one is not None and one.outlook in {Outlook.MADE, Outlook.COPIED, Outlook.UNDECIDED}:
                    yield Change("input", because=self.compared(one))
