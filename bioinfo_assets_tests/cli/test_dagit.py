"""Dagit on a project: the real web server and daemon, queried as its web page does."""

import getpass
import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bioinfo_assets.cli.dagit import check_host
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.machine_limits import available_cpus, available_memory_mib
from bioinfo_assets.launch.machine_share import MachineShare, machine_folder
from bioinfo_assets.orchestration import JobLauncher
from bioinfo_assets.pipeline.graph import ASSETS, SOURCES
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets_tests.cli.commands import COMMAND, call, call_process, list_folders, write_pair
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("dagit")

MAX_STARTS = 5
"""Another process may take the free port before the server listens on it."""

OVER = {"SUCCESS", "FAILURE", "CANCELED"}
REEXECUTE = """mutation($p: ReexecutionParams!) { launchPipelineReexecution(reexecutionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """mutation($r: String!) { terminateRun(runId: $r) {
    __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""

BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }"


@dataclass(frozen=True)
class Page:
    """The web page of a project: the server's address, the project's output path, and what the command printed."""

    address: str
    output: Path
    log: Path

    def query(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as response:
            return dict(json.load(response)["data"])

    def status(self, run_id: str) -> str:
        query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"
        return str(self.query(query, r=run_id)["runOrError"]["status"])

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


def start_server(output: Path, log: Path) -> "tuple[subprocess.Popen[bytes], str]":
    """Start Dagit on a free port, printing to a file; return its process and address once it responds."""
    for _ in range(MAX_STARTS):
        port = free_port()
        command = [COMMAND, "dagit", "--output-path", str(output), "--port", str(port)]
        with log.open("wb") as file:
            server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(address) or server.poll() is not None, 600, "Dagit to respond")  # noqa: B023 - used up before the next turn
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
    (output / ".dagster" / "logs").mkdir()
    (output / ".dagster" / "logs" / "others.log").write_text("a\n")
    log = folder / "dagit.log"
    server, address = start_server(output, log)
    try:
        yield Page(address, output, log)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(300)


def test_the_command_prints_when_the_page_is_ready(page: Page) -> None:
    wait_until(lambda: "ready" in page.log.read_text(), what="the announcement")
    assert f"Dagit is ready: {page.address}\n" in page.log.read_text()


def test_a_second_server_of_a_project_is_refused(page: Page) -> None:
    result = call_process("dagit", "--output-path", page.output, "--port", free_port())
    assert result.exit_code == 2
    assert result.stderr == (
        f"bioinfo-assets: this project is already served at {page.address}: open that page, or end that program\n"
    )


def test_a_port_in_use_is_refused(page: Page, tmp_path: Path) -> None:
    """With the page of another project."""
    port = page.address.rpartition(":")[2]
    home = tmp_path / ".dagster"
    home.mkdir()
    (home / "bioinfo-assets.toml").touch()
    result = call_process("dagit", "--output-path", tmp_path, "--port", port)
    assert result.exit_code == 2
    assert result.stderr == (
        f"bioinfo-assets: port {port} is in use, perhaps by the page of another project: give another one with --port\n"
    )


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (
            "bioinfo-assets.toml",
            'aligner = "bwo"',
            "setting aligner: input should be 'auto', 'bwa', 'bwa-mem2' or 'bwa-mem3'",
        ),
        ("bioinfo-assets.toml", "[steps.dept]\nvcpus = 1", "there is no asset dept: did you mean depth?"),
        ("dagster.yaml", "telemetry: [", "dagster.yaml is not what Dagster expects"),
    ],
)
def test_what_is_wrong_in_a_project_is_reported_before_anything_starts(
    tmp_path: Path, file: str, text: str, sentence: str
) -> None:
    home = tmp_path / ".dagster"
    home.mkdir()
    (home / "bioinfo-assets.toml").touch()
    (home / file).write_text(text)
    result = call_process("dagit", "--output-path", tmp_path, "--port", free_port())
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_runs_of_the_command_line_belong_to_the_code_location(page: Page) -> None:
    """So the landing page, the tab Runs of the job and the repository's list have them."""
    query = """query($s: PipelineSelector!) { pipelineOrError(params: $s) { ... on Pipeline {
        runs(limit: 10) { runId status tags { key value } repositoryOrigin { repositoryLocationName } } } } }"""
    selector = {**page.selector(), "pipelineName": "align_samples"}
    runs = page.query(query, s=selector)["pipelineOrError"]["runs"]

    started = [run for run in runs if {"key": "bioinfo-assets/started-by", "value": "command line"} in run["tags"]]
    assert started
    assert {run["repositoryOrigin"]["repositoryLocationName"] for run in started} == {"bioinfo_assets"}
    assert all({"key": "bioinfo-assets/user", "value": getpass.getuser()} in run["tags"] for run in started)
    assert selector["repositoryLocationName"] == "bioinfo_assets"


def test_a_run_of_the_command_line_is_started_again_from_the_page(page: Page) -> None:
    query = """query { runsOrError(filter: {tags: [{key: "bioinfo-assets/started-by", value: "command line"}]}) {
        ... on Runs { results { runId } } } }"""
    first = page.query(query)["runsOrError"]["results"][-1]["runId"]
    params = {"parentRunId": first, "strategy": "ALL_STEPS", "useParentRunTags": True}

    run_id = page.query(REEXECUTE, p=params)["launchPipelineReexecution"]["run"]["runId"]

    wait_until(lambda: page.status(run_id) in OVER, what="the run to end")
    assert page.status(run_id) == "SUCCESS"


def test_a_run_of_the_command_line_waits_for_other_runs_and_is_terminated_from_the_page(page: Page) -> None:
    other = MachineShare(available_cpus(), available_memory_mib(), machine_folder())
    assert other.try_hold("theirs", Resources(cpus=available_cpus(), memory_mib=1))
    arguments = ["--output-path", str(page.output), "--select", "merged_reads", "--samples", "c"]
    command = subprocess.Popen([COMMAND, "run", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        query = "{ runsOrError(filter: {statuses: [STARTED]}) { ... on Runs { results { runId } } } }"
        wait_until(lambda: page.query(query)["runsOrError"]["results"], what="the run to start")
        (run,) = page.query(query)["runsOrError"]["results"]

        answer = page.query(TERMINATE, r=run["runId"])["terminateRun"]

        assert answer["__typename"] == "TerminateRunSuccess"
        assert command.wait(300) == 130
        assert page.status(run["runId"]) == "CANCELED"
    finally:
        other.close()
        command.kill()
        command.wait()
    assert not (page.output / "c" / "records" / "merged_reads.json").exists()


def test_the_check_up_to_date_is_shown_for_an_asset(page: Page) -> None:
    query = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
        assetChecksOrError { ... on AssetChecks { checks { name
            executionForLatestMaterialization { status evaluation { success severity description } } } } } } } }"""
    node = page.query(query, k={"path": ["merged_reads"]})["assetNodeOrError"]
    (check,) = [check for check in node["assetChecksOrError"]["checks"] if check["name"] == "up_to_date"]
    assert check["executionForLatestMaterialization"]["status"] == "SUCCEEDED"
    assert check["executionForLatestMaterialization"]["evaluation"]["description"].startswith("up to date")


def test_the_launchpad_describes_its_fields_in_a_sentence_and_offers_nothing_else(page: Page) -> None:
    query = """query($s: PipelineSelector!) { runConfigSchemaOrError(selector: $s, mode: "default") {
        ... on RunConfigSchema { allConfigTypes { key ... on CompositeConfigType {
            fields { name description configTypeKey } } } } } }"""
    selector = {**page.selector(), "pipelineName": "align_samples"}
    types = page.query(query, s=selector)["runConfigSchemaOrError"]["allConfigTypes"]
    fields = [field for item in types for field in item.get("fields") or ()]
    assert {"launcher", "jobs", "steps", "queue"} <= {field["name"] for field in fields}
    too_long = {field["name"] for field in fields if len(field["description"] or "") > 200}
    assert not too_long
    assert not [field["name"] for field in fields if (field["name"], field["configTypeKey"]) == ("config", "Any")]


def test_each_resource_has_its_type_and_a_description(page: Page) -> None:
    query = """query($s: RepositorySelector!) { allTopLevelResourceDetailsOrError(repositorySelector: $s) {
        ... on ResourceDetailsList { results { name description resourceType } } } }"""
    resources = page.query(query, s=page.selector())["allTopLevelResourceDetailsOrError"]["results"]
    assert {resource["name"]: resource["resourceType"] for resource in resources} == {
        name: f"{kind.__module__}.{kind.__qualname__}"
        for name, kind in (("launcher", JobLauncher), ("project", Project))
    }
    assert all(resource["description"] for resource in resources)


def test_observing_the_reads_keeps_the_list_of_their_files(page: Page) -> None:
    params = {
        "selector": {**page.selector(), "pipelineName": "__ASSET_JOB", "assetSelection": [{"path": ["raw_reads"]}]},
        "mode": "default",
        "runConfigData": {},
    }
    run_id = page.query(LAUNCH, p=params)["launchPipelineExecution"]["run"]["runId"]
    wait_until(lambda: page.status(run_id) in OVER, what="the run to end")
    assert page.status(run_id) == "SUCCESS"

    query = """query($k: AssetKeyInput!) { assetOrError(assetKey: $k) { ... on Asset {
        assetObservations(limit: 3) { runId partition metadataEntries { label } } } } }"""
    observations = page.query(query, k={"path": ["raw_reads"]})["assetOrError"]["assetObservations"]
    assert {item["partition"] for item in observations if item["runId"] == run_id} == {"a", "b", "c"}
    for item in observations:
        assert {"files", "size_bytes"} <= {entry["label"] for entry in item["metadataEntries"]}
    assert "Warning: " not in page.log.read_text()  # not of a superseded command, nor of a beta feature


def test_dagster_sends_no_logs_to_its_makers(page: Page) -> None:
    """Its daemon and its web server move the files in `logs` as they begin, send it, and remove it."""
    query = "{ instance { daemonHealth { allDaemonStatuses { healthy } } } }"
    wait_until(
        lambda: any(status["healthy"] for status in page.query(query)["instance"]["daemonHealth"]["allDaemonStatuses"]),
        what="the daemon to begin",
    )
    assert [file.name for file in (page.output / ".dagster" / "logs").iterdir()] == ["others.log"]


def test_no_newsletter_dialog_is_shown(page: Page) -> None:
    with urllib.request.urlopen(page.address, timeout=30) as response:
        assert response.status == 200
    assert page.query("{ shouldShowNux }") == {"shouldShowNux": False}


def test_only_this_machine_can_connect(page: Page) -> None:
    port = int(page.address.rpartition(":")[2])
    connections = psutil.net_connections("tcp")
    addresses = [each.laddr for each in connections if each.laddr and each.status == psutil.CONN_LISTEN]
    listening = {address.ip for address in addresses if address.port == port}
    assert listening == {"127.0.0.1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "10.0.0.1"])  # noqa: S104 - what is refused
def test_an_address_for_other_machines_needs_authentication(tmp_path: Path, host: str) -> None:
    result = call("dagit", "--output-path", tmp_path, "--host", host)
    assert result.exit_code == 2
    assert f"{host} can be reached from other machines" in result.stderr
    assert "--behind-authentication" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    """192.0.2.0/24 is for documentation (RFC 5737)."""
    home = tmp_path / ".dagster"
    home.mkdir()
    (home / "bioinfo-assets.toml").touch()
    result = call("dagit", "--output-path", tmp_path, "--host", "192.0.2.7", "--behind-authentication")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "bioinfo-assets: 192.0.2.7 is not an address of this machine: give another one with --host\n"
    )


def test_a_host_that_is_no_address_is_refused(tmp_path: Path) -> None:
    result = call("dagit", "--output-path", tmp_path, "--host", "login1", "--behind-authentication")
    assert result.exit_code == 2
    assert "'login1' is not an IP address" in result.stderr


def test_the_confirmation_lets_it_listen_for_others(tmp_path: Path) -> None:
    check_host("0.0.0.0", behind_authentication=True)  # noqa: S104 - what is tested
    check_host("127.0.0.8", behind_authentication=False)
    check_host("::1", behind_authentication=False)


def test_all_assets_are_shown(page: Page) -> None:
    nodes = page.query("{ assetNodes { assetKey { path } groupName description } }")["assetNodes"]

    assert {"/".join(node["assetKey"]["path"]) for node in nodes} == {*ASSETS, *SOURCES, "resource_usage"}
    assert {node["groupName"] for node in nodes} == {
        "sources", "reference", "reads", "alignment", "metrics", "report",
    }  # fmt: skip
    assert all(node["description"] for node in nodes)


def test_files_of_results_are_served_next_to_the_page(page: Page) -> None:
    """What is in them: `web/test_result_files.py`."""
    (reads,) = page.output.glob("a/a.1.fastq.gz")
    with urllib.request.urlopen(f"{page.address}/results/a/{reads.name}", timeout=30) as response:
        assert response.read() == reads.read_bytes()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{page.address}/results/.dagster/bioinfo-assets.toml", timeout=30)


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

    wait_until(lambda: page.status(run_id) in OVER, what="the run to end")
    assert page.status(run_id) == "SUCCESS"
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
    (run_id,) = [run["id"] for run in state()["runs"]]
    printed = [line for line in page.log.read_text().splitlines() if run_id in line]
    assert [line for line in printed if " DEBUG " in line] == []  # its events are on the page
