"""`sync`, as a user calls it after Dagster's database was lost, or in a home that never had one."""

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_instance import open_instance
from bioinfo_assets.settings import save
from bioinfo_assets_tests.cli.commands import Said, call, call_process, list_folders, write_pair
from bioinfo_assets_tests.pipeline.lab import Lab, Tools, open_lab

ALL = 3 + 2 * 8 + 1
"""Results of two samples: three that they share, eight of each, and the report."""


def home(lab: Lab) -> Path:
    return lab.folder / "out" / ".dagster"


def sync(lab: Lab, *options: object) -> Said:
    return call("sync", "--output-path", lab.folder / "out", *options)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A project in which all is made, and that no Dagster ever saw."""
    opened = open_lab(tmp_path, "a", "b")

    def open_tools(*_: object) -> Tools:
        return Tools(tmp_path / "scratch", opened.versions)

    for room in ("cli.foretold", "cli.preflight", "pipeline.versions", "orchestration.launcher"):
        monkeypatch.setattr(f"bioinfo_assets.{room}.open_backend", open_tools)
    monkeypatch.setattr("bioinfo_assets.assets.result_metrics.FIGURES", {})  # made-up files have none
    save(opened.project.settings, home(opened))
    opened.run()
    return opened


def materialized(lab: Lab, asset: str) -> set[str | None]:
    with open_instance(home(lab)) as instance:
        found = instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
    return {record.partition_key for record in found}


def test_it_tells_all_results_and_the_second_time_none(lab: Lab) -> None:
    first, again = sync(lab), sync(lab)

    assert first.exit_code == again.exit_code == 0
    assert first.stdout == f"Dagster was told of {ALL} results that it did not know\n"
    assert again.stdout == "Dagster knows all results\n"
    assert materialized(lab, "depth") == {"a", "b"}
    assert materialized(lab, "multiqc_report") == {None}


def test_json_is_one_document(lab: Lab) -> None:
    assert json.loads(sync(lab, "--json").stdout) == {"told": ALL, "results": ALL}
    assert json.loads(sync(lab, "--json").stdout) == {"told": 0, "results": ALL}


def test_after_the_loss_of_the_database_all_is_told_again(lab: Lab) -> None:
    sync(lab)
    shutil.rmtree(home(lab) / "history")

    assert json.loads(sync(lab, "--json").stdout) == {"told": ALL, "results": ALL}


def test_nothing_is_run(lab: Lab) -> None:
    lab.write_reads("b", pairs=3)
    before = lab.record("merged_reads", "b")

    assert sync(lab).exit_code == 0

    assert lab.record("merged_reads", "b") == before
    with open_instance(home(lab)) as instance:
        assert instance.get_runs_count() == 0


def test_a_run_after_it_finds_all_and_needs_no_dagster(lab: Lab) -> None:
    """Dagster was told of just what the run would find."""
    sync(lab)

    said = call("run", "--output-path", lab.folder / "out", "--json")

    assert said.exit_code == 0, said
    told = json.loads(said.stdout)
    assert told["runs"] == []
    assert sum(row["cached"] for row in told["jobs"].values()) == ALL
    with open_instance(home(lab)) as instance:
        assert instance.get_runs_count() == 0


def test_a_run_after_a_change_goes_by_dagster(lab: Lab) -> None:
    """What was told before the change is not taken for what is there."""
    sync(lab)
    lab.write_reads("b", pairs=3)

    said = call("run", "--output-path", lab.folder / "out", "--json")

    assert said.exit_code == 0, said
    assert len(json.loads(said.stdout)["runs"]) == 1


def test_a_place_without_results_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chrM\nACGT\n")
    (tmp_path / "out" / "bioinfo-assets.toml").write_text(f'reference = "{fasta}"\nknown_sites = []\n')

    said = call_process("sync", "--output-path", tmp_path / "out")

    assert said.exit_code == 2
    assert "there are no results" in said.stderr
    assert "Traceback" not in said.stderr
    assert said.stdout == ""
    assert not (tmp_path / "out" / ".dagster").exists()


def test_a_process_tells_of_what_real_tools_made(tmp_path: Path) -> None:
    """A part of the graph; the reference cannot be reached, and is not needed for what there is."""
    write_pair(tmp_path / "expt")
    samples = list_folders(tmp_path / "samples.txt", tmp_path / "expt")
    ran = call_process(
        *("run", "--output-path", tmp_path / "out", "--samples-file", samples),
        *("--reference", "http://127.0.0.1:9/genome.fa", "--no-known-sites"),
        *("--select", "merged_reads", "--select", "trimmed_reads"),
    )
    assert ran.exit_code == 0, ran
    shutil.rmtree(tmp_path / "out" / ".dagster" / "history")

    first, again = (call_process("sync", "--output-path", tmp_path / "out", "--json") for _ in range(2))

    assert first.exit_code == 0, first
    assert json.loads(first.stdout) == {"told": 2, "results": 2}
    assert json.loads(again.stdout) == {"told": 0, "results": 2}
    assert "Traceback" not in first.stderr
    with open_instance(tmp_path / "out" / ".dagster") as instance:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("trimmed_reads"), asset_partitions=["expt"])
        (found,) = instance.fetch_materializations(wanted, limit=5).records
        assert found.asset_materialization is not None
        # One that is told has the figures of its files, as one that is seen.
        assert found.asset_materialization.metadata["told_from_record"].value is True
        assert found.asset_materialization.metadata.keys() >= {"files", "made_from", "provenance", "record", "pairs_in"}
