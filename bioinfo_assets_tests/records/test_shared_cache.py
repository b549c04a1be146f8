"""Results that one project computed are copied by others, if the files are as the cache's record describes them."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job, Output
from bioinfo_assets.records.commit import Committed, copy_shared_result
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.reuse import ReuseAction, ReuseDecision
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.greeting_project import GREETING, GreetingProject, open_greeting_project
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

HELLO = hashlib.sha256(b"hello world").hexdigest()


@dataclass(frozen=True)
class Two:
    """Two projects that share only the cache."""

    first: GreetingProject
    second: GreetingProject
    cache: SharedCache

    def share(self) -> Record:
        """The first project computes a greeting and adds it to the cache."""
        record = self.first.run(self.first.job()).record
        self.cache.add(record)
        return record

    def decide(self, **changes: Any) -> ReuseDecision:
        """Decide what the second project does for its greeting."""
        return self.second.decide(self.second.job(**changes), self.cache)

    def copy(self, **changes: Any) -> Committed | None:
        """The second project copies the greeting, if it can."""
        decision = self.decide(**changes)
        return copy_shared_result(self.second.ledger, decision) if decision.action is ReuseAction.COPY else None

    def run(self) -> Committed:
        """The second project runs the job, unless it has its result."""
        return self.second.run(self.second.job())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        projects: list[GreetingProject] = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            projects.append(stack.enter_context(open_greeting_project(tmp_path / name)))
        yield Two(projects[0], projects[1], SharedCache(Store(), str(tmp_path / "cache")))


def test_a_result_with_the_same_fingerprint_is_copied(two: Two) -> None:
    shared = two.share()

    copied = two.copy()

    assert copied is not None
    assert copied.reused
    assert two.second.greeting.read_text() == "hello world"
    assert copied.record == two.second.ledger.read(GREETING)
    assert copied.record.fingerprint == shared.fingerprint
    assert two.decide().action is ReuseAction.REUSE


def test_its_record_has_the_addresses_of_its_files_and_of_the_original(two: Two) -> None:
    shared = two.share()

    copied = two.copy()

    assert copied is not None
    record = copied.record
    assert record.copied_from == f"{two.first.ledger.output_path}/expt/records/greeting.json"
    assert [file.uri for file in record.outputs] == [str(two.second.greeting)]
    assert [item.uri for item in record.inputs] == [str(two.second.folder / "name.txt")]
    fields = ("job_id", "host", "user", "started", "finished", "wall_s", "script", "tools", "facts")
    assert {name: getattr(record, name) for name in fields} == {name: getattr(shared, name) for name in fields}


def test_the_digests_of_a_copy_are_those_of_its_bytes(two: Two) -> None:
    two.share()

    copied = two.copy()

    assert copied is not None
    (file,) = copied.record.outputs
    assert (file.size, file.sha256, file.content) == (11, HELLO, f"sha256:{HELLO}")
    assert hashlib.sha256(Path(file.uri).read_bytes()).hexdigest() == HELLO
    assert file.stamp == two.second.ledger.store.stat(file.uri).stamp


def test_a_copy_of_a_copy_names_the_record_of_the_original(two: Two, tmp_path: Path) -> None:
    two.share()
    copied = two.copy()
    assert copied is not None
    two.cache.add(copied.record)
    two.first.greeting.unlink()
    (tmp_path / "third").mkdir()
    with open_greeting_project(tmp_path / "third") as third:
        again = copy_shared_result(third.ledger, third.decide(third.job(), two.cache))

    assert again is not None
    assert again.record.copied_from == f"{two.first.ledger.output_path}/expt/records/greeting.json"


@pytest.mark.parametrize(
    "changes",
    [{"version": "2"}, {"script": "cp name.txt greeting.txt"}, {"parameters": {"loud": True}}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_different_job_copies_nothing(two: Two, changes: dict[str, object]) -> None:
    two.share()

    assert two.copy(**changes) is None
    assert not two.second.greeting.exists()


def _change_bytes(file: Path) -> None:
    file.write_text("HELLO world")


def _truncate(file: Path) -> None:
    file.write_text("hello")


@pytest.mark.parametrize("damage", [_change_bytes, _truncate, Path.unlink], ids=["changed", "truncated", "deleted"])
def test_a_damaged_original_is_not_copied(two: Two, damage: Callable[[Path], object]) -> None:
    two.share()
    damage(two.first.greeting)

    assert two.copy() is None
    computed = two.run()
    assert not computed.reused
    assert computed.record.copied_from == ""
    assert two.second.greeting.read_text() == "hello world"


@pytest.mark.parametrize("damage", [_change_bytes, _truncate, Path.unlink], ids=["changed", "truncated", "deleted"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_original_that_is_damaged_while_it_is_copied_is_not_used(
    two: Two, damage: Callable[[Path], object], when: str
) -> None:
    """It was intact when the cache was read."""

    class Racing(Store):
        def copy(self, source: str, uri: str, size: int | None = None) -> None:
            if when == "before":
                damage(Path(source))
            super().copy(source, uri)
            if when == "after":
                damage(Path(source))

    two.share()
    ledger = Ledger(Racing(), two.second.ledger.output_path)

    assert copy_shared_result(ledger, two.decide()) is None
    assert ledger.read(GREETING) is None
    assert not two.run().reused
    assert two.second.greeting.read_text() == "hello world"


def test_an_original_without_read_permission_is_not_copied(two: Two) -> None:
    """Another user's folder can be listed, but the file in it cannot be read."""

    class Closed(Store):
        def copy(self, source: str, uri: str, size: int | None = None) -> None:
            raise InputError(f"{source} may not be read")

        def read_bytes(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
            if uri == str(two.first.greeting):
                raise InputError(f"{uri} may not be read")
            return super().read_bytes(uri, start, length)

    two.share()

    ledger = Ledger(Closed(), two.second.ledger.output_path)
    assert copy_shared_result(ledger, two.decide()) is None


def test_an_output_path_that_cannot_be_written_to_is_an_error(two: Two) -> None:
    two.share()
    decision = two.decide()
    two.second.greeting.parent.parent.mkdir(parents=True)
    two.second.greeting.parent.write_text("a file where the sample's folder should be")

    with pytest.raises(InputError, match="expt"):
        copy_shared_result(two.second.ledger, decision)


@pytest.mark.parametrize(
    "entry", [b"", b"{}", b'{"format": 2, "asset": "gre'], ids=["empty", "not a record", "truncated"]
)
def test_a_damaged_entry_is_ignored_and_replaced(two: Two, entry: bytes) -> None:
    shared = two.share()
    Path(two.cache.uri(shared.fingerprint)).write_bytes(entry)

    assert two.copy() is None
    two.cache.add(two.run().record)
    entry_record = two.cache.find(shared.fingerprint)
    assert entry_record is not None
    assert entry_record.outputs[0].uri == str(two.second.greeting)


def test_a_record_that_is_stored_under_another_fingerprint_is_not_used(two: Two) -> None:
    """By mistake or on purpose: its files are not the result of the job with that fingerprint."""
    shared = two.share()
    other = two.decide(version="2").fingerprint
    entry = Path(two.cache.uri(other))
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(shared.model_dump_json())

    assert two.copy(version="2") is None


def test_a_record_with_other_files_than_the_job_writes_is_not_used(two: Two) -> None:
    """A record whose fingerprint was edited by hand."""
    shared = two.share()
    renamed = tuple(replace(file, key="table") for file in shared.outputs)
    two.cache.add(shared.model_copy(update={"outputs": renamed}))

    assert two.copy() is None


def test_a_cache_that_does_not_exist_has_no_results(two: Two) -> None:
    assert two.copy() is None


def test_a_result_that_was_computed_meanwhile_is_not_replaced_by_a_copy(two: Two) -> None:
    """Two processes work on one sample, and the other one has just computed it."""
    two.share()
    decision = two.decide()
    own = two.run().record

    copied = copy_shared_result(two.second.ledger, decision)

    assert copied == Committed(own, reused=True)
    assert own.copied_from == ""


def test_a_copy_replaces_an_older_result_whose_record_moves_to_the_history(two: Two) -> None:
    old = two.second.run(two.second.job(version="0")).record
    two.share()

    assert two.copy() is not None

    past = list((two.second.greeting.parent / "records" / "history").iterdir())
    assert [old.fingerprint in file.read_text() for file in past] == [True]


def test_a_result_in_s3_is_copied_by_s3(two: Two, s3: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server's log shows that the original is never downloaded."""

    def bucket_project(project: GreetingProject, name: str) -> tuple[GreetingProject, Job]:
        moved = replace(project, ledger=Ledger(Store(), f"{s3}/{name}"))
        return moved, moved.job(outputs=(Output("text", "greeting.txt", f"{s3}/{name}/expt/expt.greeting.txt"),))

    first, first_job = bucket_project(two.first, "one")
    second, second_job = bucket_project(two.second, "two")
    cache = SharedCache(Store(), f"{s3}/cache")
    cache.add(first.run(first_job).record)
    decision = second.decide(second_job, cache)
    with caplog.at_level(logging.INFO, "werkzeug"):
        copied = copy_shared_result(second.ledger, decision)

    assert copied is not None
    assert copied.record.copied_from == f"{s3}/one/expt/records/greeting.json"
    target = f"{s3}/two/expt/expt.greeting.txt"
    assert [(file.uri, file.sha256) for file in copied.record.outputs] == [(target, HELLO)]
    assert Store().read_bytes(target) == b"hello world"
    requests = [entry.getMessage() for entry in caplog.records if entry.name == "werkzeug"]
    assert any('"PUT /genomes/two/expt/expt.greeting.txt' in line for line in requests), requests
    assert any('"HEAD /genomes/one/expt/expt.greeting.txt' in line for line in requests), requests
    assert not [line for line in requests if '"GET /genomes/one/expt/expt.greeting.txt' in line]


def test_a_result_whose_record_was_lost_is_found_by_the_cache(two: Two, s3: str) -> None:
    """S3 refuses to copy an object onto itself."""
    project = replace(two.first, ledger=Ledger(Store(), f"{s3}/one"))
    job = project.job(outputs=(Output("text", "greeting.txt", f"{s3}/one/expt/expt.greeting.txt"),))
    cache = SharedCache(Store(), f"{s3}/cache")
    record = project.run(job).record
    cache.add(record)
    Store().delete(project.ledger.uri(record.key))
    found = copy_shared_result(project.ledger, project.decide(job, cache))
    assert found is not None
    assert found.record.outputs == record.outputs
    assert found.record.copied_from == ""
    assert Store().read_bytes(record.outputs[0].uri) == b"hello world"


def test_an_imported_record_in_the_cache_is_not_copied(two: Two) -> None:
    """How it was computed is unknown, so its fingerprint identifies nothing."""
    two.cache.add(two.share().model_copy(update={"imported": True}))

    assert two.copy() is None


def test_an_entry_has_the_full_addresses_of_its_files(two: Two) -> None:
    """Projects record addresses relative to their output paths; the cache is outside of all of them."""
    shared = two.share()

    entry = json.loads(Path(two.cache.uri(shared.fingerprint)).read_bytes())

    assert [file["uri"] for file in entry["outputs"]] == [str(two.first.greeting)]
