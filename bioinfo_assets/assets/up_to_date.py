"""What is out of date, as a check of each asset: graph, catalogue and the asset's page show it.

Dagster itself marks nothing for an asset with partitions as a whole, and looks only at what is directly upstream. This
check asks the records what `bioinfo-assets status` asks them.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import (
    CHECK_JOB,
    MAX_NAMED,
    MAX_REMOTE_SAMPLES,
    MAX_ROWS,
    MAX_SAMPLES_IN_RUN,
    are_left_to_sensor,
    current_project,
    report_check,
)
from bioinfo_assets.assets.observe_sources import LONG_INTERVAL_S, MAX_SAMPLES_IN_TICK, budget_of_tick
from bioinfo_assets.assets.quality_checks import quality, report_quality
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.run_liveness import has_active_run
from bioinfo_assets.pipeline.graph import ASSETS, downstream_of, upstream_of
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import ResultState, State, open_dry_run, result_states
from bioinfo_assets.records.observations import ReadBudget
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import local_path

_log = logging.getLogger(__name__)

CHECK: Final = "up_to_date"

CHECK_INTERVAL_S: Final = 60
"""Seconds between two looks whether a run has ended."""

INTERVAL_S: Final = 300
"""Seconds after which the files are checked although no run has ended."""

MAX_LOAD: Final = 50
"""The checks of a large project are so many times their own duration apart."""

MAX_LOAD_AFTER_RUNS: Final = 5
"""The same where runs end all the time, as those of a backfill."""

_RUNS: Final = 20
"""Runs that are looked at for the end of the last one."""

_COLUMNS: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("sample", "string"),
        dg.TableColumn("state", "string"),
        dg.TableColumn("why", "string"),
    ]
)


def states_by_asset(
    project: Project,
    budget: ReadBudget | None = None,
    assets: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, list[ResultState]]:
    """The states of results, by asset in the order of the graph; none of an asset that the settings leave out.

    Args:
        project: The project.
        budget: How much of the sources may be read; results of those that it does not allow count as they did before.
        assets: Which assets; all by default.
        names: Of which samples; all by default.
    """
    with open_dry_run(project, assets, names, states_only=True, budget=budget) as trial:
        states = result_states(trial)
    by_asset: dict[str, list[ResultState]] = {asset: [] for asset in ASSETS}
    for state in states:
        by_asset[state.key.asset].append(state)
    return by_asset


def check_result(asset: str, states: Sequence[ResultState]) -> dg.AssetCheckResult:
    """The check of one asset: it warns of results that are stale or damaged."""
    outdated = [state for state in states if state.is_out_of_date]
    counts = Counter(state.state for state in states)
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(asset),
        check_name=CHECK,
        passed=not outdated,
        severity=dg.AssetCheckSeverity.WARN,
        description=_sentence(states, outdated),
        metadata={
            **{state.value.replace(" ", "_"): dg.MetadataValue.int(counts[state]) for state in State},
            "out_of_date": dg.MetadataValue.table(
                records=[_row(state) for state in outdated[:MAX_ROWS]], schema=_COLUMNS
            ),
        },
    )


def report_up_to_date(instance: dg.DagsterInstance, project: Project) -> dict[str, bool]:
    """Report the checks of all assets to Dagster where they have changed, or where results are newer than the check.

    Returns:
        By asset, whether all its results are up to date.

    Raises:
        BioinfoAssetsError: the records cannot be read.
    """
    passed = {}
    for asset, states in states_by_asset(project, budget_of_tick()).items():
        result = check_result(asset, states)
        passed[asset] = result.passed
        report_check(instance, result)
    return passed


def report_after_run(instance: dg.DagsterInstance, project: Project) -> None:
    """Report the checks at the end of a run, unless there are so many samples that it would delay the end.

    The same goes for a remote output path. There the sensor does it.
    """
    if local_path(project.ledger.output_path) is None or len(sample_names(project.ledger)) > MAX_SAMPLES_IN_RUN:
        return
    try:
        report_up_to_date(instance, project)
        report_quality(instance, project)
    except BioinfoAssetsError as problem:
        _log.warning("what is out of date could not be checked: %s", problem)


def _sentence(states: Sequence[ResultState], outdated: Sequence[ResultState]) -> str:
    if not states:
        return "not computed with these settings"
    if not outdated:
        missing = sum(state.state is State.MISSING for state in states)
        return f"up to date; not computed yet: {missing} of {len(states)}" if missing else "up to date"
    named = "; ".join(_describe(state) for state in outdated[:MAX_NAMED])
    more = f"; and {len(outdated) - MAX_NAMED} more" if len(outdated) > MAX_NAMED else ""
    return f"{len(outdated)} of {len(states)} out of date: {named}{more}"


def _describe(state: ResultState) -> str:
    name = state.key.partition_key
    return f"{name} ({state.reason})" if name else state.reason


def _row(state: ResultState) -> dg.TableRecord:
    return dg.TableRecord(
        {"sample": state.key.partition_key or state.key.scope, "state": state.state.value, "why": state.reason}
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=asset,
            description="The results of all samples are up to date and intact, by `bioinfo-assets status`.",
        )
        for asset in ASSETS
    ],
    can_subset=True,
    config_schema={},
)
def up_to_date(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.AssetCheckResult]:
    """Check all assets at once: the records of what is upstream are read in any case, and those downstream may change.

    The results of assets that are not selected are reported outside of the run.
    """
    project = current_project(project)
    if are_left_to_sensor(context.run, project):
        return
    selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
    for asset, states in states_by_asset(project, budget_of_tick()).items():
        if asset in selected:
            yield check_result(asset, states)
        else:
            report_check(context.instance, check_result(asset, states))


check_job: Final = dg.define_asset_job(
    CHECK_JOB,
    selection=dg.AssetSelection.checks(up_to_date, quality),
    description="Checks what is out of date, and the quality of all samples, in a project of many.",
)


@dg.sensor(
    job=check_job,
    minimum_interval_seconds=CHECK_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Checks which results are out of date, after runs and every five minutes.",
)
def check_up_to_date(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Report what is out of date, if a run has ended since the last time or some minutes have passed."""
    ended = _last_end(context.instance)
    last_end, due, earliest = _read_cursor(context.cursor)
    now = time.time()
    if ended <= last_end and now < due:
        return dg.SkipReason("no run has ended")
    if now < earliest:
        return dg.SkipReason("the last check was a short time ago, and took long")
    limit = MAX_SAMPLES_IN_TICK if local_path(project.ledger.output_path) is not None else MAX_REMOTE_SAMPLES
    if len(sample_names(project.ledger)) > limit:
        if has_active_run(context.instance, check_job.name):
            return dg.SkipReason("a run of checks is queued or running")
        cursor = f"{ended} {now + LONG_INTERVAL_S} {now + INTERVAL_S}"
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)
    try:
        current = current_project(project)
        passed = report_up_to_date(context.instance, current)
        report_quality(context.instance, current)
    except BioinfoAssetsError as problem:
        return dg.SkipReason(str(problem))
    seconds = time.time() - now
    stale = [asset for asset, is_passed in passed.items() if not is_passed]
    context.log.info("out of date: %s", ", ".join(stale) or "nothing")
    due, earliest = now + max(INTERVAL_S, MAX_LOAD * seconds), now + MAX_LOAD_AFTER_RUNS * seconds
    return dg.SensorResult(cursor=f"{ended} {due} {earliest if earliest > now + CHECK_INTERVAL_S else 0}")


def _read_cursor(cursor: str | None) -> tuple[float, float, float]:
    """The end of the last run that was checked, when the next check is due, and before when there is none."""
    try:
        ended, due, earliest = map(float, (cursor or "").split())
    except ValueError:
        return 0.0, 0.0, 0.0
    return ended, due, earliest


def _last_end(instance: dg.DagsterInstance) -> float:
    """When a run other than one of these checks has ended, among the last ones; 0 if none has."""
    filters = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    )
    records = instance.get_run_records(filters=filters, limit=_RUNS, order_by="update_timestamp", ascending=False)
    ends = (item.update_timestamp.timestamp() for item in records if item.dagster_run.job_name != check_job.name)
    return max(ends, default=0.0)


def with_upstream(assets: Collection[str]) -> frozenset[str]:
    """Assets, and everything that they are computed from."""
    return frozenset(assets).union(*map(upstream_of, assets))


def outdated_results(
    by_asset: Mapping[str, Sequence[ResultState]], assets: Collection[str] = ()
) -> dict[str, list[ResultState]]:
    """The results of assets that are out of date, with those that they are computed from; of all assets if none.

    A result that is up to date is among them if its files were released and have to be computed again for another one
    that is out of date; for a missing one they are computed when that is.
    """
    chosen = with_upstream(assets) if assets else frozenset(by_asset)
    stale = {state.key for states in by_asset.values() for state in states if state.is_out_of_date}
    outdated = {
        asset: [
            state
            for state in states
            if state.is_out_of_date
            or (state.is_needed_again and any(ResultKey(own, state.key.scope) in stale for own in downstream_of(asset)))
        ]
        for asset, states in by_asset.items()
    }
    return {asset: states for asset, states in outdated.items() if states and asset in chosen}
