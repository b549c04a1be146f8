"""A toy project on the real launcher and executor: bash multiplies the number of each sample by a shared factor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run

from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.job import Input, Job, JobOptions, Output, StoredFile
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
from bioinfo_assets.orchestration.partitions import add_samples, range_tags, samples
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.storage.store import Store, join
from bioinfo_assets_tests.staleness import stale_results

LOCAL = BackendConfig()
NO_GATES: Mapping[str, Path] = MappingProxyType({})


def stored(uri: str) -> StoredFile:
    store = Store()
    return StoredFile(uri, store.stat(uri).size, store.digest(uri))


def toy_definitions(
    root: str,
    launcher: JobLauncher,
    gates: Mapping[str, Path] = NO_GATES,
    answer_reads: Sequence[str] = (),
    *,
    publishes_parity: bool = True,
) -> dg.Definitions:
    """The assets of a toy project whose sources are in `root`, and whose results are in `root/output`.

    The product of a sample with a gate waits until that file exists. A third step of each sample, the answer, reads
    these of the other two; without any, there is none. If it alone reads the parity, that need not be published.
    """
    output = join(root, "output")

    def factor(key: ResultKey, _: Mapping[str, RecordSet]) -> Job:
        return Job(
            key=key,
            version="1",
            script="cat source.txt > factor.txt; echo factor on stdout; echo factor on stderr >&2",
            inputs=(Input("source.txt", stored(join(root, "factor.txt"))),),
            outputs=(Output("number", "factor.txt", f"{output}/references/factor.txt"),),
        )

    def product(key: ResultKey, upstream: Mapping[str, RecordSet]) -> Job:
        gate = f"until [[ -e {gates[key.scope]} ]]; do sleep 0.05; done\n" if key.scope in gates else ""
        return Job(
            key=key,
            version="1",
            script=f"{gate}"
            '[[ $(cat own.txt) != bad ]] || fail "own.txt is bad: write a number"\n'
            'echo $(( $(cat factor.txt) * $(cat own.txt) )) > product.txt; fact value "$(cat product.txt)"',
            inputs=(
                Input("factor.txt", upstream["factor"].only.file("number")),
                Input("own.txt", stored(join(root, f"{key.scope}.txt"))),
            ),
            outputs=(Output("number", "product.txt", f"{output}/{key.scope}/{key.scope}.product.txt"),),
        )

    def parity(key: ResultKey, upstream: Mapping[str, RecordSet]) -> Job:
        return Job(
            key=key,
            version="1",
            script='(( $(cat product.txt) )) || fail "0 is neither even nor odd here"\n'
            "echo $(( $(cat product.txt) % 2 )) > parity.txt",
            inputs=(Input("product.txt", upstream["product"].of(key.scope).file("number")),),
            outputs=(Output("number", "parity.txt", f"{output}/{key.scope}/{key.scope}.parity.txt"),),
        )

    def total(key: ResultKey, upstream: Mapping[str, RecordSet]) -> Job:
        products = sorted(upstream["product"].records.items())
        return Job(
            key=key,
            version="1",
            script="cat *.product.txt | awk '{ sum += $1 } END { print sum }' > total.txt",
            inputs=tuple(Input(f"{sample}.product.txt", record.file("number")) for sample, record in products),
            outputs=(Output("number", "total.txt", f"{output}/multiqc/total.txt"),),
        )

    def answer(key: ResultKey, upstream: Mapping[str, RecordSet]) -> Job:
        return Job(
            key=key,
            version="1",
            script=f"echo answering; paste {' '.join(f'{asset}.txt' for asset in answer_reads)} > answer.txt",
            inputs=tuple(Input(f"{asset}.txt", upstream[asset].of(key.scope).file("number")) for asset in answer_reads),
            outputs=(Output("number", "answer.txt", f"{output}/{key.scope}/{key.scope}.answer.txt"),),
        )

    builders = {
        "factor": JobBuilder(factor),
        "product": JobBuilder(product),
        "parity": JobBuilder(parity, only_for={} if publishes_parity else {"number": frozenset({"answer"})}),
        "total": JobBuilder(total, scope=COHORT),
    }
    upstream_of: dict[str, Sequence[str]] = {
        "factor": (),
        "product": ("factor",),
        "parity": ("product",),
        "total": ("product",),
    }
    if answer_reads:
        builders["answer"], upstream_of["answer"] = JobBuilder(answer), tuple(answer_reads)

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=upstream,
                code_version="1",
                partitions_def=samples if name in {"product", "parity", "answer"} else None,
                skippable=True,
            )
            for name, upstream in upstream_of.items()
        ],
        can_subset=True,
    )
    def numbers(context: dg.AssetExecutionContext, launcher: JobLauncher) -> StepEvents:
        yield from launcher.materialize(context, builders)

    return dg.Definitions(assets=[numbers], executor=one_process_executor, resources={"launcher": launcher})


@dataclass
class ToyProject:
    """A toy project with three samples, and its Dagster instance.

    Attributes:
        folder: A local folder.
        instance: Dagster.
        root: The folder or address of its files; `folder` by default.
        backend: Where its jobs run.
        jobs: Options of its jobs.
        samples: The number of each sample.
        gates: By sample, a file that its product waits for.
        answer_reads: What the third step of each sample reads; without it, there is none.
        publishes_parity: Whether the second result is published even if only the third, in the same job, reads it.
    """

    folder: Path
    instance: dg.DagsterInstance
    root: str = ""
    backend: BackendConfig = LOCAL
    jobs: JobOptions = NO_OPTIONS
    samples: Mapping[str, int] = field(default_factory=lambda: {"a": 2, "b": 3, "c": 4})
    gates: dict[str, Path] = field(default_factory=dict)
    answer_reads: Sequence[str] = ()
    publishes_parity: bool = True

    def __post_init__(self) -> None:
        self.root = self.root or str(self.folder)
        self.write("factor", 3)
        for name, number in self.samples.items():
            self.write(name, number)
        add_samples(self.instance, list(self.samples))
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Change the settings of the project's backend."""
        config = self.backend.model_copy(update={"jobs": self.jobs, **settings})
        launcher = job_launcher(self.output, config)
        self.definitions = toy_definitions(
            self.root, launcher, self.gates, self.answer_reads, publishes_parity=self.publishes_parity
        )

    @property
    def output(self) -> str:
        return join(self.root, "output")

    def write(self, name: str, number: object) -> None:
        Store().write_bytes(join(self.root, f"{name}.txt"), f"{number}\n".encode())

    def read(self, sample: str, asset: str = "product") -> str:
        return Store().read_bytes(join(self.output, sample, f"{sample}.{asset}.txt")).decode().strip()

    def record(self, scope: str, asset: str = "product") -> Record:
        record = Ledger(Store(), self.output).read(ResultKey(asset, scope))
        assert record is not None
        return record

    def scratch(self) -> tuple[str, ...]:
        """All files in scratch, but for the names of queues."""
        files = Store().list(join(self.output, ".scratch"), recursive=True)
        return tuple(uri for uri in files if "/queues/" not in uri)

    def run(
        self,
        first: str = "a",
        last: str = "",
        keys: Sequence[str] = (),
        *,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **more: Any,
    ) -> dg.JobExecutionResult:
        """Run assets, all by default, for a range of samples; `config` is the launcher's run configuration."""
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
        """The engine events of a run, which Dagit shows."""
        logs = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        return [entry.dagster_event for entry in logs if entry.dagster_event]

    def stale(self) -> set[str]:
        """The results that Dagster considers stale, as ASSET or ASSET/SAMPLE."""
        results = [("factor", None), ("total", None), *((key, name) for key in ("product", "parity") for name in "abc")]
        stale = stale_results(self.instance, self.definitions, results)
        return {f"{key}/{name}" if name else key for key, name in stale}

    def materialization(self, key: str, partition: str | None = None) -> dg.AssetMaterialization:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(key), asset_partitions=[partition] if partition else None), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return materialization


def failures(result: dg.JobExecutionResult) -> list[str]:
    """The lines of the descriptions of its failed steps."""
    lines = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data.user_failure_data
            assert data is not None
            lines += (data.description or "").splitlines()
    return lines


def plain_definitions(versions: dict[str, str]) -> dg.Definitions:
    """The same assets as plain Dagster assets, with these data versions."""

    def asset(
        name: str, deps: Sequence[str], partitions_def: dg.PartitionsDefinition[str] | None
    ) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=list(deps), partitions_def=partitions_def, code_version="1")
        def body() -> dg.MaterializeResult[None]:
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
