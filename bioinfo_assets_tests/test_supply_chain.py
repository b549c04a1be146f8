"""`make audit` with a database of vulnerabilities of the tests' own, and the documents that `make sbom` writes."""

import json
import os
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

CLONE: Final = Path(__file__).parent.parent
VULNERABILITY: Final = "GHSA-0000-0000-0001"


class Database(BaseHTTPRequestHandler):
    """A database in which one version of dagster has a vulnerability (https://google.github.io/osv.dev/api/)."""

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        entry = {"id": VULNERABILITY, "modified": "2026-01-01T00:00:00Z"}
        is_dagster = [query["package"]["name"] == "dagster" for query in queries]
        self.answer({"results": [{"vulns": [entry]} if found else {} for found in is_dagster]})

    def do_GET(self) -> None:
        times = {"modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}
        self.answer({"id": VULNERABILITY, "summary": "anyone may start runs", "affected": [], **times})

    def answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def audit(address: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", "-o", "install", "audit", f"OSV={address}", *words],
        cwd=CLONE,
        env={**kept, "UV_HTTP_RETRIES": "0", "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_known_vulnerability_fails_the_audit(database: str) -> None:
    result = audit(database)
    assert result.returncode != 0
    assert VULNERABILITY in result.stdout
    assert "dagster 1." in result.stdout


def test_an_accepted_vulnerability_does_not(database: str) -> None:
    assert audit(database, f"accepted-vulnerabilities=--ignore {VULNERABILITY}").returncode == 0


@pytest.mark.parametrize(("variables", "succeeds"), [({}, True), ({"CI": "true"}, False)], ids=["here", "CI"])
def test_without_the_database_a_sentence_states_that_nothing_was_checked(
    variables: dict[str, str], *, succeeds: bool
) -> None:
    result = audit("http://127.0.0.1:9", **variables)
    assert "Nothing was checked: the database of vulnerabilities at http://127.0.0.1:9" in result.stderr
    assert (result.returncode == 0) is succeeds


def check_document(text: str) -> None:
    """What CycloneDX 1.5 demands of the fields that are used (https://cyclonedx.org/docs/1.5/json/)."""
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    references = [component["bom-ref"] for component in document["components"]]
    assert len(set(references)) == len(references)
    assert all(component["type"] and component["name"] for component in document["components"])
    root = document["metadata"]["component"]["bom-ref"]
    for dependency in document["dependencies"]:
        assert {dependency["ref"], *dependency.get("dependsOn", ())} <= {root, *references}


def test_the_list_of_the_environment_has_all_packages_that_are_installed_for_users() -> None:
    uv = shutil.which("uv") or str(CLONE / ".tools" / "bin" / "uv")
    options = ("--quiet", "--frozen", "--no-default-groups", "--group", "tools", "--format", "cyclonedx1.5")
    document = subprocess.run([uv, "export", *options], cwd=CLONE, check=True, capture_output=True, text=True).stdout
    check_document(document)
    names = {component["name"] for component in json.loads(document)["components"]}
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    assert {"dagster", "obstore", "boto3", "cutadapt", "multiqc"} <= names
    assert "moto" not in names
    assert len(project["project"]["dependencies"]) < len(names)


def test_the_list_of_the_image_has_packages_of_debian_pypi_and_maven() -> None:
    packages = "samtools\t1.16.1-1\nlibstdc++6\t12.2.0-14+deb12u1\n"
    environment = {**os.environ, "PATH": f"{CLONE / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    document = subprocess.run(
        [sys.executable, CLONE / "docker" / "sbom.py", "tools:1"],
        env=environment,
        input=packages,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    check_document(document)
    components = {component["name"]: component for component in json.loads(document)["components"]}
    assert components["libstdc++6"]["purl"] == "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1"
    assert components["cutadapt"]["purl"] == "pkg:pypi/cutadapt@5.2"
    assert components["htsjdk"]["hashes"][0]["alg"] == "SHA-256"
    assert "dagster" not in components
