"""Fixtures: an S3 server (moto's), a web server with faults, and a file system that is soon full."""

import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from bioinfo_assets.storage import object_files
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets_tests.moto_server import moto_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket, and settings as a user would have them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="genomes")
    yield "s3://genomes"
    for item in client.list_objects_v2(Bucket="genomes").get("Contents", []):
        client.delete_object(Bucket="genomes", Key=item["Key"])
    client.delete_bucket(Bucket="genomes")
    client.close()


def record_stats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each remote file is added that is looked at by itself, with a request."""
    uris: list[str] = []
    stat = object_files.stat

    def record(uri: str) -> FileStat:
        uris.append(uri)
        return stat(uri)

    monkeypatch.setattr(object_files, "stat", record)
    return uris


WebServer = tuple[str, Path, list[str]]
"""The address of a web server, its folder, and the requests it received."""


class Handler(http.server.SimpleHTTPRequestHandler):
    """A server of a folder's files.

    Below `/cut/` it announces more bytes than it sends, below `/breaks/` it sends half of them the first time, below
    `/flaky/` it is busy at first, `/closed/` is forbidden, and files below `/tagged/` have an ETag.
    """

    requests: list[str]

    def __init__(self, *args: Any, requests: list[str], **kwargs: Any) -> None:
        self.requests = requests
        super().__init__(*args, **kwargs)

    def log_message(self, *args: object) -> None:
        pass

    def send_head(self) -> Any:
        self.requests.append(f"{self.command} {self.path}")
        if self.path.startswith("/closed/"):
            self.send_error(403)
            return None
        if self.path.startswith("/flaky/") and self.requests.count(f"{self.command} {self.path}") == 1:
            self.send_error(503)
            return None
        return super().send_head()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.path.startswith("/breaks/") and self.requests.count(f"GET {self.path}") == 1:
            outputfile.write(source.read(os.fstat(source.fileno()).st_size // 2))
        else:
            super().copyfile(source, outputfile)

    def translate_path(self, path: str) -> str:
        for prefix in ("/flaky/", "/cut/", "/breaks/", "/tagged/"):
            path = path.replace(prefix, "/", 1)
        return super().translate_path(path)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Content-Length" and self.path.startswith("/cut/"):
            value = str(int(value) + 100)
        super().send_header(keyword, value)

    def end_headers(self) -> None:
        if self.path.startswith("/tagged/"):
            self.send_header("ETag", '"v1"')
        super().end_headers()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    """A web server: its address, its folder, and the requests it received."""
    folder = tmp_path / "web"
    requests: list[str] = []
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder), requests=requests)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder, requests
        server.shutdown()
        thread.join()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
