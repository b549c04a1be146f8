"""A large file is read part by part, and what breaks off goes on where it was: a genome's FASTQ takes hours."""

import http.server
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage import object_files
from bioinfo_assets.storage.store import Store

STORE = Store()
SIZE = 1_000_000


@dataclass
class Archive:
    """A web server whose connections break after some bytes, as a slow one's do after an hour."""

    data: bytes = field(default_factory=lambda: os.urandom(SIZE))
    max_bytes: int = SIZE
    has_ranges: bool = True
    forbids: bool = False
    etag: str = '"v1"'
    starts: list[int] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    archive = Archive()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(0, SIZE, 200)

        def do_GET(self) -> None:
            if archive.forbids:
                self.send_error(403)
                return
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if found and archive.has_ranges:
                start, end = int(found[1]), int(found[2]) + 1
                self.answer(start, end, 206 if self.headers.get("If-Match", archive.etag) == archive.etag else 412)
            else:
                start, end = 0, SIZE
                self.answer(start, end, 200)
            archive.starts.append(start)
            self.wfile.write(archive.data[start : min(end, start + archive.max_bytes)])

        def answer(self, start: int, end: int, status: int) -> None:
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{SIZE}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", archive.etag)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(object_files, "PART", 400_000)
    monkeypatch.setattr(object_files, "_CHUNK", 10_000)
    monkeypatch.setattr(object_files, "_DOWNLOAD_WAIT_S", 0.001)
    monkeypatch.setattr("bioinfo_assets.storage.object_clients._RETRIES", {"max_retries": 0})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        archive.address = f"http://127.0.0.1:{server.server_port}/reads.fastq.gz"
        yield archive
        server.shutdown()


def test_each_part_is_a_request_of_its_own(archive: Archive, tmp_path: Path) -> None:
    STORE.fetch(archive.address, tmp_path / "reads")
    assert (tmp_path / "reads").read_bytes() == archive.data
    assert archive.starts == [0, 400_000, 800_000]


def test_a_part_that_breaks_off_goes_on_where_it_was(archive: Archive, tmp_path: Path) -> None:
    """However often it does, as long as each request brings something."""
    archive.max_bytes = 50_000
    STORE.fetch(archive.address, tmp_path / "reads")
    assert (tmp_path / "reads").read_bytes() == archive.data
    assert archive.starts == sorted(archive.starts)
    assert len(archive.starts) >= SIZE // archive.max_bytes


def test_a_server_without_ranges_sends_all_of_it(archive: Archive, tmp_path: Path) -> None:
    archive.has_ranges = False
    STORE.fetch(archive.address, tmp_path / "reads")
    assert (tmp_path / "reads").read_bytes() == archive.data


def test_a_file_that_changes_between_two_parts_is_an_error(archive: Archive, tmp_path: Path) -> None:
    pieces = object_files.chunks(archive.address)
    next(pieces)
    archive.etag = '"v2"'
    with pytest.raises(InputError, match=r"reads\.fastq\.gz changed while it was read: try again$"):
        list(pieces)


def test_an_object_that_changes_between_two_parts_is_an_error(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_files, "PART", 10)
    monkeypatch.setattr(object_files, "_DOWNLOAD_WAIT_S", 0.001)
    STORE.write_bytes(f"{s3}/x", b"a" * 30)
    pieces = object_files.chunks(f"{s3}/x")
    assert next(pieces) == b"a" * 10
    STORE.write_bytes(f"{s3}/x", b"b" * 30)
    with pytest.raises(InputError, match=r"/x changed while it was read: try again$"):
        list(pieces)


def test_an_object_that_is_replaced_before_its_only_part_is_an_error(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    STORE.write_bytes(f"{s3}/x", b"a" * 30)
    before = object_files.stat(f"{s3}/x")
    STORE.write_bytes(f"{s3}/x", b"b" * 30)
    after, answers = object_files.stat(f"{s3}/x"), [before]
    monkeypatch.setattr(object_files, "_DOWNLOAD_WAIT_S", 0.001)
    monkeypatch.setattr(object_files, "stat", lambda _: answers.pop() if answers else after)
    with pytest.raises(InputError, match=r"/x changed while it was read: try again$"):
        list(object_files.chunks(f"{s3}/x"))


def test_a_refusal_for_good_is_not_tried_again(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_files, "_DOWNLOAD_WAIT_S", 60)
    archive.forbids = True
    with pytest.raises(InputError, match="is denied"):
        list(object_files.chunks(archive.address))
