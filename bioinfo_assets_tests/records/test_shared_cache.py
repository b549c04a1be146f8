"""What one project made others copy; whatever the cache says is believed only as far as the files bear it out."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.job import Output
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.launcher import launcher_of
from bioinfo_assets.pipeline.dry_run import PlannedAction
from bioinfo_assets.records.commit import Committed, copy_shared_result
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.orchestration.toy import HERE, Toy, toy_definitions
from bioinfo_assets_tests.pipeline.lab import open_lab
from bioinfo_assets_tests.records.greeting_project import GreetingProject, open_greeting_project

__all__ = ["s3", "s3_server"]

HELLO = hashlib.sha256(b"hello world").hexdigest()


@dataclass(frozen=True)
class Two:
    """Two projects that have nothing in common but the cache."""

    first: GreetingProject
    second: GreetingProject
    cache: SharedCache

    def share(self) -> Record:
        """The first makes a greeting and tells others of it."""
        record = self.first.make(self.first.job()).record
        self.cache.keep(record)
        return record

    def take(self, **changes: object) -> Committed | None:
        """The second wants a greeting of its own."""
        return copy_shared_result(self.second.ledger, self.cache, self.second.check_reuse(self.second.job(**changes)))

    def make(self) -> Committed:
        return self.second.make(self.second.job())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        benches = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            benches.append(stack.enter_context(open_greeting_project(tmp_path / name)))
        yield Two(*benches, SharedCache(Store(), str(tmp_path / "cache")))


def test_a_result_with_the_same_fingerprint_is_copied(two: Two) -> None:
    shared = two.share()

    found = two.take()

    assert found is not None
    assert found.reused
    assert two.second.greeting.read_text() == "hello world"
    assert found.record == two.second.ledger.read(ResultKey("greeting", "expt"))
    assert found.record.fingerprint == shared.fingerprint
    assert two.second.check_reuse(two.second.job()).reason == ""


def test_its_record_says_where_its_files_are_and_where_they_were_copied_from(two: Two) -> None:
    shared = two.share()

    found = two.take()

    assert found is not None
    record = found.record
    assert record.copied_from == f"{two.first.ledger.output_path}/expt/records/greeting.json"
    assert [file.uri for file in record.outputs] == [str(two.second.greeting)]
    assert [item.uri for item in record.inputs] == [str(two.second.folder / "name.txt")]
    made = ("job_id", "host", "user", "started", "finished", "wall_s", "script", "tools", "facts")
    assert {name: getattr(record, name) for name in made} == {name: getattr(shared, name) for name in made}


def test_the_digests_of_a_copy_are_those_of_its_bytes(two: Two) -> None:
    two.share()

    found = two.take()

    assert found is not None
    (file,) = found.record.outputs
    assert (file.size, file.sha256, file.content) == (11, HELLO, f"sha256:{HELLO}")
    assert hashlib.sha256(Path(file.uri).read_bytes()).hexdigest() == HELLO
    assert file.stamp == two.second.ledger.store.stat(file.uri).stamp


def test_a_copy_of_a_copy_names_the_record_of_the_job_that_was_run(two: Two, tmp_path: Path) -> None:
    two.share()
    found = two.take()
    assert found is not None
    two.cache.keep(found.record)
    two.first.greeting.unlink()
    (tmp_path / "third").mkdir()
    with open_greeting_project(tmp_path / "third") as third:
        again = copy_shared_result(third.ledger, two.cache, third.check_reuse(third.job()))

    assert again is not None
    assert again.record.copied_from == f"{two.first.ledger.output_path}/expt/records/greeting.json"


@pytest.mark.parametrize(
    "other",
    [{"version": "2"}, {"script": "cp name.txt greeting.txt"}, {"parameters": {"loud": True}}],
    ids=lambda other: next(iter(other)),
)
def test_a_job_that_differs_gets_nothing(two: Two, other: dict[str, object]) -> None:
    two.share()

    assert two.take(**other) is None
    assert not two.second.greeting.exists()


def _other_bytes(file: Path) -> None:
    file.write_text("HELLO world")


def _shorter(file: Path) -> None:
    file.write_text("hello")


@pytest.mark.parametrize("harm", [_other_bytes, _shorter, Path.unlink], ids=["other bytes", "shorter", "removed"])
def test_an_original_that_is_not_as_it_was_is_not_used(two: Two, harm) -> None:
    two.share()
    harm(two.first.greeting)

    assert two.take() is None
    made = two.make()
    assert not made.reused
    assert made.record.copied_from == ""
    assert two.second.greeting.read_text() == "hello world"


@pytest.mark.parametrize("harm", [_other_bytes, _shorter, Path.unlink], ids=["other bytes", "shorter", "removed"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_original_that_changes_while_it_is_copied_is_not_used(two: Two, harm, when: str) -> None:
    """It was whole when the cache was asked."""

    class Racing(Store):
        def copy(self, source: str, uri: str) -> None:
            if when == "before":
                harm(Path(source))
            super().copy(source, uri)
            if when == "after":
                harm(Path(source))

    two.share()
    ledger = Ledger(Racing(), two.second.ledger.output_path)

    assert copy_shared_result(ledger, two.cache, two.second.check_reuse(two.second.job())) is None
    assert ledger.read(ResultKey("greeting", "expt")) is None
    assert not two.make().reused
    assert two.second.greeting.read_text() == "hello world"


def test_an_original_that_may_not_be_read_is_not_used(two: Two) -> None:
    """A folder of another user's can be looked into, and the file in it not be read."""

    class Closed(Store):
        def copy(self, source: str, uri: str) -> None:
            raise InputError(f"{source} may not be read")

        def read_bytes(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
            if uri == str(two.first.greeting):
                raise InputError(f"{uri} may not be read")
            return super().read_bytes(uri, start, length)

    two.share()

    ledger = Ledger(Closed(), two.second.ledger.output_path)
    assert copy_shared_result(ledger, two.cache, two.second.check_reuse(two.second.job())) is None


def test_an_output_path_that_cannot_be_written_to_is_told(two: Two) -> None:
    two.share()
    wanted = two.second.check_reuse(two.second.job())
    two.second.greeting.parent.parent.mkdir(parents=True)
    two.second.greeting.parent.write_text("a file where the sample's folder should be")

    with pytest.raises(InputError, match="expt"):
        copy_shared_result(two.second.ledger, two.cache, wanted)


@pytest.mark.parametrize("entry", [b"", b"{}", b'{"format": 1, "step": "gre'], ids=["empty", "no record", "cut off"])
def test_a_damaged_entry_is_as_none_and_is_written_anew(two: Two, entry: bytes) -> None:
    shared = two.share()
    Path(two.cache.uri(shared.fingerprint)).write_bytes(entry)

    assert two.take() is None
    two.cache.keep(two.make().record)
    found = two.cache.find(shared.fingerprint)
    assert found is not None
    assert found.outputs[0].uri == str(two.second.greeting)


def test_a_record_under_the_name_of_another_fingerprint_is_not_used(two: Two) -> None:
    """Put there by mistake or on purpose: its files are not what that fingerprint stands for."""
    shared = two.share()
    other = two.second.check_reuse(two.second.job(version="2")).fingerprint
    entry = Path(two.cache.uri(other))
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(shared.model_dump_json())

    assert two.take(version="2") is None


def test_a_record_of_other_files_than_the_job_makes_is_not_used(two: Two) -> None:
    """A record whose fingerprint was written into it by hand."""
    shared = two.share()
    renamed = tuple(file.model_copy(update={"key": "table"}) for file in shared.outputs)
    two.cache.keep(shared.model_copy(update={"outputs": renamed}))

    assert two.take() is None


def test_a_cache_that_was_never_written_knows_nothing(two: Two) -> None:
    assert two.take() is None


def test_what_is_there_already_is_not_copied(two: Two) -> None:
    """Two processes on one sample: the other has just made it."""
    two.share()
    wanted = two.second.check_reuse(two.second.job())
    own = two.make().record

    found = copy_shared_result(two.second.ledger, two.cache, wanted)

    assert found == Committed(own, reused=True)
    assert own.copied_from == ""


def test_an_older_result_is_replaced_and_stays_readable(two: Two) -> None:
    old = two.second.make(two.second.job(version="0")).record
    two.share()

    assert two.take() is not None

    past = list((two.second.greeting.parent / "records" / "history").iterdir())
    assert [old.fingerprint in file.read_text() for file in past] == [True]


def test_a_result_in_s3_is_copied_by_s3_itself(two: Two, s3: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server's own log: the original is looked at, never sent to this machine."""
    first, second = (
        (replace(project, ledger=Ledger(Store(), f"{s3}/{name}")), f"{s3}/{name}/expt/expt.greeting.txt")
        for project, name in ((two.first, "one"), (two.second, "two"))
    )
    cache = SharedCache(Store(), f"{s3}/cache")
    cache.keep(first[0].make(first[0].job(outputs=(Output("text", "greeting.txt", first[1]),))).record)
    wanted = second[0].check_reuse(second[0].job(outputs=(Output("text", "greeting.txt", second[1]),)))
    with caplog.at_level(logging.INFO, "werkzeug"):
        found = copy_shared_result(second[0].ledger, cache, wanted)

    assert found is not None
    assert found.record.copied_from == f"{s3}/one/expt/records/greeting.json"
    assert [(file.uri, file.sha256) for file in found.record.outputs] == [(second[1], HELLO)]
    assert Store().read_bytes(second[1]) == b"hello world"
    asked = [entry.getMessage() for entry in caplog.records if entry.name == "werkzeug"]
    assert any('"PUT /genomes/two/expt/expt.greeting.txt' in line for line in asked), asked
    assert any('"HEAD /genomes/one/expt/expt.greeting.txt' in line for line in asked), asked
    assert not [line for line in asked if '"GET /genomes/one/expt/expt.greeting.txt' in line]


@dataclass
class Toys:
    """Projects of the toy, each with a Dagster of its own, that share a cache."""

    folder: Path
    cache: str
    stack: ExitStack

    def open(self, name: str, cache: str = "") -> Toy:
        place = self.folder / name
        (place / "home").mkdir(parents=True)
        instance = self.stack.enter_context(dg.instance_for_test(temp_dir=str(place / "home")))
        toy = Toy(place, instance)
        toy.definitions = toy_definitions(toy.place, launcher_of(toy.output, HERE, NO_OPTIONS, {}, cache or self.cache))
        return toy


@pytest.fixture
def toys(tmp_path: Path) -> Iterator[Toys]:
    with ExitStack() as stack:
        yield Toys(tmp_path, str(tmp_path / "cache"), stack)


def run(toy: Toy) -> set[tuple[str, str, JobState]]:
    """Runs all; tells what each result came to. Jobs that were handed to the backend were pending first."""
    updates: list[JobUpdate] = []
    with listen(updates.append):
        assert toy.run().success
    return {(update.asset, update.partition, update.state) for update in updates}


PLACES = {("factor", ""), ("total", ""), *((asset, name) for asset in ("product", "parity") for name in "abc")}


def test_a_second_project_runs_no_job(toys: Toys) -> None:
    run(toys.open("first"))

    second = toys.open("second")

    assert run(second) == {(*place, JobState.CACHED) for place in PLACES}
    assert [second.read(sample) for sample in "abc"] == ["6", "9", "12"]
    assert (second.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"
    assert second.stale() == set()


def test_a_project_with_one_other_input_makes_what_depends_on_it(toys: Toys) -> None:
    run(toys.open("first"))
    second = toys.open("second")
    second.write("b", 5)

    states = run(second)

    made = {(asset, partition) for asset, partition, state in states if state is JobState.DONE}
    # 3 x 5 is odd, as 3 x 3 is, but its own parity is a result of another product.
    assert made == {("product", "b"), ("parity", "b"), ("total", "")}
    assert second.read("b") == "15"


def test_dagit_shows_where_a_copy_is_from(toys: Toys) -> None:
    first = toys.open("first")
    run(first)
    second = toys.open("second")
    result = second.run()

    metadata = second.materialization("product", "b").metadata
    origin = f"{first.output}/b/records/product.json"
    assert metadata["copied_from"].value == origin
    assert metadata["reused"].value is True
    assert "wall_s" not in metadata
    said = [event.message for event in second.engine_events(result.run_id)]
    assert f"product-b: CACHED, its result is copied from {origin}" in said


def test_a_result_that_the_cache_forgot_is_told_again(toys: Toys) -> None:
    """The cache may be deleted at any time: the next run of whoever has results fills it."""
    first = toys.open("first")
    run(first)
    cache = SharedCache(Store(), toys.cache)
    entry = Path(cache.uri(first.record("a").fingerprint))
    entry.unlink()

    run(first)

    assert cache.find(first.record("a").fingerprint) == first.record("a")


def test_an_imported_result_is_not_shared(toys: Toys) -> None:
    first = toys.open("first")
    first.run(keys=["factor", "product"])
    ledger = Ledger(Store(), first.output)
    ledger.write(first.record("a").model_copy(update={"imported": True, "fingerprint": "e" * 64}))

    run(first)

    assert SharedCache(Store(), toys.cache).find("e" * 64) is None
    assert SharedCache(Store(), toys.cache).find(first.record("b").fingerprint) is not None


def test_an_imported_record_in_the_cache_is_not_taken(two: Two) -> None:
    """Nobody knows how it was made: a fingerprint of it says nothing."""
    two.cache.keep(two.share().model_copy(update={"imported": True}))

    assert two.take() is None


def test_a_cache_that_cannot_be_written_to_fails_no_run(toys: Toys) -> None:
    """The results are there; only others do not learn of them."""
    Path(toys.cache).write_text("a file where the cache should be")

    toy = toys.open("first")

    assert {state for _, _, state in run(toy)} >= {JobState.DONE}
    assert toy.read("a") == "6"


def test_what_another_project_shares_is_foretold(tmp_path: Path) -> None:
    labs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        lab = open_lab(tmp_path / name, "a")
        lab.settings["cache"] = str(tmp_path / "cache")
        labs.append(lab)
    first, second = labs
    first.run()
    cache = SharedCache(Store(), str(tmp_path / "cache"))
    cache.keep(first.record("merged_reads", "a"))

    told = second.foretell()

    merged, genome, trimmed = (
        told[place] for place in (("merged_reads", "a"), ("reference_genome", "references"), ("trimmed_reads", "a"))
    )
    assert (merged.action, merged.reason) == (PlannedAction.COPY, f"not made yet; there in {cache.place}")
    assert genome.action is PlannedAction.RUN
    assert (trimmed.action, trimmed.reason) == (PlannedAction.DEPENDS_ON_UPSTREAM, "after merged_reads of a")
    os.truncate(first.file("merged_reads", "a", "reads1"), 0)
    assert second.foretell()["merged_reads", "a"].action is PlannedAction.RUN
