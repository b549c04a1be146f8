"""The assets of any project in Dagster: one op computes them, so that each partition goes on by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import dagster as dg

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.orchestration.file_source import FileSource, source_asset
from bioinfo_assets.orchestration.job_asset import InputFile, JobAsset
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.provenance import observation_event
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import SHARED, SHARED_SCOPES, ResultKey
from bioinfo_assets.storage.store import Store, join

MAX_PARTITIONS_PER_RUN: Final = 1000
"""A backfill of more partitions becomes several runs."""

LAUNCHER: Final = "launcher"
"""The key of the resource."""


def job_assets(
    name: str, launcher: JobLauncher, assets: Sequence[JobAsset | FileSource]
) -> Sequence[dg.AssetsDefinition | dg.SourceAsset]:
    """The assets of a project, for `dg.Definitions`.

    Its `resources` need the same launcher, under the key `launcher`, and its executor is `one_process_executor`. Other
    assets of Dagster may be in the same definitions and in the same runs.

    Args:
        name: The name of the op that computes them. Several calls need several names.
        launcher: What `job_launcher` returned.
        assets: Assets and sources; the partitioned ones share their partitions.

    Raises:
        InputError: two have the same name, their partitions differ, or there is nothing to compute.
    """
    computed = [asset for asset in assets if isinstance(asset, JobAsset)]
    sources = [asset for asset in assets if isinstance(asset, FileSource)]
    _check(computed, sources)
    output_path = launcher.settings.output_path
    with accept_beta_features():
        op = dg.multi_asset(
            name=name,
            specs=[_spec(asset) for asset in computed],
            required_resource_keys={LAUNCHER},
            can_subset=True,
            config_schema={},  # it takes none; the launchpad would offer anything
            backfill_policy=dg.BackfillPolicy.multi_run(MAX_PARTITIONS_PER_RUN),
        )(partial(_materialize, _with_upstream(computed)))
    return [*(source_asset(source, Ledger(Store(), output_path)) for source in sources), op]


def _check(computed: Sequence[JobAsset], sources: Sequence[FileSource]) -> None:
    names = [asset.name for asset in computed] + [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two assets are named {name}: rename one")
    if not computed:
        raise InputError("no asset is computed by a job: add a ScriptAsset or a PythonAsset")
    partitioned = [asset for asset in computed if asset.partitions_def is not None]
    for asset in partitioned:
        if asset.partitions_def != partitioned[0].partitions_def:
            raise InputError(
                f"{partitioned[0].name} and {asset.name} have different partitions: call job_assets for each of them"
            )


def _spec(asset: JobAsset) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=asset.name,
        description=asset.description,
        group_name=asset.group,
        kinds={asset.kind},
        code_version=asset.code_version,
        deps=[*asset.upstream, *asset.deps],
        partitions_def=asset.partitions_def,
        skippable=True,
    )


def _with_upstream(assets: Iterable[JobAsset]) -> Mapping[str, JobAsset]:
    """The assets and those that they read, of which other ops may compute some."""
    found: dict[str, JobAsset] = {}
    for asset in assets:
        found |= _with_upstream(item for item in asset.upstream.values() if isinstance(item, JobAsset))
        found[asset.name] = asset
    return found


def _materialize(assets: Mapping[str, JobAsset], context: dg.AssetExecutionContext) -> StepEvents:
    launcher: JobLauncher = context.resources.launcher
    is_partitioned = context.has_partition_key_range or context.has_partition_key
    for partition in launcher.partition_keys(context) if is_partitioned else ():
        _check_partition(partition)
    for asset in assets.values():
        _check_sources(asset, context)
    jobs = {name: _Jobs(asset, launcher.session.ledger, context.instance) for name, asset in assets.items()}
    builders = {name: JobBuilder(own.build, observe=own.observe, scope=SHARED) for name, own in jobs.items()}
    yield from launcher.materialize(context, builders)


def _check_partition(name: str) -> None:
    """Check that a partition can name a folder of results."""
    try:
        ResultKey("result", name)
    except ValueError as error:
        raise dg.Failure(f"partition {error}", allow_retries=False) from error
    if name in SHARED_SCOPES:
        raise dg.Failure(f"partition {name!r} has the name of a folder of the output: rename it", allow_retries=False)


def _check_sources(asset: JobAsset, context: dg.AssetExecutionContext) -> None:
    """Check that Dagster knows the partitions of sources: those that are not in its definitions have none there."""
    layer = context.get_step_execution_context().job_def.asset_layer
    for source in asset.upstream.values():
        if source.partitions_def is not None and not layer.get(dg.AssetKey(source.name)).is_partitioned:
            raise dg.Failure(
                f"{asset.name} reads {source.name}, which is not in the definitions: pass it to job_assets too",
                allow_retries=False,
            )


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs of an asset.

    Attributes:
        asset: The asset.
        ledger: The project's records.
        instance: Dagster, which has the partitions.
    """

    asset: JobAsset
    ledger: Ledger
    instance: dg.DagsterInstance

    def build(self, key: ResultKey, records: Mapping[str, RecordSet]) -> Job:
        """The job of one result."""
        asset, folder = self.asset, self.ledger.layout.scope(key.scope)
        return Job(
            key=key,
            version=asset.version,
            script=asset.script_of(key.partition_key),
            inputs=tuple(file for name in asset.inputs for file in self._inputs(name, key, records)),
            outputs=tuple(Output(name, name, join(folder, f"{asset.name}.{name}")) for name in asset.files),
            tools=asset.all_tools,
            parameters=asset.parameters,
            resources=asset.resources,
        )

    def observe(self, key: ResultKey) -> Sequence[dg.AssetObservation]:
        """Observe the sources that a result is computed from."""
        return [
            observation_event(source.observe(self.ledger, scope))
            for source in self.asset.upstream.values()
            if isinstance(source, FileSource)
            for scope in self._scopes(source, key)
        ]

    def _scopes(self, source: FileSource, key: ResultKey) -> Sequence[str]:
        """The scopes of a source that a result is computed from: its own, or all."""
        return source.scopes(self.instance) if key.scope == SHARED or source.partitions_def is None else [key.scope]

    def _inputs(self, name: str, key: ResultKey, records: Mapping[str, RecordSet]) -> Iterator[Input]:
        """The files of an input: one, or one for each partition."""
        item, local = self.asset.inputs[name], self.asset.local_name(name)
        for scope, file in self._files(item, key, records):
            # Jobs of all partitions read a file that has none.
            is_shared = key.scope != SHARED and item.partitions_def is None
            yield Input(f"{scope}.{local}" if self.asset.reads_all_partitions(item) else local, file, is_shared)

    def _files(
        self, item: InputFile, key: ResultKey, records: Mapping[str, RecordSet]
    ) -> Iterator[tuple[str, StoredFile]]:
        if isinstance(item, FileSource):
            for scope in self._scopes(item, key):
                yield scope, item.observe(self.ledger, scope).files[0].stored
        elif self.asset.reads_all_partitions(item):
            for scope, record in sorted(records[item.asset.name].records.items()):
                yield scope, record.file(item.output)
        else:
            own = records[item.asset.name].of(SHARED if item.partitions_def is None else key.scope)
            yield key.scope, own.file(item.output)
