"""A toy project on the real machinery: numbers are fetched once, and squared for every sample by bash."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.launch.store import Store
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import (
    CachingStaleStatusResolver,
    InMemoryJob,
    LoadingContextForTest,
    execute_run,
)
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.partitions import add_samples, range_tags, samples
from bioinfo_assets.orchestration.record_io import RecordIOManager
from bioinfo_assets.orchestration.record_set import RecordSet

SAMPLE = {"partitions_def": samples, "io_manager_key": "records"}


def stored(path: Path) -> StoredFile:
    return StoredFile(str(path), path.stat().st_size, Store().digest(str(path)))


def toy_definitions(folder: Path) -> dg.Definitions:
    output = folder / "output"

    @dg.asset(io_manager_key="records", code_version="1")
    def factor(context: dg.AssetExecutionContext, launcher: JobLauncher):
        job = Job(
            step="factor",
            version="1",
            subject="references",
            script="cat source.txt > factor.txt; echo factor on stdout; echo factor on stderr >&2",
            inputs=(Input("source.txt", stored(folder / "factor.txt")),),
            outputs=(Output("number", "factor.txt", f"{output}/references/factor.txt"),),
        )
        yield from launcher.materialize(context, lambda: job)

    @dg.asset(**SAMPLE, code_version="1")
    def product(context: dg.AssetExecutionContext, launcher: JobLauncher, factor: RecordSet):
        def job(sample: str) -> Job:
            return Job(
                step="product",
                version="1",
                subject=sample,
                script='[[ $(cat own.txt) != bad ]] || fail "own.txt is bad: write a number"\n'
                'echo $(( $(cat factor.txt) * $(cat own.txt) )) > product.txt; fact value "$(cat product.txt)"',
                inputs=(
                    Input("factor.txt", factor.only.file("number")),
                    Input("own.txt", stored(folder / f"{sample}.txt")),
                ),
                outputs=(Output("number", "product.txt", f"{output}/{sample}/{sample}.product.txt"),),
            )

        yield from launcher.materialize_samples(context, job)

    @dg.asset(**SAMPLE, code_version="1")
    def parity(context: dg.AssetExecutionContext, launcher: JobLauncher, product: RecordSet):
        def job(sample: str) -> Job:
            return Job(
                step="parity",
                version="1",
                subject=sample,
                script="echo $(( $(cat product.txt) % 2 )) > parity.txt",
                inputs=(Input("product.txt", product.of(sample).file("number")),),
                outputs=(Output("number", "parity.txt", f"{output}/{sample}/{sample}.parity.txt"),),
            )

        yield from launcher.materialize_samples(context, job)

    @dg.asset(io_manager_key="records", code_version="1")
    def total(context: dg.AssetExecutionContext, launcher: JobLauncher, product: RecordSet):
        def job() -> Job:
            found = sorted(product.records.items())
            return Job(
                step="total",
                version="1",
                subject="multiqc",
                script="cat *.product.txt | awk '{ sum += $1 } END { print sum }' > total.txt",
                inputs=tuple(Input(f"{name}.product.txt", record.file("number")) for name, record in found),
                outputs=(Output("number", "total.txt", f"{output}/multiqc/total.txt"),),
            )

        yield from launcher.materialize(context, job)

    return dg.Definitions(
        assets=[factor, product, parity, total],
        executor=one_process_executor,
        resources={
            "launcher": JobLauncher(output_path=str(output)),
            "records": RecordIOManager(output_path=str(output), subjects={"factor": "references", "total": "multiqc"}),
        },
    )


@dataclass
class Toy:
    """The toy project with three samples, its Dagster instance, and what tests do with them."""

    folder: Path
    instance: dg.DagsterInstance

    def __post_init__(self) -> None:
        self.write("factor", 3)
        for name, number in (("a", 2), ("b", 3), ("c", 4)):
            self.write(name, number)
        add_samples(self.instance, ["a", "b", "c"])
        self.definitions = toy_definitions(self.folder)

    def write(self, name: str, number: object) -> None:
        (self.folder / f"{name}.txt").write_text(f"{number}\n")

    def read(self, sample: str, what: str = "product") -> str:
        return (self.folder / "output" / sample / f"{sample}.{what}.txt").read_text().strip()

    def run(self, first: str = "a", last: str = "c", keys: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        selection = frozenset(map(dg.AssetKey, keys)) or None
        run = self.instance.create_run_for_job(job_def=job, tags=range_tags(first, last), asset_selection=selection)
        return execute_run(InMemoryJob(job), run, self.instance)

    def stale(self) -> set[str]:
        """What Dagster calls stale, as ASSET or ASSET/SAMPLE."""
        graph = self.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        places = [("factor", None), ("total", None)] + [(key, name) for key in ("product", "parity") for name in "abc"]
        return {
            f"{key}/{name}" if name else key
            for key, name in places
            if resolver.get_status(dg.AssetKey(key), name).value == "STALE"
        }

    def materialization(self, key: str, partition: str | None = None) -> dg.AssetMaterialization:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(key), asset_partitions=[partition] if partition else None), limit=1
        ).records
        found = records[0].asset_materialization
        assert found is not None
        return found


def plain_definitions(versions: dict[str, str]) -> dg.Definitions:
    """The toy's graph as Dagster runs it by itself, each asset with the data version it is told."""

    def asset(name: str, deps: Sequence[str], partitions_def: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=list(deps), partitions_def=partitions_def, code_version="1")
        def body() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion(versions[name]))

        return body

    return dg.Definitions(
        assets=[
            asset("factor", [], None),
            asset("product", ["factor"], samples),
            asset("parity", ["product"], samples),
            asset("total", ["product"], None),
        ]
    )
