"""Requests to S3 go to the region and the endpoint of the user's settings, and to a bucket's own region.

A proxy in front of a real server redirects, as S3 does, whatever is signed for another region than the bucket's.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage import conditional
from bioinfo_assets.storage.s3_region import find_endpoint
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.faults.s3_proxy import Weather, proxied

STORE = Store()


@pytest.fixture
def weather(s3: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weather]:
    """An S3 server where the bucket is in Ireland."""
    weather = Weather(Random(0), regions={"genomes": "eu-west-1"})  # noqa: S311 - nothing happens by chance here
    with proxied(s3_server, weather) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield weather


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the user's `~/.aws/config`."""

    def write(text: str) -> None:
        (tmp_path / "config").write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    return write


def test_the_region_of_the_profile_is_that_of_requests(weather: Weather, profile: Callable[[str], None]) -> None:
    profile("[default]\nregion = eu-west-1\n")
    STORE.write_bytes("s3://genomes/x", b"abc")
    assert STORE.read_bytes("s3://genomes/x") == b"abc"
    assert (weather.requests, weather.redirects) == (2, 0)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_the_environment_comes_before_that_of_the_profile(
    weather: Weather, profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    profile("[default]\nregion = eu-central-1\n")
    monkeypatch.setenv(name, "eu-west-1")
    STORE.write_bytes("s3://genomes/x", b"abc")
    assert weather.redirects == 0


READS: dict[str, Callable[[], object]] = {
    "read": lambda: STORE.read_bytes("s3://genomes/x") == b"abc",
    "read a part": lambda: STORE.read_bytes("s3://genomes/x", 1, 1) == b"b",
    "read a small file": lambda: STORE.read_small("s3://genomes/x") == b"abc",
    "digest": lambda: STORE.digest("s3://genomes/x").startswith("sha256:ba7816bf"),  # FIPS 180-2, appendix B.1
    "stat": lambda: STORE.stat("s3://genomes/x").size == 3,
    "list": lambda: STORE.list("s3://genomes") == ("s3://genomes/x",),
    "scan": lambda: [uri for uri, _ in STORE.scan("s3://genomes")] == ["s3://genomes/x"],
    "folders": lambda: STORE.folders("s3://genomes") == (),
    "write if absent": lambda: conditional.write("s3://genomes/y", b"abc", None),
}
WRITES: dict[str, Callable[[], None]] = {
    "write": lambda: STORE.write_bytes("s3://genomes/y", b"abc"),
    "copy": lambda: STORE.copy("s3://genomes/x", "s3://genomes/y", 3),
    "delete": lambda: STORE.delete("s3://genomes/x"),
    "delete many": lambda: STORE.delete_many(["s3://genomes/x"]),
}


@pytest.fixture
def elsewhere(weather: Weather) -> Weather:
    """The same server, with an object in its bucket, and nothing known of it yet."""
    weather.regions, regions = {}, weather.regions
    STORE.write_bytes("s3://genomes/x", b"abc")
    weather.regions = regions
    return weather


@pytest.mark.parametrize("name", READS)
def test_a_bucket_in_another_region_is_read_there(elsewhere: Weather, name: str) -> None:
    assert READS[name]()
    redirects = elsewhere.redirects
    assert redirects > 0
    assert STORE.exists("s3://genomes/x")
    assert elsewhere.redirects == redirects


@pytest.mark.parametrize(
    ("name", "left"), [("write", {"x", "y"}), ("copy", {"x", "y"}), ("delete", set()), ("delete many", set())]
)
def test_a_bucket_in_another_region_is_written_there(elsewhere: Weather, name: str, left: set[str]) -> None:
    WRITES[name]()
    assert elsewhere.redirects > 0
    assert {uri.removeprefix("s3://genomes/") for uri in STORE.list("s3://genomes")} == left


def test_a_bare_bad_request_may_mean_another_region(elsewhere: Weather) -> None:
    """There is no body in the answer to a HEAD, which could name the reason."""
    elsewhere.refuses_heads = True
    assert STORE.stat("s3://genomes/x").size == 3


def test_threads_that_meet_a_bucket_in_another_region_at_once_all_read_it_there(elsewhere: Weather) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(STORE.read_bytes, ["s3://genomes/x"] * 32)) == [b"abc"] * 32


def test_a_region_that_s3_does_not_name_is_left_to_the_user(weather: Weather) -> None:
    weather.regions = {"genomes": "us-east-1 of another partition"}
    with pytest.raises(InputError, match=r"^s3://genomes/x is in another region .*: set AWS_REGION to its own$"):
        STORE.stat("s3://genomes/x")


@pytest.mark.parametrize(
    "text",
    [
        "[default]\nendpoint_url = {url}\n",
        "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = {url}\n",
    ],
)
def test_the_endpoint_of_the_profile_is_used(
    s3: str, s3_server: str, profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    profile(text.format(url=s3_server))
    STORE.write_bytes("s3://genomes/x", b"abc")
    assert STORE.list("s3://genomes") == ("s3://genomes/x",)


def test_a_profile_that_does_not_exist_is_named(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError, match=r"^no AWS settings for s3://genomes: .*nobody.*; correct AWS_PROFILE"):
        STORE.exists("s3://genomes/x")


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-west-1", None),
        ("us-east-1", None),
        ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"),  # AWS General Reference, endpoints in China
    ],
)
def test_the_endpoint_is_that_of_the_partition(
    s3: str, monkeypatch: pytest.MonkeyPatch, region: str, endpoint: str | None
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert find_endpoint(region) == (endpoint, region)
