"""The code location in which Dagster finds the definitions: one name, however the web server is started.

Dagster files runs, and the switches and cursors of sensors, under the names of code location and repository. A run that
the command line starts carries them too, so that the landing page, the Runs tab of its job and re-execution find it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    create_execution_plan,
    snapshot_from_execution_plan,
)
from bioinfo_assets.storage.atomic import atomic_write

LOCATION_NAME: Final = "bioinfo_assets"
"""The name of the code location, also in `workspace.yaml` of the repository."""

MODULE: Final = "bioinfo_assets.definitions"
"""The module that Dagster loads."""


_ALL_EVENTS: Final = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}
"""The log of a run of the command line has all of Dagster's events, whatever the instance prints."""


def job_origin(repository: str, job: str) -> RemoteJobOrigin:
    """The origin of a job's runs.

    Args:
        repository: The name that Dagster gives the repository of the definitions.
        job: The name of the job.
    """
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION_NAME)
    return RemoteRepositoryOrigin(location, repository).get_job_origin(job)


def create_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    run_id: str,
    tags: Mapping[str, str],
    origin: RemoteJobOrigin,
) -> dg.DagsterRun:
    """Create a run of a subset of a job's assets, without their checks.

    `DagsterInstance.create_run_for_job` would add the checks of the assets.

    Args:
        instance: Dagster.
        job: The subset of the job.
        run_id: Of the new run.
        tags: Of the new run.
        origin: Where Dagster finds the job.
    """
    plan = create_execution_plan(job, _ALL_EVENTS, instance_ref=instance.get_ref(), tags=tags)
    return instance.create_run(
        job_name=job.name,
        run_id=run_id,
        run_config=_ALL_EVENTS,
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
        asset_graph=job.asset_layer.asset_graph,
    )


def write_workspace(home: Path) -> Path:
    """Write the workspace file of a project's home, for `dagster dev` and other commands of Dagster; returns it."""
    workspace = {"load_from": [{"python_module": {"module_name": MODULE, "location_name": LOCATION_NAME}}]}
    file = home / "workspace.yaml"
    with atomic_write(file) as part:
        part.write_text(json.dumps(workspace, indent=2) + "\n", encoding="utf-8")  # JSON is YAML, too
    return file
