"""Dagit on a project: real web server and daemon, asked as its page asks them."""

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets_tests.cli.commands import COMMAND, call_process, list_folders, write_pair

pytestmark = pytest.mark.xdist_group("dagit")

PATIENCE_S = 120
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


@dataclass(frozen=True)
class Page:
    """The web server's address, and what a page asks of it."""

    address: str
    output: Path

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def selector(self) -> dict[str, str]:
        found = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }")
        (node,) = found["repositoriesOrError"]["nodes"]
        return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}


def until(ask: Callable[[], Any], happy: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not happy(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)
    return answer


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("dagit")
    for sample in ("a", "b", "c"):
        write_pair(folder / "fastq", sample)
    samples = list_folders(folder / "samples.txt", folder / "fastq")
    output = folder / "output"
    arguments = ["--samples-file", samples, "--output-path", output, "--select", "merged_reads", "--samples", "a"]
    assert call_process("run", *arguments).exit_code == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [COMMAND, "dagit", "--output-path", str(output), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: is_up(address), bool)
        yield Page(address, output)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def test_the_page_comes_without_questions(page: Page) -> None:
    with urllib.request.urlopen(page.address, timeout=30) as answer:
        assert answer.status == 200
    assert page.ask("{ shouldShowNux }") == {"shouldShowNux": False}


def test_all_assets_are_on_it(page: Page) -> None:
    nodes = page.ask("{ assetNodes { assetKey { path } groupName description } }")["assetNodes"]

    assert len(nodes) == 16
    assert {node["groupName"] for node in nodes} == {
        "sources", "reference", "reads", "alignment", "metrics", "report",
    }  # fmt: skip
    assert all(node["description"] for node in nodes)


def test_one_step_runs_alone_for_one_sample(page: Page) -> None:
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

    run_id = page.ask(LAUNCH, p=params)["launchPipelineExecution"]["run"]["runId"]

    over = {"SUCCESS", "FAILURE", "CANCELED"}
    query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"
    assert until(lambda: page.ask(query, r=run_id)["runOrError"]["status"], over.__contains__) == "SUCCESS"
    assert (page.output / "a" / "a.cutadapt.1.fastq.gz").exists()
    assert not (page.output / "b" / "b.cutadapt.1.fastq.gz").exists()


def test_a_backfill_makes_what_is_chosen(page: Page) -> None:
    """The daemon launches it; samples next to each other go as one run."""
    params = {"partitionNames": ["b", "c"], "assetSelection": [{"path": ["merged_reads"]}]}

    backfill = page.ask(BACKFILL, p=params)["launchPartitionBackfill"]["backfillId"]

    query = """query($b: String!) { partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill {
        status runs { id status } } } }"""
    done = until(
        lambda: page.ask(query, b=backfill)["partitionBackfillOrError"],
        lambda found: found["status"] in {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "COMPLETED"},
    )
    assert done["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in done["runs"]] == ["SUCCESS"]
    for sample in ("b", "c"):
        assert (page.output / sample / "records" / "merged_reads.json").exists()
