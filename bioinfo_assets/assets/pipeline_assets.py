"""The pipeline's assets in Dagster, built from the rows of `pipeline.graph`."""

from functools import partial
from typing import TYPE_CHECKING, Final

import dagster as dg

from bioinfo_assets.assets.metrics_metadata import metrics_metadata
from bioinfo_assets.assets.sources import accept_beta_features, observe_upstream
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline.graph import GRAPH, SOURCES, AssetSpec
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import REFERENCES, ResultKey

if TYPE_CHECKING:
    from bioinfo_assets.orchestration.launcher import JobLauncher
    from bioinfo_assets.pipeline.project import Project

RECORDS: Final = "records"
"""The resource key of the IO manager of records."""

OWNERS: Final = ["team:sequencing"]

MAX_SAMPLES_PER_RUN: Final = 1000
"""A backfill of more samples becomes several runs."""


def pipeline_asset(spec: AssetSpec) -> dg.AssetsDefinition:
    """The Dagster asset of a row."""
    is_per_sample = spec.scope is None
    with accept_beta_features():
        return dg.asset(
            name=spec.name,
            description=spec.description,
            group_name=spec.group,
            kinds=set(spec.kinds),
            owners=OWNERS,
            ins={name: dg.AssetIn() for name in spec.upstream if name not in SOURCES},
            deps=[dg.AssetKey(name) for name in spec.upstream if name in SOURCES],
            required_resource_keys={"launcher", "project"},
            io_manager_key=RECORDS,
            partitions_def=samples if is_per_sample else None,
            backfill_policy=dg.BackfillPolicy.multi_run(MAX_SAMPLES_PER_RUN) if is_per_sample else None,
        )(partial(_materialize, spec))


def _materialize(spec: AssetSpec, context: dg.AssetExecutionContext, **upstream: RecordSet) -> StepEvents:
    launcher: JobLauncher = context.resources.launcher
    project: Project = context.resources.project
    if spec.name == "known_sites" and not project.settings.known_sites:
        context.log.info("no known sites are set: base qualities will not be recalibrated")
        yield dg.Output(RecordSet(spec.name, {}))
        return
    scopes = tuple(context.partition_keys) if spec.scope is None else (spec.scope,)
    sources = observe_upstream(context.instance, project, spec.upstream, scopes)
    inputs = Upstream(
        project, sources, upstream, lambda: project.aligner(launcher.session.backend, launcher.options(context))
    )

    def build(key: ResultKey) -> Job:
        return spec.build(inputs, key.scope)

    describe = partial(metrics_metadata, project.store)
    yield from launcher.materialize(context, build, describe, scope=spec.scope or REFERENCES)


ASSETS: Final = tuple(pipeline_asset(spec) for spec in GRAPH.values())
"""All of them, in the order of the graph."""
