"""Checks of assets that are reported outside of a run, and only where their results are new."""

from typing import Final

import dagster as dg

from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import home_from_environment, load

MAX_NAMED: Final = 5
"""Samples that the sentence of a check names; its table has more."""

MAX_ROWS: Final = 200
"""Rows of the table of a check."""


def current_project(project: Project) -> Project:
    """The project with the settings that its home has now, not those of when Dagster loaded the definitions."""
    home = home_from_environment()
    return project if home is None else Project(load(home, output_path=project.settings.output_path))


def report_check(instance: dg.DagsterInstance, result: dg.AssetCheckResult) -> None:
    """Report the result of a check, unless Dagster has the same already."""
    evaluation = _evaluation(result)
    if _is_news(instance, evaluation):
        instance.report_runless_asset_event(evaluation)


def _is_news(instance: dg.DagsterInstance, evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether Dagster does not have this result, or would not show it since the asset was materialized after it."""
    key = evaluation.asset_key
    record = instance.get_latest_asset_check_evaluation_record(evaluation.asset_check_key)
    if record is None or not isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return True  # never evaluated, or planned by a run that did not come to it
    materialization = instance.get_latest_materialization_events([key]).get(key)
    if materialization is not None and materialization.timestamp >= record.create_timestamp:
        return True
    known = record.evaluation
    return (known.passed, known.severity, known.description, known.metadata) != (
        evaluation.passed,
        evaluation.severity,
        evaluation.description,
        evaluation.metadata,
    )


def _evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """A result as the event that Dagster stores."""
    if result.asset_key is None or result.check_name is None:
        raise ValueError("a check that is reported outside of a run names its asset and itself")
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=False,
    )
