"""`run` and `status` on real lanes of two samples with the real tools."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.pipeline.asset_spec import ALIGNER
from bioinfo_assets.pipeline.graph import GRAPH, PER_SAMPLE, SHARED_SCOPES_BY_ASSET, enabled_assets
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.canaries import SECRETS, leaks, texts_in
from bioinfo_assets_tests.cli.commands import CommandResult, call, call_process, list_folders, take_lanes, write_pair
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.planned_results import planned_results

pytestmark = pytest.mark.xdist_group("command line")  # they share an expensive run


ENABLED = enabled_assets(Settings(output_path="/out", known_sites=("sites.vcf.gz",), cram="external"))
"""The assets that the options of the run ask for."""


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """A project for which everything was run once, with `--json`."""

    folder: Path
    result: CommandResult

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.result.stdout))


def arguments(folder: Path) -> list[object]:
    """Return the output path, reference and known sites."""
    sites = (option for vcf in na12878().known_sites for option in ("--known-sites", vcf))
    return ["--output-path", folder / "out", "--reference", na12878().reference, *sites]


@pytest.fixture(scope="module")
def completed(tmp_path_factory: pytest.TempPathFactory) -> CompletedRun:
    """Sample `one` has a lane in each of two folders, sample `two` has one lane; both are in a samplesheet."""
    folder = tmp_path_factory.mktemp("run")
    pairs = {
        ("one", "HJYFJ_L4"): take_lanes(folder / "a", "HJYFJ_L4", sample="one"),
        ("one", "HK35M_L1"): take_lanes(folder / "b", "HK35M_L1", sample="one"),
        ("two", "HK3T5_L1"): take_lanes(folder / "b", "HK3T5_L1", sample="two"),
    }
    rows = [
        f"p_{sample},{sample},{lane[-2:]},{place.name}/{sample}_{lane}_1.fastq.gz,{place.name}/{sample}_{lane}_2.fastq.gz"
        for (sample, lane), place in pairs.items()
    ]
    (folder / "sheet.csv").write_text("\n".join(["patient,sample,lane,fastq_1,fastq_2", *rows]) + "\n")
    result = call_process(
        *("run", "--samples-file", folder / "sheet.csv", *arguments(folder), "--cram", "external", "--json"),
        env={**os.environ, **SECRETS},
    )
    return CompletedRun(folder, result)


def test_all_jobs_succeed(completed: CompletedRun) -> None:
    assert completed.result.exit_code == 0, completed.result
    assert completed.document["success"]
    assert completed.document["failures"] == []


def test_each_asset_has_a_job_for_each_sample(completed: CompletedRun) -> None:
    done = {asset: counts["done"] for asset, counts in completed.document["jobs"].items()}
    assert done == {asset: 2 if asset in PER_SAMPLE else 1 for asset in ENABLED}


def test_with_json_progress_goes_to_stderr(completed: CompletedRun) -> None:
    assert "recalibrated_bam one  DONE" in completed.result.stderr
    assert "DEBUG" not in completed.result.stderr
    assert "Warning" not in completed.result.stderr


def test_the_result_files_exist(completed: CompletedRun) -> None:
    files = completed.document["samples"]["one"]
    assert files["recalibrated_cram"] == [str(completed.output / "one" / "one.recalib.cram")]
    assert "recalibrated_bam" not in files
    assert files["alignment_metrics"] == [str(completed.output / "one" / "one.alignment_metrics.txt")]
    assert completed.document["report"] == [str(completed.output / "multiqc" / "multiqc_report.html")]
    uris = [uri for sample in completed.document["samples"].values() for uris in sample.values() for uri in uris]
    assert all(Path(uri).stat().st_size for uri in [*uris, *completed.document["report"]])


def test_where_time_went_is_reported_at_the_end(completed: CompletedRun) -> None:
    """On the page under the output path, and by `report`; each of the jobs is counted once."""
    assert "<svg" in (completed.output / "resource_usage.html").read_text(encoding="utf-8")
    document = json.loads(call("report", "--output-path", completed.output, "--json").stdout)
    jobs = {step["name"]: step["jobs"] for step in document["steps"]}
    assert jobs == {asset: counts["done"] for asset, counts in completed.document["jobs"].items()}
    assert document["cohort"]["jobs_without_accounting"] == 0
    with dg.DagsterInstance.from_config(str(completed.output / ".dagster")) as instance:
        (observed,) = instance.fetch_observations(dg.AssetKey("resource_usage"), limit=10).records
    assert observed.asset_observation is not None
    assert observed.asset_observation.metadata["jobs"].value == document["cohort"]["jobs"]


def test_no_secret_of_the_host_is_written(completed: CompletedRun, tmp_path: Path) -> None:
    """Nor is it in a crate, Dagster's database, the logs of steps, or what the command prints."""
    crate = tmp_path / "crate.zip"
    assert call("crate", "--output-path", completed.output, "--to", crate, "--with-small-files").exit_code == 0
    written = texts_in(completed.folder, tmp_path)
    printed = {"stdout": completed.result.stdout.encode(), "stderr": completed.result.stderr.encode()}
    assert leaks({**written, **printed}) == []
    for part in ("records/depth.json", "bioinfo-assets.toml", ".dagster/run_logs/", ".db, decompressed", "crate.zip: "):
        assert [data for name, data in written.items() if part in name and data], part


def test_a_sample_in_two_folders_is_one_sample(completed: CompletedRun) -> None:
    header = subprocess.run(
        ["samtools", "view", "-H", completed.output / "one" / "one.recalib.bam"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    groups = [line.split("\t") for line in header.splitlines() if line.startswith("@RG")]
    assert {field for group in groups for field in group if field.startswith("SM:")} == {"SM:one"}
    assert len(groups) == 2


def test_dagsters_own_log_is_in_a_file(completed: CompletedRun) -> None:
    assert "RUN_SUCCESS" in Path(completed.document["log"]).read_text()


@pytest.mark.parametrize("asset", ENABLED)
def test_the_tools_checked_before_a_run_are_those_of_its_jobs(completed: CompletedRun, asset: str) -> None:
    record = completed.output / SHARED_SCOPES_BY_ASSET.get(asset, "one") / "records" / f"{asset}.json"
    used = set(json.loads(record.read_text())["tools"])
    assert used == {"bwa" if tool == ALIGNER else tool for tool in GRAPH[asset].tools_of(Settings(output_path="/out"))}


def test_a_second_run_reuses_everything_with_the_saved_settings(completed: CompletedRun) -> None:
    result = call_process("run", "--output-path", completed.output)
    assert result.exit_code == 0, result
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["ALL", "0", "0", "0", "22", "0", "22"] in lines
    assert f"bioinfo-assets dagit --output-path {completed.output}" in result.stdout


def test_one_asset_for_one_sample(completed: CompletedRun) -> None:
    result = call("run", "--output-path", completed.output, "--select", "depth", "--samples", "two", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert {asset: counts["total"] for asset, counts in document["jobs"].items()} == {"depth": 1}
    assert document["jobs"]["depth"]["cached"] == 1


def test_dagsters_selection_syntax(completed: CompletedRun) -> None:
    result = call("run", "--output-path", completed.output, "--select", "+depth", "--samples", "two", "--json")
    assert set(json.loads(result.stdout)["jobs"]) == {"recalibrated_bam", "depth"}


def test_status_detects_a_changed_file(completed: CompletedRun) -> None:
    metrics = completed.output / "two" / "two.alignment_metrics.txt"
    kept = metrics.read_bytes()
    metrics.write_bytes(kept + b"\n")
    try:
        result = call("status", "--output-path", completed.output, "--json")
    finally:
        metrics.write_bytes(kept)
    states = {(status["scope"], status["asset"]): status["state"] for status in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert len(states) == 3 + 2 * 9 + 1
    assert states.pop(("two", "alignment_metrics")) == "damaged"
    assert set(states.values()) == {"up to date"}


def test_status_as_a_table(completed: CompletedRun) -> None:
    result = call("status", "--output-path", completed.output)
    assert ["one", "depth", "up", "to", "date"] in [line.split()[:5] for line in result.stdout.splitlines()]


def test_a_new_sample_is_added_to_existing_ones(completed: CompletedRun) -> None:
    write_pair(completed.folder / "expt")
    samples_file = list_folders(completed.folder / "more.txt", completed.folder / "expt")
    result = call("run", "--samples-file", samples_file, "--output-path", completed.output, "--select", "merged_reads")
    assert result.exit_code == 0
    assert (completed.output / "expt" / "expt.1.fastq.gz").exists()


def test_samples_that_were_not_added_consecutively_take_one_dagster_run(completed: CompletedRun) -> None:
    """Dagster gives a run a range of partitions, which here has a sample that is not meant."""
    chosen = ("--samples", "one", "--samples", "expt")
    result = call("run", "--output-path", completed.output, "--select", "merged_reads", *chosen, "--json")
    document = json.loads(result.stdout)
    (run_id,) = document["runs"]
    with open_instance(completed.output / ".dagster") as instance:
        assert planned_results(instance, run_id) == {("merged_reads", "one"), ("merged_reads", "expt")}
    assert document["jobs"]["merged_reads"]["cached"] == 2
    assert set(document["samples"]) == {"one", "expt"}


def test_dagit_of_a_project_that_does_not_exist(tmp_path: Path) -> None:
    result = call("dagit", "--output-path", tmp_path / "out")
    assert result.exit_code == 2
    assert str(tmp_path / "out") in result.stderr
    assert "bioinfo-assets run" in result.stderr


def test_a_failed_job_is_reported_in_a_sentence_and_stops_no_other_sample(tmp_path: Path) -> None:
    """The second file is truncated beyond the part that is checked before a run."""
    write_pair(tmp_path / "good", "good")
    _, truncated = write_pair(tmp_path / "bad", "bad", pairs=8000)
    assert truncated.stat().st_size > 300_000
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "good", tmp_path / "bad")
    result = call_process(
        *("run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "merged_reads"),
        env={**os.environ, **SECRETS},
    )
    assert result.exit_code == 1
    assert leaks(texts_in(tmp_path)) == []
    assert "merged_reads of bad: " in result.stdout
    assert truncated.name in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert (tmp_path / "out" / "good" / "good.1.fastq.gz").exists()
    assert list((tmp_path / "out" / "bad").glob("*.gz")) == []
    assert not (tmp_path / "out" / "bad" / "records" / "merged_reads.json").exists()


def test_a_missing_input_of_an_asset_is_reported(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    result = call("run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "trimmed_reads")
    assert result.exit_code == 1
    assert "merged_reads of expt does not exist yet" in result.stdout


def test_a_run_whose_lock_cannot_be_written_is_rejected(tmp_path: Path) -> None:
    """The command line takes a run's lock before it creates the run."""
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    (tmp_path / "out" / ".dagster").mkdir(parents=True)
    (tmp_path / "out" / ".dagster" / "runs").write_text("")
    result = call("run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "merged_reads")
    assert result.exit_code == 2
    assert str(tmp_path / "out" / ".dagster" / "runs") in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    with open_instance(tmp_path / "out" / ".dagster") as instance:
        assert instance.get_runs_count() == 0


def test_without_known_sites_base_qualities_are_unchanged(completed: CompletedRun) -> None:
    """The last test of this module, since the project keeps the setting."""
    result = call(
        *("run", "--output-path", completed.output, "--no-known-sites", "--samples", "two", "--json"),
        *("--select", "recalibrated_bam", "--select", "known_sites"),
    )
    assert result.exit_code == 0, result
    jobs = json.loads(result.stdout)["jobs"]
    assert {asset: counts["done"] for asset, counts in jobs.items()} == {"recalibrated_bam": 1}
    assert not (completed.output / "two" / "two.recalib.recal.table").exists()
    marked, final = (
        subprocess.run(
            ["samtools", "view", completed.output / "two" / f"two.{name}.bam"], capture_output=True, check=True
        )
        for name in ("mark_dup", "recalib")
    )
    assert marked.stdout
    assert final.stdout == marked.stdout
    assert "known_sites = []" in (completed.output / ".dagster" / "bioinfo-assets.toml").read_text()
