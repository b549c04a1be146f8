"""A toy project on the real machinery: numbers are fetched once, and squared for every sample by bash."""

from pathlib import Path

import dagster as dg

from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.record_io import RecordIOManager
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.launch.store import Store

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
            "records": RecordIOManager(
                output_path=str(output), subjects={"factor": "references", "total": "multiqc"}
            ),
        },
    )
