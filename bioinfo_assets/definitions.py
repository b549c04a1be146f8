"""The composition root: assets, resources, executor, jobs and sensors, loaded by Dagster through `workspace.yaml`."""

import dagster as dg

from bioinfo_assets.assets.automation import automate, automated, materialize_stale_nightly
from bioinfo_assets.assets.failure_message import post_failures
from bioinfo_assets.assets.materialize_stale import materialize_stale
from bioinfo_assets.assets.new_samples import add_new_samples
from bioinfo_assets.assets.observe_sources import observe_sources, read_sources
from bioinfo_assets.assets.pipeline_assets import assets_left_out, pipeline_assets
from bioinfo_assets.assets.quality_checks import quality
from bioinfo_assets.assets.sensors import make_report_after_backfill, monitor_runs, observe_cohort
from bioinfo_assets.assets.sources import SOURCE_ASSETS
from bioinfo_assets.assets.up_to_date import check_job, check_up_to_date, up_to_date
from bioinfo_assets.assets.usage import observe_resource_usage, resource_usage
from bioinfo_assets.errors import InputError
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.launcher import job_launcher
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, enabled_assets
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings, home_from_environment, load


def build_definitions(settings: Settings) -> dg.Definitions:
    """Dagster's definitions of a project with these settings."""
    project = Project(settings)
    versions, enabled = code_versions(project), enabled_assets(settings)
    pipeline = pipeline_assets([GRAPH[name] for name in enabled])
    versioned = pipeline.map_asset_specs(lambda spec: spec.replace_attributes(code_version=versions[spec.key.path[-1]]))
    definitions = dg.Definitions(
        assets=[
            *SOURCE_ASSETS,
            resource_usage,
            versioned.map_asset_specs(automated(settings)),
            *assets_left_out(settings),
        ],
        asset_checks=[up_to_date, quality],
        jobs=[
            materialize_stale,
            check_job,
            read_sources,
            dg.define_asset_job(
                "align_samples",
                selection=dg.AssetSelection.assets(*enabled),
                description="From FASTQs to metrics and the report, for the selected samples.",
            ),
        ],
        sensors=[
            observe_sources,
            observe_cohort,
            check_up_to_date,
            observe_resource_usage,
            make_report_after_backfill,
            monitor_runs,
            post_failures,
            add_new_samples,
            automate,
        ],
        schedules=[materialize_stale_nightly],
        executor=one_process_executor,
        resources={
            "project": _project_resource(project),
            "launcher": job_launcher(settings.output_path, settings, settings.cache, ASSETS),
        },
    )
    check_launchers(definitions)
    return definitions


def _project_resource(project: Project) -> dg.ResourceDefinition:
    """The project as a resource that takes no configuration."""

    def opened(_: dg.InitResourceContext) -> Project:
        return project

    # Dagit shows module and name of the function as the type of the resource.
    opened.__module__, opened.__name__ = Project.__module__, Project.__name__
    return dg.ResourceDefinition(opened, config_schema={}, description="The settings and records of the project.")


def check_launchers(definitions: dg.Definitions) -> None:
    """Refuse to load an asset without the launcher: its step would run without a job and a record."""
    for asset in definitions.assets or ():
        if isinstance(asset, dg.AssetsDefinition) and "launcher" not in asset.required_resource_keys:
            names = ", ".join(sorted(key.to_user_string() for key in asset.keys))
            raise dg.DagsterInvalidDefinitionError(f"{names} does not require the launcher")


@dg.definitions
def defs() -> dg.Definitions:
    """The project whose home is `DAGSTER_HOME`.

    Raises:
        InputError: a setting is wrong, or there is no project.
    """
    home = home_from_environment()
    try:
        return build_definitions(load(home))
    except InputError as error:
        if home is not None:
            raise
        raise InputError(
            f"there is no project: set DAGSTER_HOME to the home of one, such as $PWD/results/.dagster ({error})"
        ) from error
