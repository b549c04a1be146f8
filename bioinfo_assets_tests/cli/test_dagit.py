"""Dagit on a project: the real web server and daemon, queried as its web page does."""

import json
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets_tests.cli.commands import COMMAND, call_process, list_folders, write_pair
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("dagit")

MAX_STARTS = 5
"""Another process may take the free port before the server listens on it."""

LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


@dataclass(frozen=True)
class Page:
    """The web page of a project: the server's address, and the project's output path."""

    address: str
    output: Path

    def query(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return dict(json.load(response)["data"])

    def selector(self) -> dict[str, str]:
        data = self.query(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
        )
        (node,) = data["repositoriesOrError"]["nodes"]
        return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5):
            return True
    except OSError:
        return False


def start_server(output: Path) -> "tuple[subprocess.Popen[bytes], str]":
    """Start Dagit on a free port; return its process and address once it responds."""
    for _ in range(MAX_STARTS):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [COMMAND, "dagit", "--output-path", str(output), "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(address) or server.poll() is not None, what="Dagit to respond")  # noqa: B023 - used up before the next turn
        if server.poll() is None:
            return server, address
    raise AssertionError(f"Dagit ended {MAX_STARTS} times before it responded")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("dagit")
    for sample in ("a", "b", "c"):
        write_pair(folder / "fastq", sample)
    samples = list_folders(folder / "samples.txt", folder / "fastq")
    output = folder / "output"
    arguments = ["--samples-file", samples, "--output-path", output, "--select", "merged_reads", "--samples", "a"]
    assert call_process("run", *arguments).exit_code == 0
    server, address = start_server(output)
    try:
        yield Page(address, output)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def test_no_newsletter_dialog_is_shown(page: Page) -> None:
    with urllib.request.urlopen(page.address, timeout=30) as response:
        assert response.status == 200
    assert page.query("{ shouldShowNux }") == {"shouldShowNux": False}


def test_all_assets_are_shown(page: Page) -> None:
    nodes = page.query("{ assetNodes { assetKey { path } groupName description } }")["assetNodes"]

    assert len(nodes) == 18
    assert {node["groupName"] for node in nodes} == {
        "sources", "reference", "reads", "alignment", "metrics", "report",
    }  # fmt: skip
    assert all(node["description"] for node in nodes)


def test_one_asset_runs_alone_for_one_sample(page: Page) -> None:
    params = {
        "selector": {
            **page.selector(),
            "pipelineName": "align_samples",
            "assetSelection": [{"path": ["trimmed_reads"]}],
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "a"}]},
        "runConfigData": {},
    }

    run_id = page.query(LAUNCH, p=params)["launchPipelineExecution"]["run"]["runId"]

    def status() -> str:
        query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"
        return str(page.query(query, r=run_id)["runOrError"]["status"])

    wait_until(lambda: status() in {"SUCCESS", "FAILURE", "CANCELED"}, what="the run to end")
    assert status() == "SUCCESS"
    assert (page.output / "a" / "a.cutadapt.1.fastq.gz").exists()
    assert not (page.output / "b" / "b.cutadapt.1.fastq.gz").exists()


def test_a_backfill_computes_the_chosen_partitions(page: Page) -> None:
    """The daemon launches it; adjacent samples are one run."""
    params = {"partitionNames": ["b", "c"], "assetSelection": [{"path": ["merged_reads"]}]}

    backfill = page.query(BACKFILL, p=params)["launchPartitionBackfill"]["backfillId"]

    def state() -> dict[str, Any]:
        query = """query($b: String!) { partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill {
            status runs { id status } } } }"""
        return dict(page.query(query, b=backfill)["partitionBackfillOrError"])

    is_over = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "COMPLETED"}.__contains__
    wait_until(lambda: is_over(state()["status"]), what="the backfill to end")
    assert state()["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in state()["runs"]] == ["SUCCESS"]
    for sample in ("b", "c"):
        assert (page.output / sample / "records" / "merged_reads.json").exists()
