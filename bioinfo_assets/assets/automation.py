"""What Dagster starts by itself, once somebody has turned the sensor or the schedule on in Dagit.

Nothing here reacts to events: a result that was reused is materialized again with the data version that it had, which
must not compute anything after it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from bioinfo_assets.assets.materialize_stale import materialize_stale
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.pipeline.graph import GRAPH, OVER_SAMPLES, enabled_assets
from bioinfo_assets.result_key import COHORT_SOURCE
from bioinfo_assets.settings import Settings

NIGHTLY: Final = "0 2 * * *"
"""Every night at two, in UTC."""

automate = dg.AutomationConditionSensorDefinition(
    "automate",
    target=dg.AssetSelection.assets(*GRAPH),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Materializes results of new samples, and results whose upstream data versions have changed.",
)

materialize_stale_nightly = dg.ScheduleDefinition(
    name="materialize_stale_nightly",
    job=materialize_stale,
    cron_schedule=NIGHTLY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Materializes every night what is out of date, for whatever reason.",
)


def automated(settings: Settings) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Give an asset its automation condition, and the report its freshness policy.

    Only the report can be too old: the other results are as good as on their first day while nothing upstream changes.
    """
    enabled = enabled_assets(settings)
    left_out = dg.AssetSelection.assets(*(asset for asset in GRAPH if asset not in enabled))
    days = settings.report_max_age_days

    def add(spec: dg.AssetSpec) -> dg.AssetSpec:
        asset = spec.key.path[-1]
        condition = _condition(asset, left_out)
        if asset in OVER_SAMPLES and days is not None:
            policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=days))
            return spec.replace_attributes(automation_condition=condition, freshness_policy=policy)
        return spec.replace_attributes(automation_condition=condition)

    return add


def _condition(asset: str, left_out: dg.AssetSelection) -> dg.AutomationCondition[Any]:
    """New or changed upstream, with everything upstream there and nothing of it on its way.

    The report is made of those samples that have results, so it follows the data version of the cohort.
    """
    with accept_beta_features():
        changed = dg.AutomationCondition.data_version_changed()
        missing: dg.AutomationCondition[Any]
        reason: dg.AutomationCondition[Any]
        if asset in OVER_SAMPLES:
            cohort = dg.AssetSelection.assets(COHORT_SOURCE)
            reason = dg.AutomationCondition.any_deps_match(changed).allow(cohort)
            missing = dg.AutomationCondition.any_deps_missing().allow(cohort)
        else:
            upstream = changed | dg.AutomationCondition.will_be_requested()
            reason = dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_match(upstream)
            missing = dg.AutomationCondition.any_deps_missing().ignore(left_out)
        return (
            reason.since_last_handled()
            & ~missing
            & ~dg.AutomationCondition.any_deps_in_progress()
            & ~dg.AutomationCondition.in_progress()
        ).with_label("its upstream data has changed")
