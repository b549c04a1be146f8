"""How long Dagit's pages take to load for a project of many samples: what each page asks the real web server."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.dagit_server import DagitServer, serve

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
    with serve(str(output)) as dagit:
        variables = {"r": run_id, "s": sample}
        return [
            PageTime(page, *(_seconds(dagit, query, variables) for _ in range(2))) for page, query in _QUERIES.items()
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


def _seconds(dagit: DagitServer, query: str, variables: Mapping[str, str]) -> float:
    began = time.monotonic()
    dagit.query(query, variables)
    return time.monotonic() - began
