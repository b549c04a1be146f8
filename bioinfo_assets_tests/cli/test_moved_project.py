"""A project that was moved or copied goes on as if it had always been there, for the command line and for Dagster."""

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets_tests.cli.commands import call, list_folders, write_pair

pytestmark = pytest.mark.xdist_group("moved project")  # they share a project

ASSETS = ("merged_reads", "trimmed_reads")
SELECTED = tuple(word for asset in ASSETS for word in ("--select", asset))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one sample whose FASTQs are under the output path, with merged and trimmed reads."""
    project = tmp_path_factory.mktemp("original") / "project"
    write_pair(project / "data" / "one", "one")
    samples_file = list_folders(project / "data" / "samples.txt", project / "data" / "one")
    result = call("run", "--output-path", project, "--samples-file", samples_file, *SELECTED)
    assert result.exit_code == 0, result
    return project


@pytest.fixture(scope="module")
def copy(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy elsewhere with new modification times; the original's files have other bytes since."""
    copy = tmp_path_factory.mktemp("copy") / "renamed"
    shutil.copytree(original, copy, copy_function=shutil.copyfile)
    for file in [*original.rglob("*.fastq.gz"), *original.rglob("*.log"), *original.rglob("cutadapt.json")]:
        file.write_bytes(b"the original has changed")
    return copy


def files_of(project: Path) -> dict[str, bytes]:
    return {str(file.relative_to(project)): file.read_bytes() for file in project.rglob("*") if file.is_file()}


def test_it_verifies_clean(copy: Path) -> None:
    result = call("verify", "--deep", "--output-path", copy, "--json")
    assert result.exit_code == 0, result
    report = json.loads(result.stdout)
    assert report["findings"] == []
    assert report["checked"]["records"] == 3


def test_a_run_reuses_every_result_and_reports_the_new_paths_to_dagster(original: Path, copy: Path) -> None:
    before = files_of(original)
    result = call("run", "--output-path", copy, *SELECTED, "--json")
    assert result.exit_code == 0, result
    outcome = json.loads(result.stdout)
    assert {asset: counts["cached"] for asset, counts in outcome["jobs"].items()} == dict.fromkeys(ASSETS, 1)
    assert outcome["runs"], "Dagster has to get the new paths"
    assert str(original) not in result.stdout
    with open_instance(copy / ".dagster") as instance:
        for asset in ASSETS:
            records_filter = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=["one"])
            (event,) = instance.fetch_materializations(records_filter, limit=1).records
            assert event.asset_materialization is not None
            metadata = event.asset_materialization.metadata
            assert metadata["record"].value == f"{copy}/one/records/{asset}.json"
            assert str(original) not in str(metadata)
    assert files_of(original) == before, "a run in the copy has changed the original"


def test_then_another_run_needs_no_dagster(copy: Path) -> None:
    call("run", "--output-path", copy, *SELECTED)
    result = call("run", "--output-path", copy, *SELECTED, "--json")
    assert json.loads(result.stdout)["runs"] == []


def test_the_provenance_has_the_new_paths(original: Path, copy: Path) -> None:
    result = call("log", copy / "one" / "one.cutadapt.1.fastq.gz", "--json")
    assert result.exit_code == 0, result
    assert f"{copy}/data/one/one_FC1_L1_1.fastq.gz" in result.stdout
    assert str(original) not in result.stdout


def test_nothing_of_it_is_stale(copy: Path) -> None:
    result = call("status", "--output-path", copy, "--json")
    states = {item["asset"]: item["state"] for item in json.loads(result.stdout) if item["asset"] in ASSETS}
    assert states == dict.fromkeys(ASSETS, "up to date")


def test_its_records_and_settings_name_no_path_of_the_original(original: Path, copy: Path) -> None:
    documents = [*copy.rglob("records/**/*.json"), copy / ".dagster" / "bioinfo-assets.toml"]
    assert len(documents) == 5  # reads, two results, the sample, the settings
    assert [str(file) for file in documents if str(original) in file.read_text()] == []
