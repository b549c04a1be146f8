"""Answers of S3 that break off in the middle are asked for again; a real proxy between client and server cuts them."""

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

import boto3
import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage import conditional
from bioinfo_assets.storage.broken_answers import MAX_REQUESTS
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.faults.s3_proxy import Fault, Weather, proxied

STORE = Store()
FOLDER = "s3://genomes/project"


@pytest.fixture
def weather(s3: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weather]:
    """What happens to requests; there are five objects in the folder."""
    weather = Weather(Random(0))  # noqa: S311 - nothing happens by chance here
    with proxied(s3_server, weather) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        for name in "abcde":
            STORE.write_bytes(f"{FOLDER}/{name}", name.encode())
        yield weather


ALL = [f"{FOLDER}/{name}" for name in "abcde"]

READS: dict[str, tuple[Callable[[], object], object]] = {
    "a record that does not exist": (lambda: Ledger(STORE, FOLDER).read(ResultKey("depth", "x")), None),
    "a lock that does not exist": (lambda: conditional.read(f"{FOLDER}/x"), None),
    "a list": (lambda: sorted(STORE.list(FOLDER)), ALL),
    "a recursive list": (lambda: sorted(STORE.list(FOLDER, recursive=True)), ALL),
    "a list with sizes": (lambda: [(uri, stat.size) for uri, stat in STORE.scan(FOLDER)], [(uri, 1) for uri in ALL]),
    "folders": (lambda: list(STORE.folders("s3://genomes")), ["project"]),
}


@pytest.mark.parametrize("name", READS)
def test_what_is_read_is_asked_for_again(weather: Weather, name: str) -> None:
    read, expected = READS[name]
    weather.planned = 2 * [Fault.CUT_ANSWER]
    assert read() == expected
    assert weather.planned == []


def test_a_list_of_many_pages_goes_on_where_it_broke_off(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioinfo_assets.storage.object_lists._PAGE", 2)
    listed = STORE.scan(FOLDER)
    names = [next(listed)[0], next(listed)[0]]
    weather.planned = [Fault.CUT_ANSWER]
    assert names + [uri for uri, _ in listed] == ALL


def test_a_list_of_many_pages_goes_on_after_the_mark_of_a_folder(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of a mark ends with a slash, which obstore removes; `-` comes before a slash."""
    monkeypatch.setattr("bioinfo_assets.storage.object_lists._PAGE", 4)
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="genomes", Key="project/bb/", Body=b"")
    STORE.write_bytes(f"{FOLDER}/bb-1", b"x")
    first_pages = islice((uri for uri, _ in STORE.scan(FOLDER)), 20)  # of a list that may have no end
    assert list(first_pages) == [*ALL[:2], f"{FOLDER}/bb-1", *ALL[2:]]


def test_deletions_are_asked_for_again(weather: Weather) -> None:
    weather.planned = [Fault.CUT_ANSWER]
    STORE.delete(ALL[0])
    weather.planned = [Fault.CUT_ANSWER]
    STORE.delete_many(ALL[1:3])
    assert sorted(STORE.list(FOLDER)) == ALL[3:]


@pytest.mark.parametrize("fault", [Fault.CUT_ANSWER, Fault.LOST_ANSWER, Fault.INTERNAL_ERROR])
def test_of_two_conditional_writes_one_succeeds_whatever_is_lost(weather: Weather, fault: Fault) -> None:
    weather.planned = [fault]
    first = conditional.write(f"{FOLDER}/lock", b"first", None)
    weather.planned = [fault]
    second = conditional.write(f"{FOLDER}/lock", b"second", None)
    assert first
    assert second is None
    assert STORE.read_bytes(f"{FOLDER}/lock") == b"first"


def test_an_answer_that_always_breaks_off_is_an_error_in_a_sentence(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    weather.planned += 20 * [Fault.CUT_ANSWER]
    with pytest.raises(
        UnreachableError, match=r"^s3://genomes/project could not be reached: .*; check the address and the"
    ):
        STORE.list(FOLDER)
    assert len(weather.planned) == 20 - MAX_REQUESTS
