"""Comparison of a result with the one that a run would compute now."""

from collections.abc import Iterator, Mapping

from bioinfo_assets.application.plan import Plan, dry_run, open_project
from bioinfo_assets.application.resolve import ResolvedResult
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import (
    GRAPH,
    OVER_SAMPLES,
    PER_SAMPLE,
    enabled_assets,
    parents_of,
    result_key,
    upstream_of,
)
from bioinfo_assets.pipeline.result_state import superseded_by_sample
from bioinfo_assets.provenance.comparison import Change, Comparer, Comparison, planned_record
from bioinfo_assets.provenance.lineage import Lineage
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import ResultKey


def compare_with_current(result: ResolvedResult) -> tuple[Comparison, str]:
    """Compare a result with what a run would compute now.

    Returns:
        The comparison, and why the versions of tools are unknown; empty if they are known.

    Raises:
        InputError: the result does not belong to this project's settings, or its current inputs cannot be determined.
    """
    key, output_path = result.job.record.key, result.lineage.ledger.output_path
    plan = _plan(output_path, key)
    with dry_run(plan) as trial:
        planned = {item.key: item for item in trial.planned_results()}
    if key not in planned:
        raise InputError(f"{key.label} is no longer computed: a later result was imported, or its sample was removed")
    # The dry run may have written observations: a second lineage reads them.
    comparison = _CurrentComparison(planned, plan.names, Comparer(result.lineage, Lineage(result.lineage.ledger)))
    return comparison.compare(planned[key], result), trial.unknown_tools


def _plan(output_path: str, key: ResultKey) -> Plan:
    """A plan of the asset and everything upstream of it, for this sample."""
    project, home = open_project(output_path)
    if key.asset not in GRAPH:
        raise InputError(f"the asset {key.asset} no longer exists: compare two of its results")
    needed = upstream_of(key.asset) | {key.asset}
    assets = tuple(name for name in enabled_assets(project.settings) if name in needed)
    all_samples = sample_names(project.ledger)
    is_per_sample = key.asset in PER_SAMPLE
    if is_per_sample and key.scope not in all_samples:
        raise InputError(f"there is no longer a sample {key.scope!r} in {output_path}: compare two of its results")
    names = all_samples if key.asset in OVER_SAMPLES else (key.scope,) if is_per_sample else ()
    return Plan(project, home, (), names, assets, superseded_by_sample(project, names))


class _CurrentComparison:
    """Compares recorded results with planned ones, each once."""

    def __init__(
        self, planned: Mapping[ResultKey, PlannedResult], samples: tuple[str, ...], comparer: Comparer
    ) -> None:
        self._planned = planned
        self._samples = samples
        self._comparer = comparer
        self._done: dict[ResultKey, Comparison] = {}

    def compare(self, planned: PlannedResult, result: ResolvedResult | None = None) -> Comparison:
        """Compare the current result, or a given earlier one, with the planned one."""
        if planned.key not in self._done or result is not None:
            self._done[planned.key] = self._compare(planned, result)
        return self._done[planned.key]

    def _compare(self, planned: PlannedResult, result: ResolvedResult | None) -> Comparison:
        label = planned.key.label
        if planned.action is PlannedAction.BLOCKED:
            raise InputError(f"cannot determine the current inputs of {label}: {self._blocking_reason(planned)}")
        if planned.action is PlannedAction.DEPENDS_ON_UPSTREAM:
            return Comparison(label, tuple(self._pending_inputs(planned)))
        decision, record = planned.decision, planned.record
        is_reused = planned.action is PlannedAction.REUSE
        if record is None and result is not None:
            record = result.job.record  # an earlier result
        if record is None or (decision is None and not is_reused):
            return Comparison(label, (Change("result", note="not computed yet"),))
        before, after = self._comparer.before, self._comparer.after
        current = record if is_reused or decision is None else planned_record(record, decision)
        job = result.job if result else before.of_record(record)
        comparison = self._comparer.compare(job, after.of_record(current))
        if comparison.is_same and decision and decision.reason:
            return Comparison(label, (Change("damage", note=decision.reason),))
        return comparison

    def _blocking_reason(self, planned: PlannedResult) -> str:
        """Why a result, or the first one upstream that is blocked, cannot be computed."""
        first = next(item for item in self._planned.values() if item.action is PlannedAction.BLOCKED)
        return planned.reason if planned.key.asset in OVER_SAMPLES else first.reason

    def _pending_inputs(self, planned: PlannedResult) -> Iterator[Change]:
        """The results upstream that would be computed first, and why."""
        key = planned.key
        samples = self._samples if key.asset in OVER_SAMPLES else (key.scope,)
        pending = {PlannedAction.RUN, PlannedAction.COPY, PlannedAction.DEPENDS_ON_UPSTREAM}
        for asset in parents_of(key.asset):
            for parent in dict.fromkeys(result_key(asset, sample) for sample in samples):
                item = self._planned.get(parent)
                if item is not None and item.action in pending:
                    yield Change("input", because=self.compare(item))
