"""Checks of assets that are reported outside of a run, and only where their results are new."""

from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import AssetCheckEvaluationTargetMaterializationData
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.settings import home_from_environment, load
from bioinfo_assets.storage.store import local_path

MAX_NAMED: Final = 5
"""Samples that the sentence of a check names; its table has more."""

MAX_ROWS: Final = 200
"""Rows of the table of a check."""

MAX_SAMPLES_IN_RUN: Final = 300
"""With more samples the checks after a run are left to the sensor: they take 17 ms of CPU for each, and a backfill of
some samples may be a hundred runs."""

MAX_REMOTE_SAMPLES: Final = 100
"""The same for samples in S3, where some twenty small files are read for each."""

CHECK_JOB: Final = "check_many_samples"
"""The job of the checks alone, which the sensor starts."""


def are_left_to_sensor(run: dg.DagsterRun, project: Project) -> bool:
    """Whether a run that computes something does not evaluate the checks of all samples too, since there are many."""
    if run.job_name == CHECK_JOB or (run.asset_check_selection and not run.asset_selection):
        return False
    is_local = local_path(project.ledger.output_path) is not None
    return len(sample_names(project.ledger)) > (MAX_SAMPLES_IN_RUN if is_local else MAX_REMOTE_SAMPLES)


def current_project(project: Project) -> Project:
    """The project with the settings that its home has now, not those of when Dagster loaded the definitions."""
    home = home_from_environment()
    return project if home is None else Project(load(home, output_path=project.settings.output_path))


def report_check(instance: dg.DagsterInstance, result: dg.AssetCheckResult) -> None:
    """Report the result of a check, unless Dagster has the same already, or a run is about to evaluate it."""
    if result.asset_key is None or result.check_name is None:
        raise ValueError("a check that is reported outside of a run names its asset and itself")
    target = _newest_materialization(instance, result.asset_key)
    evaluation = dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        target_materialization_data=target,
        severity=result.severity,
        description=result.description,
        blocking=False,
    )
    if _is_news(instance, evaluation):
        instance.report_runless_asset_event(evaluation)


def _newest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The materialization that a check is about; without it Dagster compares times, and SQLite has whole seconds."""
    records = instance.fetch_materializations(key, limit=1).records
    if not records:
        return None
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=records[0].storage_id, run_id=records[0].run_id, timestamp=records[0].timestamp
    )


def _is_news(instance: dg.DagsterInstance, evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether Dagster does not have this result for the newest materialization."""
    record = instance.get_latest_asset_check_evaluation_record(evaluation.asset_check_key)
    if record is None:
        return True
    known = record.evaluation
    if not isinstance(known, dg.AssetCheckEvaluation):  # planned by a run that evaluates it, or did not come to it
        run = instance.get_run_by_id(record.run_id)
        return run is None or run.is_finished
    is_about_another = _storage_id(known) != _storage_id(evaluation)
    return is_about_another or (known.passed, known.severity, known.description, known.metadata) != (
        evaluation.passed,
        evaluation.severity,
        evaluation.description,
        evaluation.metadata,
    )


def _storage_id(evaluation: dg.AssetCheckEvaluation) -> int | None:
    target = evaluation.target_materialization_data
    return target.storage_id if target is not None else None
