"""`run` and `status`, as a user calls them, on real lanes of two samples with the real tools."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.pipeline.graph import ALIGNER, ASSETS, GRAPH, PER_SAMPLE, SHARED_SCOPES_BY_ASSET
from bioinfo_assets_tests.cli.commands import CommandResult, call, call_process, list_folders, take_lanes, write_pair
from bioinfo_assets_tests.data_sets import na12878

pytestmark = pytest.mark.xdist_group("command line")  # they share one costly run


@dataclass(frozen=True, slots=True)
class Ran:
    """A project on which everything was run once, with `--json`."""

    folder: Path
    result: CommandResult

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.result.stdout))


def arguments(folder: Path) -> list[object]:
    sites = (option for vcf in na12878().known_sites for option in ("--known-sites", vcf))
    return ["--output-path", folder / "out", "--reference", na12878().reference, *sites]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Sample `one` has a lane in each of two folders, sample `two` has one; both stand in a samplesheet."""
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
    result = call_process("run", "--samples-file", folder / "sheet.csv", *arguments(folder), "--json")
    return Ran(folder, result)


def test_all_is_well(ran: Ran) -> None:
    assert ran.result.exit_code == 0, ran.result
    assert ran.told["success"]
    assert ran.told["failures"] == []


def test_each_asset_has_a_job_for_each_sample(ran: Ran) -> None:
    done = {asset: counts["done"] for asset, counts in ran.told["jobs"].items()}
    assert done == {asset: 2 if asset in PER_SAMPLE else 1 for asset in ASSETS}


def test_progress_is_told_beside_the_document(ran: Ran) -> None:
    assert "recalibrated_bam one  DONE" in ran.result.stderr
    assert "DEBUG" not in ran.result.stderr
    assert "Warning" not in ran.result.stderr


def test_the_files_that_are_named_are_there(ran: Ran) -> None:
    files = ran.told["samples"]["one"]
    assert files["recalibrated_bam"] == [str(ran.output / "one" / "one.recalib.bam")]
    assert files["alignment_metrics"] == [str(ran.output / "one" / "one.alignment_metrics.txt")]
    assert ran.told["report"] == [str(ran.output / "multiqc" / "multiqc_report.html")]
    named = [uri for sample in ran.told["samples"].values() for uris in sample.values() for uri in uris]
    assert all(Path(uri).stat().st_size for uri in [*named, *ran.told["report"]])


def test_a_sample_in_two_folders_is_one_sample(ran: Ran) -> None:
    header = subprocess.run(
        ["samtools", "view", "-H", ran.output / "one" / "one.recalib.bam"], capture_output=True, text=True, check=True
    ).stdout
    groups = [line.split("\t") for line in header.splitlines() if line.startswith("@RG")]
    assert {field for group in groups for field in group if field.startswith("SM:")} == {"SM:one"}
    assert len(groups) == 2


def test_dagsters_own_log_is_in_a_file(ran: Ran) -> None:
    assert "RUN_SUCCESS" in Path(ran.told["log"]).read_text()


@pytest.mark.parametrize("asset", ASSETS)
def test_the_tools_that_are_checked_are_those_that_jobs_ask_for(ran: Ran, asset: str) -> None:
    record = ran.output / SHARED_SCOPES_BY_ASSET.get(asset, "one") / "records" / f"{asset}.json"
    used = set(json.loads(record.read_text())["tools"])
    assert used == {"bwa" if tool == ALIGNER else tool for tool in GRAPH[asset].tools}


def test_a_second_run_finds_everything_and_keeps_the_settings(ran: Ran) -> None:
    result = call_process("run", "--output-path", ran.output)
    assert result.exit_code == 0, result
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["ALL", "0", "0", "0", "20", "0", "20"] in lines
    assert f"bioinfo-assets dagit --output-path {ran.output}" in result.stdout


def test_one_step_for_one_sample(ran: Ran) -> None:
    result = call("run", "--output-path", ran.output, "--select", "depth", "--samples", "two", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert {asset: counts["total"] for asset, counts in told["jobs"].items()} == {"depth": 1}
    assert told["jobs"]["depth"]["cached"] == 1


def test_dagsters_selection_syntax(ran: Ran) -> None:
    result = call("run", "--output-path", ran.output, "--select", "+depth", "--samples", "two", "--json")
    assert set(json.loads(result.stdout)["jobs"]) == {"recalibrated_bam", "depth"}


def test_status_tells_what_is_made_and_what_was_changed(ran: Ran) -> None:
    metrics = ran.output / "two" / "two.alignment_metrics.txt"
    kept = metrics.read_bytes()
    metrics.write_bytes(kept + b"\n")
    try:
        result = call("status", "--output-path", ran.output, "--json")
    finally:
        metrics.write_bytes(kept)
    states = {(one["scope"], one["asset"]): one["state"] for one in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert len(states) == 3 + 2 * 8 + 1
    assert states.pop(("two", "alignment_metrics")) == "damaged"
    assert set(states.values()) == {"made"}


def test_status_as_a_table(ran: Ran) -> None:
    result = call("status", "--output-path", ran.output)
    assert ["one", "depth", "made"] in [line.split()[:3] for line in result.stdout.splitlines()]


def test_a_new_sample_beside_those_that_are_made(ran: Ran) -> None:
    write_pair(ran.folder / "expt")
    samples_file = list_folders(ran.folder / "more.txt", ran.folder / "expt")
    result = call("run", "--samples-file", samples_file, "--output-path", ran.output, "--select", "merged_reads")
    assert result.exit_code == 0
    assert (ran.output / "expt" / "expt.1.fastq.gz").exists()


def test_samples_that_were_not_added_in_a_row_are_run_without_those_between(ran: Ran) -> None:
    chosen = ("--samples", "one", "--samples", "expt")
    result = call("run", "--output-path", ran.output, "--select", "merged_reads", *chosen, "--json")
    told = json.loads(result.stdout)
    assert len(told["runs"]) == 2
    assert told["jobs"]["merged_reads"]["cached"] == 2
    assert set(told["samples"]) == {"one", "expt"}


def test_dagit_of_a_project_that_is_not_there(tmp_path: Path) -> None:
    result = call("dagit", "--output-path", tmp_path / "out")
    assert result.exit_code == 2
    assert str(tmp_path / "out") in result.stderr
    assert "bioinfo-assets run" in result.stderr


def test_a_job_that_fails_is_told_in_a_sentence_and_stops_no_other_sample(tmp_path: Path) -> None:
    """The second file is cut short behind what is looked at before a run."""
    write_pair(tmp_path / "good", "good")
    _, spoiled = write_pair(tmp_path / "bad", "bad", pairs=8000)
    assert spoiled.stat().st_size > 300_000
    spoiled.write_bytes(spoiled.read_bytes()[:-1000])
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "good", tmp_path / "bad")
    result = call_process(
        "run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "merged_reads"
    )
    assert result.exit_code == 1
    assert "merged_reads of bad: " in result.stdout
    assert spoiled.name in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert (tmp_path / "out" / "good" / "good.1.fastq.gz").exists()
    assert list((tmp_path / "out" / "bad").glob("*.gz")) == []
    assert not (tmp_path / "out" / "bad" / "records" / "merged_reads.json").exists()


def test_a_step_whose_input_is_not_made_says_so(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    result = call("run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "trimmed_reads")
    assert result.exit_code == 1
    assert "there is no merged_reads of expt yet" in result.stdout


def test_a_run_that_ends_before_its_first_step_says_why(tmp_path: Path) -> None:
    """Here where it cannot write down that it lives."""
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    (tmp_path / "out" / ".dagster").mkdir(parents=True)
    (tmp_path / "out" / ".dagster" / "runs").write_text("")
    result = call("run", "--samples-file", samples_file, "--output-path", tmp_path / "out", "--select", "merged_reads")
    assert result.exit_code == 1
    assert "1 failed" in result.stdout
    assert str(tmp_path / "out" / ".dagster" / "runs") in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_without_known_sites_base_qualities_stay(ran: Ran) -> None:
    """The last test of this module: the project keeps the setting."""
    result = call(
        *("run", "--output-path", ran.output, "--no-known-sites", "--samples", "two", "--json"),
        *("--select", "recalibrated_bam", "--select", "known_sites"),
    )
    assert result.exit_code == 0, result
    jobs = json.loads(result.stdout)["jobs"]
    assert {asset: counts["done"] for asset, counts in jobs.items()} == {"recalibrated_bam": 1}
    assert not (ran.output / "two" / "two.recalib.recal.table").exists()
    marked, final = (
        subprocess.run(["samtools", "view", ran.output / "two" / f"two.{name}.bam"], capture_output=True, check=True)
        for name in ("mark_dup", "recalib")
    )
    assert marked.stdout
    assert final.stdout == marked.stdout
    assert "known_sites = []" in (ran.output / ".dagster" / "bioinfo-assets.toml").read_text()
