"""A run computes a released result again if a job has to run that reads its files, and not otherwise."""

from datetime import UTC, datetime

import pytest

from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.released import Releasable, release
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures


@pytest.fixture
def released(toy: ToyProject) -> ToyProject:
    """A project with all results, in which the products of `b` and `c` were released."""
    assert toy.run().success
    ledger = Ledger(Store(), toy.output)
    for sample in "bc":
        item = Releasable(toy.record(sample), ["number"], [], "in this test")
        assert release(ledger, item, datetime.now(UTC))
    return toy


def remove(toy: ToyProject, asset: str, sample: str) -> None:
    """Remove a result, so that its job has to run."""
    Store().delete(Ledger(Store(), toy.output).uri(ResultKey(asset, sample)))


def ran(toy: ToyProject, *run: object) -> tuple[bool, dict[tuple[str, str], JobState]]:
    updates: list[JobUpdate] = []
    with listen(updates.append):
        result = toy.run(*run)  # type: ignore[arg-type]
    return result.success, {(update.key.asset, update.key.scope): update.state for update in updates}


def test_nothing_is_computed_because_files_were_released(released: ToyProject) -> None:
    success, states = ran(released)

    assert success
    assert set(states.values()) == {JobState.CACHED}
    assert released.stale() == set()


def test_what_a_job_reads_is_computed_again_and_only_that(released: ToyProject) -> None:
    remove(released, "parity", "b")

    success, states = ran(released)

    assert success
    done = {key for key, state in states.items() if state is JobState.DONE}
    assert done == {("product", "b"), ("parity", "b")}
    assert released.read("b", "product") == "9"
    assert released.record("b").released is None
    assert released.record("c").released is not None
    assert released.stale() == set()


def test_a_report_that_reads_all_of_them_waits_for_all_of_them(released: ToyProject) -> None:
    remove(released, "total", COHORT)

    success, states = ran(released)

    assert success
    done = {key for key, state in states.items() if state is JobState.DONE}
    assert done == {("product", "b"), ("product", "c"), ("total", COHORT)}
    assert (released.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"


def test_one_that_cannot_be_computed_again_fails_what_reads_it(released: ToyProject) -> None:
    remove(released, "parity", "b")
    released.gates["b"] = released.folder / "gate"  # another script, so that its job differs
    released.gates["b"].touch()
    released.write("b", "bad")

    success, states = ran(released)

    assert not success
    assert states["product", "b"] is JobState.FAILED
    assert states["parity", "b"] is JobState.SKIPPED


def test_a_report_fails_once_if_one_of_several_cannot_be_computed_again(released: ToyProject) -> None:
    remove(released, "total", COHORT)
    released.write("b", "bad")
    updates: list[JobUpdate] = []
    with listen(updates.append):
        assert not released.run().success

    of_total = [update.state for update in updates if update.key == ResultKey("total", COHORT)]
    assert of_total == [JobState.FAILED]
    assert released.record("c").released is None


def test_one_that_is_not_selected_is_named(released: ToyProject) -> None:
    remove(released, "parity", "b")

    result = released.run("b", "b", ["parity"])

    assert failures(result) == [
        "parity of b: the files of product of b were released: select product too, to compute them again"
    ]
