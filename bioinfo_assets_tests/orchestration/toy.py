"""A toy project on the real machinery: numbers are fetched once, and squared for every sample by bash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import (
    CachingStaleStatusResolver,
    InMemoryJob,
    LoadingContextForTest,
    execute_run,
)
from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
from bioinfo_assets.orchestration.partitions import add_samples, range_tags, samples
from bioinfo_assets.orchestration.record_io_manager import RecordIOManager
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store, join

HERE = BackendConfig()
SAMPLE = {"partitions_def": samples, "io_manager_key": "records"}


def stored(uri: str) -> StoredFile:
    store = Store()
    return StoredFile(uri, store.stat(uri).size, store.digest(uri))


def toy_definitions(place: str, launcher: JobLauncher) -> dg.Definitions:
    """The toy whose sources are in a folder, and whose results are in `output` there."""
    output = join(place, "output")

    @dg.asset(io_manager_key="records", code_version="1")
    def factor(context: dg.AssetExecutionContext, launcher: JobLauncher):
        job = Job(
            key=ResultKey("factor", "references"),
            version="1",
            script="cat source.txt > factor.txt; echo factor on stdout; echo factor on stderr >&2",
            inputs=(Input("source.txt", stored(join(place, "factor.txt"))),),
            outputs=(Output("number", "factor.txt", f"{output}/references/factor.txt"),),
        )
        yield from launcher.materialize(context, lambda: job)

    @dg.asset(**SAMPLE, code_version="1")
    def product(context: dg.AssetExecutionContext, launcher: JobLauncher, factor: RecordSet):
        def job(sample: str) -> Job:
            return Job(
                key=ResultKey("product", sample),
                version="1",
                script='[[ $(cat own.txt) != bad ]] || fail "own.txt is bad: write a number"\n'
                'echo $(( $(cat factor.txt) * $(cat own.txt) )) > product.txt; fact value "$(cat product.txt)"',
                inputs=(
                    Input("factor.txt", factor.only.file("number")),
                    Input("own.txt", stored(join(place, f"{sample}.txt"))),
                ),
                outputs=(Output("number", "product.txt", f"{output}/{sample}/{sample}.product.txt"),),
            )

        yield from launcher.materialize_samples(context, job)

    @dg.asset(**SAMPLE, code_version="1")
    def parity(context: dg.AssetExecutionContext, launcher: JobLauncher, product: RecordSet):
        def job(sample: str) -> Job:
            return Job(
                key=ResultKey("parity", sample),
                version="1",
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
                key=ResultKey("total", "multiqc"),
                version="1",
                script="cat *.product.txt | awk '{ sum += $1 } END { print sum }' > total.txt",
                inputs=tuple(Input(f"{name}.product.txt", record.file("number")) for name, record in found),
                outputs=(Output("number", "total.txt", f"{output}/multiqc/total.txt"),),
            )

        yield from launcher.materialize(context, job)

    return dg.Definitions(
        assets=[factor, product, parity, total],
        executor=one_process_executor,
        resources={
            "launcher": launcher,
            "records": RecordIOManager(output_path=output, scopes={"factor": "references", "total": "multiqc"}),
        },
    )


@dataclass
class Toy:
    """The toy project with three samples, its Dagster instance, and what tests do with them.

    Attributes:
        folder: Of this machine, for tests.
        instance: Dagster's.
        place: Where its files are; the folder unless given.
        means: Where its jobs run.
        jobs: How they run.
        samples: Their names and numbers.
    """

    folder: Path
    instance: dg.DagsterInstance
    place: str = ""
    means: BackendConfig = HERE
    jobs: JobOptions = NO_OPTIONS
    samples: Mapping[str, int] = field(default_factory=lambda: {"a": 2, "b": 3, "c": 4})

    def __post_init__(self) -> None:
        self.place = self.place or str(self.folder)
        self.write("factor", 3)
        for name, number in self.samples.items():
            self.write(name, number)
        add_samples(self.instance, list(self.samples))
        self.definitions = toy_definitions(
            self.place, job_launcher(self.output, self.means.model_copy(update={"jobs": self.jobs}))
        )

    @property
    def output(self) -> str:
        return join(self.place, "output")

    def write(self, name: str, number: object) -> None:
        Store().write_bytes(join(self.place, f"{name}.txt"), f"{number}\n".encode())

    def read(self, sample: str, what: str = "product") -> str:
        return Store().read_bytes(join(self.output, sample, f"{sample}.{what}.txt")).decode().strip()

    def record(self, sample: str, step: str = "product") -> Record:
        found = Ledger(Store(), self.output).read(sample, step)
        assert found is not None
        return found

    def scratch(self) -> tuple[str, ...]:
        """All that lies there."""
        return Store().list(join(self.output, ".scratch"), recursive=True)

    def run(
        self,
        first: str = "a",
        last: str = "",
        keys: Sequence[str] = (),
        *,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **more: Any,
    ) -> dg.ExecuteInProcessResult:
        """Runs assets, all unless given, for a range of samples; `config` is that of the launcher."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        run = self.instance.create_run_for_job(
            job_def=job,
            tags={**range_tags(first, last or list(self.samples)[-1]), **(tags or {})},
            asset_selection=frozenset(map(dg.AssetKey, keys)) or None,
            run_config={"resources": {"launcher": {"config": config}}} if config else None,
            **more,
        )
        return execute_run(InMemoryJob(job), run, self.instance)

    def engine_events(self, run_id: str) -> list[dg.DagsterEvent]:
        """What Dagit shows of the jobs of a run."""
        logs = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        return [entry.dagster_event for entry in logs if entry.dagster_event]

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
