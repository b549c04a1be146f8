"""The job that materializes what is out of date: of all assets, or of some with everything upstream of them."""

from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import MAX_NAMED, current_project
from bioinfo_assets.assets.up_to_date import outdated_results, states_by_asset
from bioinfo_assets.errors import did_you_mean
from bioinfo_assets.orchestration.backfills import not_pending, request_backfill
from bioinfo_assets.pipeline.graph import ASSETS

JOB: Final = "materialize_stale"


@dg.op(
    config_schema={
        "assets": dg.Field(
            [str],
            default_value=[],
            is_required=False,
            description="Assets, with those upstream; all if there are none.",
        )
    },
    required_resource_keys={"project"},
)
def request_stale_results(context: dg.OpExecutionContext) -> None:
    """Request a backfill of exactly the results that are out of date; Dagster's daemon launches its runs.

    What a backfill is to compute already is left out: genomes take longer than a night.
    """
    assets: list[str] = context.op_config["assets"]
    for name in assets:
        if name not in ASSETS:
            hint = did_you_mean(name, ASSETS, "assets")
            raise dg.Failure(f"there is no asset {name}: {hint}", allow_retries=False)
    outdated = outdated_results(states_by_asset(current_project(context.resources.project)), assets)
    if not outdated:
        context.log.info("everything is up to date")
        return
    for asset, states in outdated.items():
        # Dagster keeps each line for good: not one of each of ten thousand samples.
        named = "; ".join(f"{state.key.label}: {state.reason}" for state in states[:MAX_NAMED])
        context.log.info("%s: %s out of date: %s", asset, len(states), named)
    partitions = not_pending(
        context.instance, {asset: [state.key.partition_key for state in states] for asset, states in outdated.items()}
    )
    if not partitions:
        context.log.info("a backfill that has not ended computes all of these")
        return
    backfill_id = request_backfill(context.instance, partitions, title="what is out of date")
    context.log.info("backfill %s is requested", backfill_id)
    context.add_output_metadata({"backfill": dg.MetadataValue.text(backfill_id)})


@dg.job(
    name=JOB,
    description="Materializes the results that are out of date, and no others: of all assets, or of those in `assets`.",
)
def materialize_stale() -> None:
    """Request what is out of date."""
    request_stale_results()
