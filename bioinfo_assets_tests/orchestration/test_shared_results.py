"""Runs of several projects share results through a cache."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.launcher import job_launcher
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import COHORT, REFERENCES, ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import LOCAL, ToyProject, toy_definitions


@dataclass
class ToyProjects:
    """Toy projects, each with a Dagster instance of its own, that share a cache."""

    folder: Path
    cache: str
    stack: ExitStack

    def open(self, name: str) -> ToyProject:
        folder = self.folder / name
        (folder / "home").mkdir(parents=True)
        instance = self.stack.enter_context(dg.instance_for_test(temp_dir=str(folder / "home")))
        toy = ToyProject(folder, instance)
        toy.definitions = toy_definitions(toy.root, job_launcher(toy.output, LOCAL, self.cache))
        return toy


@pytest.fixture
def toys(tmp_path: Path) -> Iterator[ToyProjects]:
    with ExitStack() as stack:
        yield ToyProjects(tmp_path, str(tmp_path / "cache"), stack)


def run(toy: ToyProject) -> set[tuple[ResultKey, JobState]]:
    """Run all assets and return the states of all results; jobs that were submitted were pending first."""
    updates: list[JobUpdate] = []
    with listen(updates.append):
        assert toy.run().success
    return {(update.key, update.state) for update in updates}


ALL_RESULTS = {
    ResultKey("factor", REFERENCES),
    ResultKey("total", COHORT),
    *(ResultKey(asset, name) for asset in ("product", "parity") for name in "abc"),
}


def test_results_that_cannot_be_shared_are_done_with_a_warning(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("no folder")
    updates: list[JobUpdate] = []
    with ExitStack() as stack, listen(updates.append):
        assert ToyProjects(tmp_path, str(cache), stack).open("first").run().success
    warnings = {(update.key, update.reason) for update in updates if update.state is JobState.DONE}
    reason = f"not in the shared cache {cache}, which could not be read or written: see the log"
    assert warnings == {(key, reason) for key in ALL_RESULTS}


def test_a_second_project_runs_no_job(toys: ToyProjects) -> None:
    run(toys.open("first"))

    second = toys.open("second")

    assert run(second) == {(key, JobState.CACHED) for key in ALL_RESULTS}
    assert [second.read(sample) for sample in "abc"] == ["6", "9", "12"]
    assert (second.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"
    assert second.stale() == set()


def test_a_project_with_another_input_computes_what_depends_on_it(toys: ToyProjects) -> None:
    run(toys.open("first"))
    second = toys.open("second")
    second.write("b", 5)

    states = run(second)

    computed = {key for key, state in states if state is JobState.DONE}
    # 3 x 5 is odd, as 3 x 3 is, but its parity is the result of another product.
    assert computed == {ResultKey("product", "b"), ResultKey("parity", "b"), ResultKey("total", COHORT)}
    assert second.read("b") == "15"


def test_dagit_shows_the_origin_of_a_copy(toys: ToyProjects) -> None:
    first = toys.open("first")
    run(first)
    second = toys.open("second")
    result = second.run()

    metadata = second.materialization("product", "b").metadata
    origin = f"{first.output}/b/records/product.json"
    assert metadata["copied_from"].value == origin
    assert metadata["reused"].value is True
    assert isinstance(metadata["wall_s"].value, float)  # of the job that computed it
    messages = [event.message or "" for event in second.engine_events(result.run_id)]
    assert [message for message in messages if message.startswith("product-b: CACHED") and origin in message]


def test_a_result_that_was_deleted_from_the_cache_is_added_again(toys: ToyProjects) -> None:
    """The cache may be deleted at any time: the next run of a project that has the results fills it."""
    first = toys.open("first")
    run(first)
    cache = SharedCache(Store(), toys.cache)
    entry = Path(cache.uri(first.record("a").fingerprint))
    entry.unlink()

    run(first)

    assert cache.find(first.record("a").fingerprint) == first.record("a")


def test_an_imported_result_is_not_shared(toys: ToyProjects) -> None:
    first = toys.open("first")
    first.run(keys=["factor", "product"])
    ledger = Ledger(Store(), first.output)
    ledger.write(first.record("a").model_copy(update={"imported": True, "fingerprint": "e" * 64}))

    run(first)

    assert SharedCache(Store(), toys.cache).find("e" * 64) is None
    assert SharedCache(Store(), toys.cache).find(first.record("b").fingerprint) is not None


def test_a_cache_that_cannot_be_written_to_fails_no_run(toys: ToyProjects) -> None:
    """The results are complete; only other projects cannot copy them."""
    Path(toys.cache).write_text("a file where the cache should be")

    toy = toys.open("first")

    assert JobState.DONE in {state for _, state in run(toy)}
    assert toy.read("a") == "6"
