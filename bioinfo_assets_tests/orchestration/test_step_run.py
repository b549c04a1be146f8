"""A step runs a job for each of its samples; one that fails stops none of the others."""

from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets_tests.orchestration.toy_project import ToyProject


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        event.step_key: event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure
    }


def test_one_run_makes_every_asset_of_every_sample(toy: ToyProject) -> None:
    assert toy.run().success

    assert [toy.read(sample) for sample in "abc"] == ["6", "9", "12"]
    assert [toy.read(sample, "parity") for sample in "abc"] == ["0", "1", "0"]
    assert (toy.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"


def test_each_sample_has_its_own_data_version(toy: ToyProject) -> None:
    toy.run()

    versions = {toy.materialization("parity", sample).tags["dagster/data_version"] for sample in "abc"}
    assert len(versions) == 2  # a and c are both even


def test_each_is_recorded_once(toy: ToyProject) -> None:
    result = toy.run()

    made = [
        (event.asset_key.to_user_string(), event.partition)
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION
    ]
    expected = [("factor", None), ("total", None), *((key, name) for key in ("product", "parity") for name in "abc")]
    assert sorted(made, key=str) == sorted(expected, key=str)


def test_facts_and_costs_are_shown(toy: ToyProject) -> None:
    toy.run()

    metadata = toy.materialization("product", "b").metadata
    assert metadata["value"].value == 9
    assert metadata["reused"].value is False
    assert metadata["wall_s"].value >= 0
    assert str(toy.folder) in metadata["record"].value


def test_a_second_run_finds_everything(toy: ToyProject) -> None:
    toy.run()
    states: list[JobUpdate] = []
    with listen(states.append):
        assert toy.run().success

    assert {update.state for update in states} == {JobState.CACHED}
    metadata = toy.materialization("product", "b").metadata
    assert metadata["reused"].value is True
    assert "wall_s" not in metadata


def test_a_sample_that_fails_stops_none_of_the_others(toy: ToyProject) -> None:
    toy.write("b", "bad")

    result = toy.run()

    assert not result.success
    assert (toy.read("a"), toy.read("c")) == ("6", "12")
    assert (toy.read("a", "parity"), toy.read("c", "parity")) == ("0", "0")
    assert failures(result) == {
        "product": "b: own.txt is bad: write a number",
        "parity": "b: skipped: a step before it failed",
    }
    assert (toy.folder / "output" / "multiqc" / "total.txt").read_text() == "18\n"


def test_nothing_is_built_on_the_old_result_of_a_sample_that_failed_now(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", "bad")

    states: list[JobUpdate] = []
    with listen(states.append):
        toy.run()

    assert JobUpdate("parity", "b", JobState.SKIPPED) in states


def test_a_shared_asset_that_fails_stops_what_is_below(toy: ToyProject) -> None:
    (toy.folder / "factor.txt").unlink()
    toy.write("factor", 3)
    toy.run()
    (toy.folder / "output" / "references" / "factor.txt").write_text("7\n")

    result = toy.run(keys=["product"])

    assert not result.success
    assert "factor.txt was changed" in failures(result)["product"]
    assert "materialize factor of references again" in failures(result)["product"]


def test_one_step_runs_alone_for_one_sample(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", 5)
    toy.write("c", 5)

    assert toy.run("b", "b", ["product"]).success

    assert [toy.read(sample) for sample in "abc"] == ["6", "15", "12"]
    assert toy.read("b", "parity") == "1"


def test_a_missing_upstream_is_a_sentence(toy: ToyProject) -> None:
    result = toy.run("a", "a", ["parity"])

    assert failures(result) == {"parity": "a: there is no product of a yet: materialize it first"}


def test_engine_events_tell_job_scratch_and_log(toy: ToyProject) -> None:
    run_id = toy.run("a", "a", ["factor"]).run_id

    events = [entry.dagster_event for entry in toy.instance.all_logs(run_id) if entry.is_dagster_event]
    submitted = [event for event in events if event.message and "job submitted" in event.message]
    assert [event.message for event in submitted] == ["factor-references: job submitted to local (not made yet)"]
    assert set(submitted[0].event_specific_data.metadata) >= {"job_id", "scratch", "log"}


def test_of_many_jobs_only_the_first_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event costs Dagster hundredths of a second, and an array has up to ten thousand jobs."""
    backend = FakeBackend(tmp_path / "scratch", lambda _: Behaviour(files={"number": b"6\n"}))
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: backend)
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        toy = ToyProject(tmp_path, instance, samples={f"s{number:02}": number for number in range(1, 56)})
        result = toy.run("s01", keys=["factor", "product"])

        assert result.success
        said = [event.message for event in toy.engine_events(result.run_id) if "product-s" in str(event.message)]
    assert len(said) == 50
    assert said[0] == "product-s01: job submitted to fake (not made yet)"
    assert said[-1] == "product-s50: job submitted to fake (not made yet) (of further jobs this is not shown)"
    assert len([event for event in result.all_events if event.partition]) == 55


def test_what_a_job_prints_is_in_the_compute_logs(toy: ToyProject) -> None:
    run_id = toy.run("a", "a", ["factor"]).run_id

    (captured,) = (
        entry.dagster_event.logs_captured_data
        for entry in toy.instance.all_logs(run_id)
        if entry.is_dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.LOGS_CAPTURED
    )
    manager = toy.instance.compute_log_manager
    log_key = manager.build_log_key_for_run(run_id, captured.file_key)
    data = manager.get_log_data(log_key)
    assert data.stdout == b"factor on stdout\n"
    assert b"factor on stderr" in data.stderr
    assert manager.is_capture_complete(log_key)
