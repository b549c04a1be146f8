"""How long Dagit's pages take to load for a project of many samples: what each page asks the real web server."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

_COMMAND: Final = str(Path(sys.executable).parent / "bioinfo-assets")
_QUERIES: Final[Mapping[str, str]] = {
    "list of runs": "{ runsOrError(limit: 25) { ... on Runs { results { runId status tags { key value }"
    " assetSelection { path } stats { ... on RunStatsSnapshot { materializations } } } } } }",
    "run: its status and steps": "query($r: ID!) { runOrError(runId: $r) { ... on Run { status executionPlan {"
    " steps { key } } stepStats { stepKey status startTime endTime materializations { label } } } } }",
    "run: first 1,000 events": "query($r: ID!) { logsForRun(runId: $r, limit: 1000) { ... on EventConnection {"
    " events { __typename ... on MessageEvent { message timestamp level stepKey } } cursor } } }",
    "lineage graph": "{ assetNodes { id assetKey { path } staleStatus partitionStats { numMaterialized numFailed }"
    " assetMaterializations(limit: 1) { runId timestamp } } }",
    "asset: its partitions": '{ assetNodeOrError(assetKey: {path: ["depth"]}) { ... on AssetNode {'
    " partitionKeysByDimension { partitionKeys } assetPartitionStatuses { ... on DefaultPartitionStatuses {"
    " materializedPartitions failedPartitions } } } } }",
    "asset: one partition": 'query($s: String!) { assetNodeOrError(assetKey: {path: ["depth"]}) { ... on AssetNode {'
    " latestMaterializationByPartition(partitions: [$s]) { runId timestamp metadataEntries { label } }"
    " staleStatus(partition: $s) staleCauses(partition: $s) { reason } } } }",
}


@dataclass(frozen=True, slots=True)
class PageTime:
    """How long a page waits for its data.

    Attributes:
        page: What it shows.
        first_s: Seconds, the first time.
        again_s: Seconds, the second time.
    """

    page: str
    first_s: float
    again_s: float


def measure(output: Path, run_id: str, sample: str) -> Sequence[PageTime]:
    """Ask what Dagit's pages ask, twice each."""
    with _dagit(output) as address:
        variables = {"r": run_id, "s": sample}
        return [
            PageTime(page, *(_seconds(address, query, variables) for _ in range(2))) for page, query in _QUERIES.items()
        ]


def table(samples: int, times: Sequence[PageTime]) -> Table:
    """The times as a table."""
    shown = Table(title=f"Dagit's pages with {samples:,} samples")
    shown.add_column("page")
    shown.add_column("first, s", justify="right")
    shown.add_column("again, s", justify="right")
    for item in times:
        shown.add_row(item.page, f"{item.first_s:.2f}", f"{item.again_s:.2f}")
    return shown


@contextmanager
def _dagit(output: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_COMMAND, "dagit", "--output-path", str(output), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if _is_up(address):
                break
            time.sleep(0.2)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - an address of this machine
            return True
    except OSError:
        return False


def _seconds(address: str, query: str, variables: Mapping[str, str]) -> float:
    used = {name: value for name, value in variables.items() if f"${name}:" in query}
    body = json.dumps({"query": query, "variables": used}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/graphql", body, headers)  # noqa: S310 - as above
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310 - as above
        answer: dict[str, Any] = json.load(response)
    if "errors" in answer:
        raise RuntimeError(str(answer["errors"][0]["message"]))
    return time.monotonic() - began
