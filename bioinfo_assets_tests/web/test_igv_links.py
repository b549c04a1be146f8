"""The page that opens an alignment in IGV: by a real server, of a project in a folder and of one in S3."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bioinfo_assets.assets.metrics_metadata import metrics_metadata
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets.web.igv_links import IgvLinks
from bioinfo_assets.web.result_files import ResultFiles
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server
from bioinfo_assets_tests.web.server import Server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture(params=["folder", "S3"])
def ledger(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Ledger:
    """A served project with a genome and an alignment."""
    output_path = str(tmp_path / "out") if request.param == "folder" else f"{request.getfixturevalue('s3')}/results"
    ledger = Ledger(Store(), output_path)
    for asset, scope, file in (
        ("reference_genome", "references", "hg38.fasta"),
        ("recalibrated_bam", "a", "a.recalib.bam"),
    ):
        uri = f"{output_path}/{scope}/{file}"
        ledger.store.write_bytes(uri, file.encode())
        record_result(ledger, asset, scope, uri)
    server.serve([ResultFiles(ledger.layout, tmp_path / "home").route, IgvLinks(ledger).route])
    return ledger


def link_in(page: str) -> str:
    """The address to which the page goes on by itself, which is also that of its link."""
    (target,) = re.findall(r'content="0;url=([^"]*)"', page)
    assert f'<a href="{target}">' in page
    return unescape(target)


def test_the_link_in_dagit_opens_the_alignment_in_igv_with_its_genome(server: Server, ledger: Ledger) -> None:
    """IGV gets the address of this server, where it finds both."""
    record = ledger.read(ResultKey("recalibrated_bam", "a"))
    assert record is not None
    url = str(metrics_metadata(ledger, record)["igv"].value)
    assert url == "/igv/a/a.recalib.bam"
    reply = server.get(url)
    assert reply.status == 200
    link = urlsplit(link_in(reply.content.decode()))
    assert (link.netloc, link.path) == ("localhost:60151", "/load")
    parameters = {name: value for name, (value,) in parse_qs(link.query).items()}
    assert parameters.pop("name") == "a"
    contents = {name: server.get(urlsplit(address).path).content for name, address in parameters.items()}
    assert contents == {"file": b"a.recalib.bam", "genome": b"hg38.fasta"}
    assert {urlsplit(address).netloc for address in parameters.values()} == {server.address}


def test_the_session_is_opened_without_a_genome_of_its_own(server: Server, ledger: Ledger) -> None:
    ledger.store.write_bytes(ledger.layout.igv_session, b"<Session/>")
    link = urlsplit(link_in(server.get("/igv/igv_session.xml").content.decode()))
    assert parse_qs(link.query) == {"file": [f"http://{server.address}/results/igv_session.xml"]}


@pytest.mark.parametrize(
    "path", ["a/b.bam", "a/", "", "references/hg38.fasta", "../a.bam", "a/%2e%2e/%2e%2e/x.bam", ".x/a.bam", "other.xml"]
)
def test_nothing_else_has_a_page(server: Server, ledger: Ledger, path: str) -> None:
    assert server.get(f"/igv/{path}").status == 404, ledger.output_path


def test_a_name_is_no_markup(server: Server, ledger: Ledger) -> None:
    name = '"><script>.bam'
    ledger.store.write_bytes(f"{ledger.output_path}/a/{name}", b"")
    page = server.get("/igv/a/%22%3E%3Cscript%3E.bam").content.decode()
    assert "<script>" not in page
    assert parse_qs(urlsplit(link_in(page)).query)["file"] == [
        f"http://{server.address}/results/a/%22%3E%3Cscript%3E.bam"
    ]
