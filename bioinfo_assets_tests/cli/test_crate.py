"""`bioinfo-assets crate`: the contents of crates, and bad input."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.cli.crate import crate
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import InputRecord, Record
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.cli.small_project import call_command, parse_json, small_project


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two samples, `expt` and `toy`, and a report on both."""
    ledger = small_project(tmp_path)
    report = ledger.read(ResultKey("multiqc_report", "multiqc"))
    assert report is not None
    files = [file for name in ("expt", "toy") for file in depth_of(ledger, name).outputs]
    inputs = [
        InputRecord(local=Path(file.uri).name, uri=file.uri, size=file.size, content=file.content) for file in files
    ]
    ledger.write(report.model_copy(update={"inputs": tuple(inputs)}))
    return ledger


def depth_of(ledger: Ledger, sample: str) -> Record:
    record = ledger.read(ResultKey("depth", sample))
    assert record is not None
    return record


def runs_in(metadata: str) -> set[str]:
    graph: list[dict[str, Any]] = json.loads(metadata)["@graph"]
    return {item["name"] for item in graph if item["@type"] == "CreateAction" and item["@id"] != "#run"}


def root_of(folder: Path) -> dict[str, Any]:
    graph: list[dict[str, Any]] = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    return next(item for item in graph if item["@id"] == "./")


def test_a_crate_contains_all_samples_and_the_report(ledger: Ledger, tmp_path: Path) -> None:
    result = call_command(crate, "--output-path", ledger.output_path, "--to", tmp_path / "all")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path / 'all'}: 3 jobs that led to the results of 2 samples\n"
    runs = runs_in((tmp_path / "all" / "ro-crate-metadata.json").read_text())
    assert runs == {"depth of expt", "depth of toy", "multiqc_report of multiqc"}


def test_a_crate_of_one_sample_omits_a_report_on_others(ledger: Ledger, tmp_path: Path) -> None:
    where = ("--output-path", ledger.output_path)
    result = call_command(crate, *where, "--samples", "toy", "--to", tmp_path / "toy.zip", "--json")
    assert parse_json(result) == {"crate": str(tmp_path / "toy.zip"), "samples": ["toy"], "runs": 1, "damaged": []}
    with zipfile.ZipFile(tmp_path / "toy.zip") as archive:
        assert runs_in(archive.read("ro-crate-metadata.json").decode()) == {"depth of toy"}
        assert "workflow/graph.py" in archive.namelist()


def test_a_crate_of_all_reported_samples_contains_the_report(ledger: Ledger, tmp_path: Path) -> None:
    where = ("--output-path", ledger.output_path, "--to", tmp_path / "both")
    result = call_command(crate, *where, "--samples", "toy", "--samples", "expt", "--with-small-files")
    assert result.exit_code == 0
    copies = {path.name for path in (tmp_path / "both" / "data").rglob("*") if path.is_file()}
    assert copies == {f"{name}.{what}.txt" for name in ("expt", "toy") for what in ("depth", "summary")} | {
        "multiqc_report.html"
    }


def test_a_haplotype_map_is_no_sample_that_the_report_is_on(ledger: Ledger, tmp_path: Path) -> None:
    report = ledger.read(ResultKey("multiqc_report", "multiqc"))
    assert report is not None
    for folder in (tmp_path / "maps", Path(ledger.output_path) / "maps"):
        folder.mkdir()
        uri = str(folder / "hg38.haplotype_database.txt")
        Path(uri).write_text("map")
        haplotypes = InputRecord(local="haplotype_map.txt", uri=uri, size=3, content=None)
        ledger.write(report.model_copy(update={"inputs": (*report.inputs, haplotypes)}))
        where = ("--output-path", ledger.output_path, "--to", folder / "crate")
        assert call_command(crate, *where, "--samples", "toy", "--samples", "expt").exit_code == 0
        assert "multiqc_report of multiqc" in runs_in((folder / "crate" / "ro-crate-metadata.json").read_text())


def test_the_crate_has_the_license_of_the_option(ledger: Ledger, tmp_path: Path) -> None:
    license_url = "https://spdx.org/licenses/CC0-1.0"
    call_command(crate, "--output-path", ledger.output_path, "--to", tmp_path / "crate", "--license", license_url)
    assert root_of(tmp_path / "crate")["license"] == {"@id": license_url}
    assert root_of(tmp_path / "crate")["name"] == "Alignment of expt, toy"


def test_a_sample_without_results_is_left_out_with_a_warning(ledger: Ledger, tmp_path: Path) -> None:
    save_sample(ledger, Sample("late", (Lane("FC1", 1, "/r/late_1.fastq.gz", "/r/late_2.fastq.gz", "late"),)))
    result = call_command(crate, "--output-path", ledger.output_path, "--to", tmp_path / "crate")
    assert result.exit_code == 0
    assert result.stderr == "not in the crate, because they have no results yet: late\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--samples", "nobody"), "'nobody' has no results under"),
        (("--license", "CC0"), "'CC0' is not a URL: give the license as"),
        (("--to", "s3://bucket/crate"), "a crate cannot be written to s3://bucket/crate"),
        (("--output-path", "/there/is/nothing"), "no sample under /there/is/nothing has results"),
    ],
)
def test_bad_input_is_rejected_in_a_sentence(
    ledger: Ledger, tmp_path: Path, options: tuple[str, str], sentence: str
) -> None:
    result = call_command(crate, "--output-path", ledger.output_path, "--to", tmp_path / "crate", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "crate").exists()


def test_files_that_have_changed_since_are_reported(ledger: Ledger, tmp_path: Path) -> None:
    file = Path(depth_of(ledger, "toy").outputs[0].uri)
    file.write_bytes(file.read_bytes() + b"more")
    where = ("--output-path", ledger.output_path, "--samples", "toy")
    result = call_command(crate, *where, "--to", tmp_path / "toy", "--json")
    assert result.exit_code == 0
    (sentence,) = parse_json(result)["damaged"]
    assert sentence.startswith(f"{file} has changed: ")
    assert f"the crate describes what was recorded, but {sentence}\n" in result.stderr


def test_a_crate_is_refused_in_the_folder_of_results(ledger: Ledger, tmp_path: Path) -> None:
    """Also by another path to it."""
    (tmp_path / "link").symlink_to(Path(ledger.output_path) / "toy")
    for target in (Path(ledger.output_path) / "toy" / "crate.zip", tmp_path / "link" / "crate"):
        result = call_command(crate, "--output-path", ledger.output_path, "--samples", "toy", "--to", target)
        assert result.exit_code == 2
        assert f"{target} is in the folder of the results of toy: choose a place outside of " in result.stderr
        assert not target.exists()
