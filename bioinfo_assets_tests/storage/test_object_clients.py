"""A client of S3 is created once, however many threads need it at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from bioinfo_assets.storage import s3_region
from bioinfo_assets.storage.store import Store

STORE = Store()
THREADS = 16


@pytest.mark.parametrize(
    "request_of",
    [
        lambda number: STORE.write_bytes(f"s3://genomes/{number}", b""),
        lambda number: STORE.copy("s3://genomes/x", f"s3://genomes/{number}"),
    ],
    ids=["requests", "copies"],
)
def test_threads_share_one_client(s3: str, monkeypatch: pytest.MonkeyPatch, request_of: Callable[[int], None]) -> None:
    STORE.write_bytes("s3://genomes/x", b"abc")
    created = list[str | None]()
    find_endpoint = s3_region.find_endpoint

    def count(region: str | None) -> tuple[str | None, str]:
        created.append(region)
        return find_endpoint(region)

    monkeypatch.setattr(s3_region, "find_endpoint", count)
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "threads")  # settings that no client has yet
    barrier = Barrier(THREADS)

    def request(number: int) -> None:
        barrier.wait()
        request_of(number)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(request, range(THREADS)))
    assert len(created) <= 2  # the one for requests, and the one for copies
