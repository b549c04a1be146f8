"""Dagit adds the new samples of a samples file by itself, and starts them if the settings ask for it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.assets import new_samples
from bioinfo_assets.assets.new_samples import add_new_samples
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.graph import PER_SAMPLE
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import ResultState, State
from bioinfo_assets.records.ended_samples import remove_samples
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import load_sample, sample_names, save_samples
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.cli.commands import list_folders, write_pair


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def open_project(folder: Path, **settings: object) -> Project:
    """A project that watches a list of one folder, with a sample that has been there for long."""
    write_reads(folder, "old")
    settings |= {"watch": str(list_folders(folder / "samples.txt", folder / "fastq"))}
    return Project(Settings(output_path=str(folder / "out"), reference="/genome.fa", **settings))  # type: ignore[arg-type]


def write_reads(folder: Path, sample: str, lane: int = 1) -> None:
    write_pair(folder / "fastq", sample, lane=lane)


@pytest.fixture(autouse=True)
def min_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are complete when they are seen, unless a test sets another age."""
    monkeypatch.setattr(new_samples, "MIN_AGE_S", 0)


def tick(instance: dg.DagsterInstance, project: Project) -> str:
    return tick_from("", instance, project)[0]


def tick_from(cursor: str, instance: dg.DagsterInstance, project: Project) -> tuple[str, str]:
    """A tick with the cursor of the one before; returns the reason and the new cursor."""
    result = add_new_samples(dg.build_sensor_context(instance, cursor=cursor), project=project)
    if isinstance(result, dg.SkipReason):  # Dagster then keeps the cursor
        return result.skip_message or "", cursor
    assert isinstance(result, dg.SensorResult)
    assert isinstance(result.skip_reason, dg.SkipReason)
    return result.skip_reason.skip_message or "", result.cursor or ""


@pytest.fixture(params=["finished", "removed"])
def with_old_sample(request: pytest.FixtureRequest, instance: dg.DagsterInstance, tmp_path: Path) -> Project:
    """A project that has, or had, the sample of the folder that it watches."""
    project = open_project(tmp_path)
    tick(instance, project)
    if request.param == "removed":
        remove_samples(project.ledger, ["old"])
    return project


def test_samples_of_the_file_become_partitions(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path)
    assert tick(instance, project) == "added: old"
    assert tick(instance, project) == "there is no new sample"
    write_reads(tmp_path, "new")
    assert tick(instance, project) == "added: new"
    assert set(sample_names(project.ledger)) == {"old", "new"} == set(instance.get_dynamic_partitions("samples"))
    assert not instance.get_backfills()


def test_a_sample_waits_until_its_fastqs_stay_the_same(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = open_project(tmp_path)
    monkeypatch.setattr(new_samples, "MIN_AGE_S", 60)
    waits = ("there is no new sample; may still be copied: old", "")
    reason, cursor = tick_from("", instance, project)
    assert reason == waits[0]
    write_reads(tmp_path, "old", lane=2)
    reason, cursor = tick_from(sooner(cursor, 61), instance, project)
    assert reason == waits[0]
    reason, cursor = tick_from(sooner(cursor, 59), instance, project)
    assert reason == waits[0]
    reason, cursor = tick_from(sooner(cursor, 2), instance, project)
    assert (reason, cursor) == ("added: old", "{}")
    assert [lane.number for lane in load_sample(project.ledger, "old").lanes] == [1, 2]


def test_a_sample_waits_for_a_lane_that_rsync_is_writing(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = open_project(tmp_path)
    monkeypatch.setattr(new_samples, "MIN_AGE_S", 60)
    _, cursor = tick_from("", instance, project)
    partial = tmp_path / "fastq" / ".old_FC1_L2_1.fastq.gz.Ab12Cd"
    partial.touch()
    reason, cursor = tick_from(sooner(cursor, 61), instance, project)
    assert reason == "there is no new sample; may still be copied: old"
    os.utime(partial, (time.time() - 61,) * 2)  # of a copy that was broken off
    assert tick_from(cursor, instance, project)[0] == "added: old"


def sooner(cursor: str, seconds: float) -> str:
    """A cursor as if its samples had been seen so much sooner."""
    return json.dumps({name: (digest, at - seconds) for name, (digest, at) in json.loads(cursor).items()})


def test_a_known_sample_is_left_alone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path)
    tick(instance, project)
    before = load_sample(project.ledger, "old")
    write_reads(tmp_path, "old", lane=2)
    assert tick(instance, project) == "there is no new sample"
    assert load_sample(project.ledger, "old") == before


def test_a_sample_that_was_removed_does_not_come_back(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path)
    tick(instance, project)
    remove_samples(project.ledger, ["old"])
    assert tick(instance, project) == "there is no new sample"
    assert sample_names(project.ledger) == ()


def test_fastqs_of_an_old_sample_may_be_in_an_archive(
    instance: dg.DagsterInstance, with_old_sample: Project, tmp_path: Path
) -> None:
    (pair,) = load_pairs(tmp_path, "old")
    sheet = tmp_path / "samples.csv"
    sheet.write_text(f"patient,sample,lane,fastq_1,fastq_2\np,old,1,{pair[0]},{pair[1]}\n")
    for path in pair:
        path.unlink()
    watching = Project(with_old_sample.settings.model_copy(update={"watch": str(sheet)}))
    assert tick(instance, watching) == "there is no new sample"
    write_reads(tmp_path, "fresh")
    ((read1, read2),) = load_pairs(tmp_path, "fresh")
    with sheet.open("a") as file:
        file.write(f"p,fresh,1,{read1},{read2}\n")
    assert tick(instance, watching) == "added: fresh"


def test_a_sample_with_a_missing_fastq_waits_and_the_others_do_not(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """A samplesheet may name lanes that the sequencer has not written yet."""
    project = open_project(tmp_path)
    write_reads(tmp_path, "late")
    pairs = {name: load_pairs(tmp_path, name)[0] for name in ("old", "late")}
    sheet = tmp_path / "samples.csv"
    rows = "".join(f"p,{name},1,{read1},{read2}\n" for name, (read1, read2) in pairs.items())
    sheet.write_text("patient,sample,lane,fastq_1,fastq_2\n" + rows)
    missing = pairs["late"][1]
    data = missing.read_bytes()
    missing.unlink()
    watching = Project(project.settings.model_copy(update={"watch": str(sheet)}))
    outcome = tick(instance, watching)
    assert outcome.startswith("added: old; late waits: ")
    assert str(missing) in outcome
    missing.write_bytes(data)
    assert tick(instance, watching) == "added: late"


def load_pairs(folder: Path, sample: str) -> list[tuple[Path, Path]]:
    first = sorted((folder / "fastq").glob(f"{sample}_*_1.fastq.gz"))
    return [(path, path.with_name(path.name.replace("_1.fastq", "_2.fastq"))) for path in first]


def test_a_wrong_file_adds_nothing_and_is_the_reason_of_the_tick(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path)
    (tmp_path / "samples.txt").write_text("/no/such/folder\n")
    assert tick(instance, project).startswith("no sample was added: ")
    assert "/no/such/folder" in tick(instance, project)
    assert sample_names(project.ledger) == ()


def test_new_samples_are_started_with_what_they_need(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path, launch_new_samples=True)
    reason = tick(instance, project)
    (backfill,) = instance.get_backfills()
    assert reason == f"added: old; backfill {backfill.backfill_id} is requested"
    assert backfill.title == "new samples: old"
    data = backfill.asset_backfill_data
    assert data is not None
    target = data.target_subset
    optional = {"recalibrated_cram", "read_quality", "contamination", "fingerprint", "genome_metrics"}
    enabled = {*PER_SAMPLE} - optional
    assert {key.path[-1] for key in target.partitions_subsets_by_asset_key} == enabled
    assert {key.path[-1] for key in target.non_partitioned_asset_keys} >= {"reference_genome", "multiqc_report"}
    assert {name for own in target.partitions_subsets_by_asset_key.values() for name in own.get_partition_keys()} == {
        "old"
    }


def test_the_report_on_all_samples_can_be_left_out(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    project = open_project(tmp_path, launch_new_samples=True, report_new_samples=False)
    tick(instance, project)
    (backfill,) = instance.get_backfills()
    data = backfill.asset_backfill_data
    assert data is not None
    assert dg.AssetKey("depth") in data.target_subset.partitions_subsets_by_asset_key
    shared = {key.path[-1] for key in data.target_subset.non_partitioned_asset_keys}
    assert "reference_genome" in shared
    assert "multiqc_report" not in shared


@pytest.mark.parametrize("failing", ["states_by_asset", "save_samples", "request_backfill"])
def test_what_a_failed_tick_has_added_is_started_by_the_next(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    project = open_project(tmp_path, launch_new_samples=True)
    write_reads(tmp_path, "young")
    monkeypatch.setattr(new_samples, "MIN_AGE_S", 60)
    _, cursor = tick_from("", instance, project)
    monkeypatch.setattr(new_samples, "MIN_AGE_S", 0)

    def fail_at_the_end(*args: Any, **_: object) -> object:
        if failing == "save_samples":
            save_samples(args[0], args[1][:1])
        raise InputError("S3 does not answer") if failing != "request_backfill" else RuntimeError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(new_samples, failing, fail_at_the_end)
        if failing == "request_backfill":  # an error of Dagster's: it keeps the cursor of the tick before
            with pytest.raises(RuntimeError):
                tick_from(cursor, instance, project)
        else:
            reason, cursor = tick_from(cursor, instance, project)
            assert reason == "not added yet: old, young, because S3 does not answer"
    assert not instance.get_backfills()

    reason, cursor = tick_from(cursor, instance, project)
    (backfill,) = instance.get_backfills()
    assert reason == f"added: old, young; backfill {backfill.backfill_id} is requested"
    assert backfill.title == "new samples: old, young"
    assert tick_from(cursor, instance, project)[0] == "there is no new sample"


def test_other_samples_are_not_looked_at(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick has a minute, which reading the records of thousands of samples takes."""
    project = open_project(tmp_path, launch_new_samples=True)
    tick(instance, project)
    write_reads(tmp_path, "new")
    scopes, read = set(), Ledger.read

    def read_noted(ledger: Ledger, key: ResultKey) -> Record | None:
        scopes.add(key.scope)
        return read(ledger, key)

    monkeypatch.setattr(Ledger, "read", read_noted)
    tick(instance, project)
    assert len(instance.get_backfills()) == 2
    assert "new" in scopes
    assert scopes.isdisjoint({"old", COHORT})


def test_fastqs_of_a_sample_are_not_added_under_a_second_name(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As after somebody corrected the name of a sample that had been added already."""
    project = open_project(tmp_path)
    sheet = Path(str(project.settings.watch))
    fastqs = ",".join(str(tmp_path / "fastq" / f"old_FC1_L1_{end}.fastq.gz") for end in (1, 2))
    for name in ("old", "corrected"):
        sheet.write_text(f"sample,fastq_1,fastq_2\n{name},{fastqs}\n")
        reason = tick(instance, project)
    assert "corrected waits: samples corrected and old both have the reads of " in reason
    assert sample_names(project.ledger) == ("old",)


def test_a_report_that_is_up_to_date_so_far_follows(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes stale once the new sample has results; what else is up to date is left alone."""
    project = open_project(tmp_path)
    states = {
        "reference_genome": [ResultState(ResultKey("reference_genome", "references"), State.CURRENT)],
        "depth": [ResultState(ResultKey("depth", "new"), State.MISSING)],
    }
    monkeypatch.setattr(new_samples, "states_by_asset", lambda *_: states)
    instance.add_dynamic_partitions("samples", ["new", "old"])
    backfill_id = new_samples.launch(instance, project, ["new"])
    assert backfill_id is not None
    backfill = instance.get_backfill(backfill_id)
    assert backfill is not None
    assert backfill.asset_backfill_data is not None
    target = backfill.asset_backfill_data.target_subset
    assert target.non_partitioned_asset_keys == {dg.AssetKey("multiqc_report")}
    subsets = target.partitions_subsets_by_asset_key
    assert {key.path[-1]: set(own.get_partition_keys()) for key, own in subsets.items()} == {"depth": {"new"}}


def test_a_sample_that_is_in_a_backfill_is_not_started_again(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As after a tick that was stopped when it had started it, before Dagster stored the cursor."""
    project = open_project(tmp_path, launch_new_samples=True)
    tick(instance, project)
    assert new_samples.launch(instance, project, ["old"]) is None
    assert len(instance.get_backfills()) == 1


def test_a_sample_waits_for_a_reference_that_another_backfill_makes(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Dagster waits only for what a backfill itself computes: its alignment would fail without the index."""
    project = open_project(tmp_path, launch_new_samples=True)
    tick(instance, project)
    write_reads(tmp_path, "new")
    tick(instance, project)
    backfills = instance.get_backfills()
    assert len(backfills) == 2
    for backfill in backfills:
        assert backfill.asset_backfill_data is not None
        shared = {key.path[-1] for key in backfill.asset_backfill_data.target_subset.non_partitioned_asset_keys}
        assert shared == {"reference_genome", "reference_index", "multiqc_report"}


def test_a_folder_of_old_samples_may_be_empty_by_now(
    instance: dg.DagsterInstance, with_old_sample: Project, tmp_path: Path
) -> None:
    for path in (tmp_path / "fastq").iterdir():
        path.unlink()
    assert tick(instance, with_old_sample) == "there is no new sample"
    write_pair(tmp_path / "next", "fresh")
    list_folders(tmp_path / "samples.txt", tmp_path / "fastq", tmp_path / "next")
    assert tick(instance, with_old_sample) == "added: fresh"


def test_an_empty_folder_may_be_that_of_lanes_to_come(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A sample may have lanes in several folders, and would be added without those that are still to be copied."""
    project = open_project(tmp_path)
    (tmp_path / "next").mkdir()
    list_folders(tmp_path / "samples.txt", tmp_path / "fastq", tmp_path / "next")
    assert "there are no files in" in tick(instance, project)
    assert sample_names(project.ledger) == ()


def test_many_samples_that_come_together_are_started(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Dagster refuses a backfill with a long title."""
    project = open_project(tmp_path, launch_new_samples=True)
    for number in range(12):
        write_reads(tmp_path, f"patient{number:04}")
    assert tick(instance, project).startswith("added: old, patient0000, ")
    (backfill,) = instance.get_backfills()
    assert str(backfill.title).startswith("new samples: old, patient0000, ")


def test_a_tick_looks_at_some_new_samples_and_the_next_ticks_at_the_others(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose FASTQs are not there yet do not stand in the way of others."""
    project = open_project(tmp_path)
    monkeypatch.setattr(new_samples, "MAX_SAMPLES_IN_TICK", 2)
    names = [*"abcdef", "old"]
    rows = [
        ",".join([name, *(str(tmp_path / "fastq" / f"{name}_FC1_L1_{end}.fastq.gz") for end in (1, 2))])
        for name in names
    ]
    Path(str(project.settings.watch)).write_text("sample,fastq_1,fastq_2\n" + "\n".join(rows) + "\n")
    began = time.time()
    outcomes = []
    for number in range(4):
        monkeypatch.setattr(time, "time", lambda now=began + number * new_samples.INTERVAL_S: now)
        outcomes.append(tick(instance, project))
    assert max(outcome.count(" waits: ") for outcome in outcomes) == 2
    assert sample_names(project.ledger) == ("old",)
