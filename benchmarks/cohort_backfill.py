"""A cohort that is started in Dagit, as a backfill over all its samples."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from benchmarks.dagit_server import DagitServer, serve
from benchmarks.host_usage import HostUsage
from bioinfo_assets.pipeline.graph import PER_SAMPLE, enabled_assets
from bioinfo_assets.settings import load

_LAUNCH: Final = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATUS: Final = """query($b: String!) { partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill { status
    assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
        numPartitionsMaterialized numPartitionsFailed } } } } } }"""


def backfill_all(output: str, environment: Mapping[str, str], used: HostUsage) -> int:
    """Launch a backfill of what is computed for each sample, and wait for its end; return the number of results.

    Args:
        output: The project.
        environment: Variables of Dagit.
        used: Enters what the processes of the runs use.

    Raises:
        RuntimeError: Some results failed.
    """
    with serve(output, environment) as dagit, used.watch(dagit.pid, _executes_run):
        partitions = dagit.query(
            '{ assetNodeOrError(assetKey: {path: ["depth"]}) { ... on AssetNode { partitionKeys } } }', {}
        )["assetNodeOrError"]["partitionKeys"]
        enabled = enabled_assets(load(Path(environment["DAGSTER_HOME"])))
        params = {
            "partitionNames": partitions,
            "assetSelection": [{"path": [asset]} for asset in PER_SAMPLE if asset in enabled],
            "tags": [],
        }
        launched = dagit.query(_LAUNCH, {"p": params})["launchPartitionBackfill"]
        if "backfillId" not in launched:
            raise RuntimeError(f"the backfill was not launched: {launched}")
        return _wait(dagit, launched["backfillId"])


def _wait(dagit: DagitServer, backfill: str) -> int:
    while True:
        state = dagit.query(_STATUS, {"b": backfill})["partitionBackfillOrError"]
        if state["status"] in {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}:
            counts = state["assetBackfillData"]["assetBackfillStatuses"]
            if state["status"] != "COMPLETED_SUCCESS":
                raise RuntimeError(f"the backfill ended as {state['status']}: {counts}")
            return sum(count["numPartitionsMaterialized"] for count in counts)
        time.sleep(1)


def _executes_run(process: psutil.Process) -> bool:
    """Whether the code server started it for a run, which it does with multiprocessing."""
    return "spawn_main" in " ".join(process.cmdline())
