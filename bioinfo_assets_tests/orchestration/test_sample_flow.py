"""In a run of many samples each goes on by itself: its next job starts when its own last one is published."""

import threading

import dagster as dg
import pytest

from bioinfo_assets.orchestration import step_run
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures
from bioinfo_assets_tests.planned_results import planned_results
from bioinfo_assets_tests.waiting import wait_until

DONE = {JobState.DONE, JobState.CACHED}


class Flow:
    """A toy project whose `c` waits for a file before it has a product."""

    def __init__(self, toy: ToyProject) -> None:
        self.toy = toy
        self.updates: list[JobUpdate] = []
        self.results: list[dg.JobExecutionResult] = []
        self.gate = toy.folder / "gate"
        toy.gates["c"] = self.gate
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with listen(self.updates.append):
            self.results.append(self.toy.run())

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> dg.JobExecutionResult:
        self.gate.touch()
        self._thread.join(60)
        return self.results[0]

    def state(self, asset: str, scope: str) -> JobState | None:
        states = [update.state for update in self.updates if update.key == ResultKey(asset, scope)]
        return states[-1] if states else None


@pytest.fixture
def flow(toy: ToyProject) -> Flow:
    return Flow(toy)


def test_a_sample_goes_on_while_another_is_still_at_the_step_before(flow: Flow) -> None:
    flow.start()
    try:
        wait_until(lambda: flow.toy.instance.get_materialized_partitions(dg.AssetKey("parity")) == {"a", "b"})
        assert flow.state("product", "c") is JobState.RUNNING
        assert flow.toy.read("a", "parity") == "0"
    finally:
        result = flow.finish()
    assert result.success
    assert flow.toy.read("c", "parity") == "0"


def test_the_samples_that_came_first_go_first_on_a_machine_that_cannot_run_all(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_run, "MAX_CONCURRENT_RESULTS", 1)  # jobs are submitted in the order of samples
    flow.toy.gates["b"] = flow.toy.gates.pop("c")
    flow.toy.configure(cpus=1)
    flow.start()
    try:
        wait_until(lambda: flow.state("parity", "a") is JobState.PENDING)
        assert flow.state("product", "c") is JobState.PENDING
    finally:
        assert flow.finish().success
    assert flow.toy.record("a", "parity").started < flow.toy.record("c", "product").started


def test_a_sample_that_was_begun_goes_on_before_another_is_begun(
    toy: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.run()
    monkeypatch.setattr(step_run, "MAX_QUEUED_RESULTS", 1)
    updates: list[JobUpdate] = []
    with listen(updates.append):
        toy.run(keys=["product", "parity"])

    labels = [update.key.label for update in updates if update.state is JobState.CACHED]
    assert labels == [f"{asset} of {sample}" for sample in "abc" for asset in ("product", "parity")]


def test_the_report_follows_the_last_sample(flow: Flow) -> None:
    flow.start()
    try:
        wait_until(lambda: flow.state("parity", "b") in DONE)
        assert flow.state("total", COHORT) is None
    finally:
        flow.finish()
    assert flow.state("total", COHORT) is JobState.DONE
    assert (flow.toy.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"


def test_the_report_follows_when_a_sample_has_failed(flow: Flow) -> None:
    flow.toy.write("b", "bad")
    flow.start()
    result = flow.finish()

    assert not result.success
    assert failures(result)[0] == "product of b: own.txt is bad: write a number"
    assert (flow.toy.folder / "output" / "multiqc" / "total.txt").read_text() == "18\n"


def test_without_any_result_there_is_no_report(toy: ToyProject) -> None:
    for sample in "abc":
        toy.write(sample, "bad")
    updates: list[JobUpdate] = []
    with listen(updates.append):
        result = toy.run()

    assert not result.success
    assert updates[-1] == JobUpdate(ResultKey("total", COHORT), JobState.SKIPPED)
    assert not (toy.folder / "output" / "multiqc").exists()


def test_nothing_is_stale_after_samples_have_flowed(flow: Flow) -> None:
    flow.start()
    wait_until(lambda: flow.state("parity", "b") in DONE)
    assert flow.finish().success

    assert flow.toy.stale() == set()


def test_a_change_of_one_sample_makes_only_its_own_results_and_the_report_stale(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", 5)
    toy.run("b", "b", ["product"])

    assert toy.stale() == {"parity/b", "total"}
    toy.run("b", "b", ["parity", "total"])
    assert toy.stale() == set()


def test_every_selected_result_is_planned(toy: ToyProject) -> None:
    """By these events Dagit shows which partitions a run is to compute, and which of them failed."""
    toy.write("b", "bad")
    run_id = toy.run().run_id

    assert planned_results(toy.instance, run_id) == {
        ("factor", None), ("total", None), *((asset, sample) for asset in ("product", "parity") for sample in "abc")
    }  # fmt: skip
    assert toy.instance.get_materialized_partitions(dg.AssetKey("product")) == {"a", "c"}
