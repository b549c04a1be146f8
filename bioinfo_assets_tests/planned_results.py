"""What Dagster planned in a run."""

import dagster as dg


def planned_results(instance: dg.DagsterInstance, run_id: str) -> set[tuple[str, str | None]]:
    """Return the asset and partition of everything that a run was planned to materialize, as Dagit shows it."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    events = [entry.get_dagster_event().asset_materialization_planned_data for entry in entries]
    return {(event.asset_key.path[-1], event.partition) for event in events}
