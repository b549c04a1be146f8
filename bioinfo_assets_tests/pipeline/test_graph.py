"""The rows of the graph, the Dagster assets that are built from them, and what a new row takes."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.assets.pipeline_assets import PIPELINE, pipeline_assets
from bioinfo_assets.assets.sources import SOURCE_ASSETS
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Input, Job, Output
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.launcher import job_launcher
from bioinfo_assets.orchestration.partitions import add_samples, range_tags
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.graph import (
    ASSETS,
    GRAPH,
    PER_SAMPLE,
    REPORT_FILES,
    SOURCES,
    enabled_assets,
)
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import COHORT, COHORT_SOURCE, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project
from bioinfo_assets_tests.records.recorded_results import record_result


def test_the_source_assets_are_the_sources_of_the_graph() -> None:
    assert tuple(source.key.path[-1] for source in SOURCE_ASSETS) == SOURCES


@pytest.mark.parametrize("asset", PIPELINE.specs, ids=lambda asset: asset.key.path[-1])
def test_an_asset_depends_on_what_its_row_lists(asset: dg.AssetSpec) -> None:
    spec = GRAPH[asset.key.path[-1]]
    assert {dependency.asset_key.path[-1] for dependency in asset.deps} == set(spec.upstream)
    assert (asset.partitions_def is None) == (spec.name not in PER_SAMPLE)


@pytest.mark.parametrize("spec", GRAPH.values(), ids=GRAPH)
def test_a_row_follows_everything_upstream_of_it(spec: AssetSpec) -> None:
    assert set(spec.upstream) <= {*SOURCES, *ASSETS[: ASSETS.index(spec.name)]}


@pytest.mark.parametrize("spec", GRAPH.values(), ids=GRAPH)
def test_the_settings_of_a_row_exist(spec: AssetSpec) -> None:
    assert set(spec.settings) <= set(Settings.model_fields)


def test_assets_that_the_settings_can_leave_out_have_advice_for_whoever_selects_them() -> None:
    bare = Settings(output_path="/out")
    assert {spec.name for spec in GRAPH.values() if spec.how_to_enable} == set(ASSETS) - set(enabled_assets(bare))
    everything = {
        "known_sites": ("x.vcf.gz",),
        "cram": "embedded",
        "read_quality": True,
        "genome_metrics": True,
        "contamination_sites": "/x.gz",
        "haplotype_map": "/map.txt",
    }
    assert enabled_assets(bare.model_copy(update=everything)) == ASSETS


def test_the_report_reads_what_the_settings_ask_for(tmp_path: Path) -> None:
    """All that has files for it is upstream of it; what is not asked for may be there from before."""
    assert set(GRAPH["multiqc_report"].upstream) == {*REPORT_FILES, COHORT_SOURCE}
    fake = open_fake_project(tmp_path, "a")
    without = report_inputs(fake)
    fake.settings["read_quality"] = True
    fake.run()
    assert report_inputs(fake) - without == {"a.fastp.json"}
    fake.settings["read_quality"] = False
    fake.run()
    assert report_inputs(fake) == without


def report_inputs(fake: FakeProject) -> set[str]:
    fake.run()
    return {file.uri.rpartition("/")[2] for file in fake.record("multiqc_report", COHORT).inputs}


def build_read_count(upstream: Upstream, sample: str) -> Job:
    """Count the read pairs of a sample."""
    return Job(
        ResultKey("read_count", sample),
        "1",
        "echo $(( $(gzip -dc reads.fastq.gz | wc -l) / 4 )) > count.txt",
        inputs=(Input("reads.fastq.gz", upstream.record("merged_reads", sample).file("gz")),),
        outputs=(Output("count", "count.txt", upstream.project.layout.sample(sample, "count.txt")),),
    )


READ_COUNT = AssetSpec(
    name="read_count",
    description="How many read pairs a sample has.",
    group="reads",
    kinds=frozenset({"text"}),
    version="1",
    build=build_read_count,
    upstream=("merged_reads",),
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield instance


def test_a_new_asset_takes_one_row(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row alone gives a Dagster asset with partitions, whose jobs run and whose results are recorded."""
    project = Project(Settings(output_path=str(tmp_path / "out")))
    for sample in ("a", "b"):
        fastq = project.layout.sample(sample, "1.fastq.gz")
        project.store.write_bytes(fastq, sample.encode())
        record_result(project.ledger, "merged_reads", sample, fastq)
    backend = FakeBackend(tmp_path / "scratch", lambda job: Behaviour(files={"count": job.key.scope.encode()}))
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: backend)

    add_samples(instance, ["a", "b"])
    result = materialize(instance, project, pipeline_assets([GRAPH["merged_reads"], READ_COUNT]))

    assert result.success
    assert {event.partition for event in result.all_events if event.is_step_materialization} == {"a", "b"}
    assert [read_record(project, sample).outputs[0].sha256 for sample in "ab"] == [
        project.store.digest(project.layout.sample(sample, "count.txt")).removeprefix("sha256:") for sample in "ab"
    ]


def read_record(project: Project, sample: str) -> Record:
    record = project.ledger.read(ResultKey("read_count", sample))
    assert record is not None
    return record


def materialize(instance: dg.DagsterInstance, project: Project, asset: dg.AssetsDefinition) -> dg.JobExecutionResult:
    definitions = dg.Definitions(
        assets=[asset],
        executor=one_process_executor,
        resources={
            "project": project,
            "launcher": job_launcher(project.settings.output_path, BackendConfig()),
        },
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(
        job_def=job, tags=range_tags("a", "b"), asset_selection=frozenset({dg.AssetKey("read_count")})
    )
    return execute_run(InMemoryJob(job), run, instance)
