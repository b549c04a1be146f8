"""The pipeline's assets in Dagster, built from the rows of `pipeline.graph`.

All of them are computed by one op, of which a run takes the assets that it selects. Dagster starts an op when those
before it have ended, for all their partitions; within one op, each sample goes on as soon as its own results are there.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import dagster as dg

from bioinfo_assets.assets.check_events import MAX_NAMED
from bioinfo_assets.assets.metrics_metadata import metrics_metadata
from bioinfo_assets.assets.sources import observe_upstream
from bioinfo_assets.assets.up_to_date import report_after_run
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.run_launcher import is_run_of_command_line
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.blocking import build_job
from bioinfo_assets.pipeline.graph import GRAPH, files_not_published
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.pipeline.result_state import superseded_by_sample
from bioinfo_assets.records.observations import ReadBudget
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.settings import Settings

if TYPE_CHECKING:
    from bioinfo_assets.orchestration.launcher import JobLauncher

OWNERS: Final = ["team:sequencing"]

MAX_SAMPLES_PER_RUN: Final = 1000
"""A backfill of more samples becomes several runs."""


def assets_left_out(settings: Settings) -> list[dg.AssetSpec]:
    """The assets that the settings do not ask for: the graph shows them, and nobody can have them computed.

    Otherwise a backfill of everything would fail for want of them.
    """
    left_out = (spec for spec in GRAPH.values() if not spec.enabled(settings))
    return [_asset_spec(replace(spec, description=_description_left_out(spec))) for spec in left_out]


def _description_left_out(spec: AssetSpec) -> str:
    return f"{spec.description}\n\n**Not computed in this project**: {spec.how_to_enable}."


def pipeline_assets(specs: Collection[AssetSpec]) -> dg.AssetsDefinition:
    """The Dagster assets of rows, as one op."""
    with accept_beta_features():
        return dg.multi_asset(
            name="pipeline",
            specs=[_asset_spec(spec) for spec in specs],
            required_resource_keys={"launcher", "project"},
            can_subset=True,
            config_schema={},  # it takes none; the launchpad would offer anything
            backfill_policy=dg.BackfillPolicy.multi_run(MAX_SAMPLES_PER_RUN),
        )(partial(_materialize, specs))


def _asset_spec(spec: AssetSpec) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=spec.name,
        description=spec.description,
        group_name=spec.group,
        kinds=set(spec.kinds),
        owners=OWNERS,
        deps=list(spec.upstream),
        partitions_def=samples if spec.scope is None else None,
        skippable=True,
    )


def run_tags(settings: Settings) -> dict[str, str]:
    """What every run of the pipeline is labelled with, whoever started it."""
    return {
        "bioinfo-assets/output-path": settings.output_path,
        "bioinfo-assets/reference": settings.reference or "none",
        **settings.run_tags,
    }


def _materialize(specs: Collection[AssetSpec], context: dg.AssetExecutionContext) -> StepEvents:
    launcher: JobLauncher = context.resources.launcher
    project: Project = context.resources.project
    context.instance.add_run_tags(context.run.run_id, run_tags(project.settings))
    budget = ReadBudget()
    sources = Sources(project, budget=budget)

    def builder(spec: AssetSpec) -> JobBuilder:
        def build(key: ResultKey, records: Mapping[str, RecordSet]) -> Job:
            upstream = Upstream(
                project,
                sources,
                records,
                lambda: project.aligner(launcher.session.backend, launcher.options(context, spec.name)),
            )
            return build_job(spec, upstream, key.scope)

        return JobBuilder(
            build,
            partial(metrics_metadata, project.ledger),
            lambda key: observe_upstream(context.instance, sources, spec.upstream, key.scope),
            spec.scope or REFERENCES,
            files_not_published(spec.name, project.settings),
        )

    if not project.settings.known_sites:
        context.log.info("no known sites are set: base qualities will not be recalibrated")
    has_samples = any(spec.scope is None and dg.AssetKey(spec.name) in context.selected_asset_keys for spec in specs)
    superseded = superseded_by_sample(project, launcher.partition_keys(context) if has_samples else ())
    for name, assets in islice(superseded.items(), MAX_NAMED):
        context.log.info("%s has an imported result; not computed are %s", name, ", ".join(sorted(assets)))
    try:
        yield from launcher.materialize(context, {spec.name: builder(spec) for spec in specs}, superseded, budget.stop)
    except dg.Failure:  # of some results; the others may be up to date by now
        _report_up_to_date(context, project)
        raise
    if context.run.asset_check_selection == frozenset():
        _report_up_to_date(context, project)


def _report_up_to_date(context: dg.AssetExecutionContext, project: Project) -> None:
    """Report what is out of date after a run without checks of its own; after a failure Dagster skips them.

    The command line does that itself, at the end.
    """
    if not is_run_of_command_line(context.run):
        report_after_run(context.instance, project)


PIPELINE: Final = pipeline_assets(GRAPH.values())
"""All that can be computed, in the order of the graph; a project has those of them that its settings ask for."""
