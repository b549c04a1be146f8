"""The code location in which Dagster finds the definitions: one name, however the web server is started.

Dagster files runs, and the switches and cursors of sensors, under the names of code location and repository. A run that
the command line starts carries them too, so that the landing page, the Runs tab of its job and re-execution find it.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    CODE_LOCATION_TAG,
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    ExecutionPlan,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    create_execution_plan,
    snapshot_from_execution_plan,
)
from bioinfo_assets.orchestration.partitions import choose_partitions, samples
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.atomic import atomic_write

LOCATION_NAME: Final = "bioinfo_assets"
"""The name of the code location, also in `workspace.yaml` of the repository."""

MODULE: Final = "bioinfo_assets.definitions"
"""The module that Dagster loads."""


_ALL_EVENTS: Final[dict[str, object]] = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}
"""The log of a run of the command line has all of Dagster's events, whatever the instance prints."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is to be computed by a run.

    Attributes:
        run_id: Of the new run.
        job: The subset of a job that has the assets.
        keys: The results that it is to compute: Dagit shows them as planned, and those that are missing at the end of a
            failed run as failed.
        tags: Of the run, in addition to those of the job and of the partitions.
    """

    run_id: str
    job: dg.JobDefinition
    keys: Sequence[ResultKey]
    tags: Mapping[str, str]


def job_origin(repository: str, job: str) -> RemoteJobOrigin:
    """The origin of a job's runs.

    Args:
        repository: The name that Dagster gives the repository of the definitions.
        job: The name of the job.
    """
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION_NAME)
    return RemoteRepositoryOrigin(location, repository).get_job_origin(job)


def create_run(instance: dg.DagsterInstance, request: RunRequest, origin: RemoteJobOrigin) -> dg.DagsterRun:
    """Create a run of a subset of a job's assets, without their checks.

    `DagsterInstance.create_run_for_job` would add the checks of the assets, and plan all assets for each partition of
    the run's range.

    Args:
        instance: Dagster.
        request: What it is to compute.
        origin: Where Dagster finds the job.
    """
    job, names = request.job, {key.partition_key for key in request.keys if key.partition_key is not None}
    chosen = choose_partitions(instance.get_dynamic_partitions(str(samples.name)), names)
    tags = {**request.tags, **job.run_tags, **chosen.tags, CODE_LOCATION_TAG: LOCATION_NAME}
    options = {"partitions": list(chosen.partitions)}
    config = _ALL_EVENTS | ({"resources": {"launcher": {"config": options}}} if chosen.partitions else {})
    plan = create_execution_plan(job, config, instance_ref=instance.get_ref(), tags=tags)
    run = instance.run_domain.construct_run_with_snapshots(
        job_name=job.name,
        run_id=request.run_id,
        run_config=config,
        status=None,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, job.get_job_snapshot_id()),
        job_snapshot=job.get_job_snapshot(),
        parent_job_snapshot=job.get_parent_job_snapshot(),
        asset_selection=job.asset_selection,
        asset_check_selection=frozenset(),
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=origin,
        job_code_origin=None,
        asset_graph=job.asset_layer.asset_graph,  # type: ignore[arg-type] # its annotation is invariant
    )
    instance.add_run(run)
    _report_planned(instance, run, request.keys, plan)
    return run


def _report_planned(
    instance: dg.DagsterInstance, run: dg.DagsterRun, keys: Sequence[ResultKey], plan: ExecutionPlan
) -> None:
    """Report what a run is to compute; in the order of the assets, so that runs lock a database's rows in one order."""
    steps = {output.asset_key: step.key for step in plan.get_all_steps_in_topo_order() for output in step.step_outputs}
    for number, key in enumerate(sorted(keys, key=lambda key: key.asset), start=1):
        asset = dg.AssetKey(key.asset)
        planned = AssetMaterializationPlannedData(asset, partition=key.partition_key)
        event = DagsterEvent.build_asset_materialization_planned_event(run.job_name, steps[asset], planned)
        batch = DagsterEventBatchMetadata(run.run_id, is_end=number == len(keys))
        instance.report_dagster_event(event, run.run_id, logging.DEBUG, batch)


def write_workspace(home: Path) -> Path:
    """Write the workspace file of a project's home, for `dagster dev` and other commands of Dagster; returns it."""
    workspace = {"load_from": [{"python_module": {"module_name": MODULE, "location_name": LOCATION_NAME}}]}
    file = home / "workspace.yaml"
    with atomic_write(file) as part:
        part.write_text(json.dumps(workspace, indent=2) + "\n", encoding="utf-8")  # JSON is YAML, too
    return file
