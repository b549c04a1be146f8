"""The files of results over HTTP: by a real server, from a folder and from S3, and what is not served."""

import os
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets.layout import RESULTS_URL, OutputLayout
from bioinfo_assets.storage.store import Store
from bioinfo_assets.web.result_files import PAGE_START, ResultFiles
from bioinfo_assets_tests.servers import s3, s3_server
from bioinfo_assets_tests.web.server import Server

__all__ = ["s3", "s3_server"]  # fixtures

BYTES: Final = bytes(range(256)) * 20
PAGE: Final = b"<!DOCTYPE html><html><head><title>x</title></head></html>"


def serve(server: Server, output_path: str, home: Path) -> None:
    server.serve([ResultFiles(OutputLayout(output_path), home).route])


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A project with its home, next to a file that is not one of its own."""
    output = tmp_path / "out"
    for name, content in (("a/a.bam", BYTES), ("multiqc/multiqc_report.html", PAGE), (".dagster/settings.toml", b"x")):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_bytes(content)
    (tmp_path / "secret.txt").write_text("of somebody else")
    return output


@pytest.fixture
def client(server: Server, output: Path) -> Server:
    """The server of that project."""
    serve(server, str(output), output / ".dagster")
    return server


@pytest.fixture(params=["folder", "S3"])
def anywhere(request: pytest.FixtureRequest, server: Server, output: Path) -> Server:
    """The server of a project in a folder, or of one in S3."""
    if request.param == "folder":
        serve(server, str(output), output / ".dagster")
        return server
    bucket, store = request.getfixturevalue("s3"), Store()
    for file in ("a/a.bam", "multiqc/multiqc_report.html", ".dagster/settings.toml"):
        store.write_bytes(f"{bucket}/results/{file}", (output / file).read_bytes())
    store.write_bytes(f"{bucket}/secret.txt", b"of somebody else")
    serve(server, f"{bucket}/results", output / ".dagster")
    return server


def test_a_file_is_served_whole_or_in_part(anywhere: Server) -> None:
    """IGV reads parts of a BAM (RFC 9110, 14)."""
    size = len(BYTES)
    whole = anywhere.get("/results/a/a.bam")
    assert (whole.status, whole.content) == (200, BYTES)
    assert whole.headers["accept-ranges"] == "bytes"
    for byte_range, first, last in (("1000-1999", 1000, 1999), ("5000-", 5000, size - 1), ("-7", size - 7, size - 1)):
        part = anywhere.get("/results/a/a.bam", byte_range)
        assert (part.status, part.content) == (206, BYTES[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
    assert anywhere.get("/results/a/a.bam", f"{size}-").status == 416
    head = anywhere.get("/results/a/a.bam", method="HEAD")
    assert (head.status, head.headers["content-length"], head.content) == (200, str(size), b"")


def test_a_head_request_reads_nothing_in_s3(server: Server, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """IGV asks for the size of a BAM before it reads parts of it."""
    Store().write_bytes(f"{s3}/results/a/a.bam", BYTES)
    serve(server, f"{s3}/results", Path("/nowhere"))
    monkeypatch.setattr(ResultFiles, "_chunks", lambda *_: pytest.fail("it was read"))
    whole = server.get("/results/a/a.bam", method="HEAD")
    assert (whole.status, whole.headers["content-length"]) == (200, str(len(BYTES)))
    part = server.get("/results/a/a.bam", "10-19", method="HEAD")
    assert (part.status, part.headers["content-length"]) == (206, "10")


def test_a_page_has_an_origin_of_its_own_and_loads_nothing(anywhere: Server) -> None:
    reply = anywhere.get("/results/multiqc/multiqc_report.html")
    assert reply.content == PAGE_START + PAGE
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";"))
    assert "allow-same-origin" not in policy["sandbox"]
    assert policy["default-src"] == "'none'"
    sources = {word for name, words in policy.items() if name.endswith("-src") for word in words.split()}
    assert sources == {"'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}  # none is a server
    assert reply.headers["x-content-type-options"] == "nosniff"


ELSEWHERE = [
    "/results/../secret.txt",
    "/results/%2e%2e/secret.txt",
    "/results/a/..%2f..%2fsecret.txt",
    "/results//etc/passwd",
    "/results/%2fetc/passwd",
    "/results/s3://genomes/secret.txt",
    "/results/.dagster/settings.toml",
    "/results/a",
    "/results/a/",
    "/results/",
    "/results/a/b.bam",
    "/results/a/a.bam/x",
    "/results/a/a%00.bam",
    "/results/" + 5000 * "x",
]


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: path[:30])
def test_nothing_else_is_served(anywhere: Server, path: str) -> None:
    assert anywhere.get(path).status == 404


def test_links_out_of_the_output_path_are_not_followed(client: Server, output: Path, tmp_path: Path) -> None:
    (output / "a" / "within.bam").symlink_to(output / "a" / "a.bam")
    assert client.get("/results/a/within.bam").content == BYTES
    (output / "a" / "file.txt").symlink_to(tmp_path / "secret.txt")
    (output / "folder").symlink_to(tmp_path)
    (output / "a" / "settings.txt").symlink_to(output / ".dagster" / "settings.toml")
    (output / "a" / "loop").symlink_to("loop")
    for path in ("a/file.txt", "folder/secret.txt", "a/settings.txt", "a/loop"):
        assert client.get(f"/results/{path}").status == 404


def test_only_regular_files_are_served(client: Server, output: Path) -> None:
    """A pipe would be read for ever."""
    os.mkfifo(output / "a" / "pipe.txt")
    assert client.get("/results/a/pipe.txt").status == 404


def test_the_home_is_not_served_wherever_it_is(server: Server, output: Path) -> None:
    home = output / "home"
    home.mkdir()
    (home / "bioinfo-assets.toml").write_text("")
    serve(server, str(output), home)
    assert server.get("/results/home/bioinfo-assets.toml").status == 404
    serve(server, str(output), output / ".dagster")
    assert server.get("/results/home/bioinfo-assets.toml").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_is_written(client: Server, output: Path, method: str) -> None:
    assert client.get("/results/a/a.bam", method=method, body=b"x").status == 405
    assert (output / "a" / "a.bam").read_bytes() == BYTES


def test_a_store_that_refuses_is_one_sentence(server: Server, s3: str, tmp_path: Path) -> None:
    """The bucket does not exist."""
    serve(server, f"{s3}-of-nobody/results", tmp_path)
    reply = server.get("/results/a/a.bam")
    assert reply.status in {404, 502}
    assert reply.content.count(b"\n") == 1


def test_a_link_is_the_address_under_which_the_file_is_served(client: Server, output: Path) -> None:
    file = output / "a" / "odd name#1.txt"
    file.write_text("here")
    url = OutputLayout(str(output)).url(str(file))
    assert url is not None
    assert url.startswith(f"{RESULTS_URL}/a/odd%20name")
    assert client.get(url).content == b"here"
