"""What is true of a project after any fault and a run without one.

The rerun finishes; each result is complete by digest; no job of a result that was finished has run again; nothing is
left running, nor in scratch; and Dagster has what is in the records.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.launch.scratch import dead_hosts
from bioinfo_assets.orchestration.internals import DATA_VERSION_TAG
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import local_path
from bioinfo_assets_tests.faults.hosts import Ended
from bioinfo_assets_tests.faults.project import RESULTS, FaultProject, name_of

_OVER: Final = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass(frozen=True, slots=True)
class Finished:
    """The results that were finished at some moment, and how often each job had been started until then."""

    records: Mapping[ResultKey, Record]
    starts: Mapping[str, int]


def finished_results(project: FaultProject, outdated: Collection[str] = ()) -> Finished:
    """The results with a record; each is checked to be complete.

    Args:
        project: The project.
        outdated: The ids of jobs whose results are to be replaced: these do not count.
    """
    found = {key: project.ledger.read(key) for key in RESULTS}
    records = {key: record for key, record in found.items() if record is not None}
    for record in records.values():
        check_digests(project, record)
    current = {key: record for key, record in records.items() if record.job_id not in outdated}
    return Finished(current, project.starts_by_name())


def check_digests(project: FaultProject, record: Record) -> None:
    """Every file of a result has the bytes of its record, as hashlib counts them."""
    for file in record.outputs:
        data = project.ledger.store.read_bytes(file.uri)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256), file.uri


def check_healed(project: FaultProject, before: Finished, rerun: Ended) -> None:
    """Check all of it after the rerun."""
    assert rerun.exit_code == 0, rerun
    assert "Traceback" not in rerun.text, rerun.text
    after = finished_results(project)
    assert set(after.records) == set(RESULTS)
    for key, record in before.records.items():
        assert after.records[key].job_id == record.job_id, f"{key} was finished, and computed again"
        assert after.starts[name_of(key)] == before.starts[name_of(key)], f"a job of {key} was started again"
    project.wait_until_idle()
    check_no_part_is_left(project)
    if after.starts != before.starts:
        check_scratch_is_free(project)
    check_dagster_agrees(project, after.records)
    assert json.loads(project.call("sync", "--json").text.splitlines()[-1]) == {"synced": 0, "results": len(RESULTS)}


def check_no_part_is_left(project: FaultProject) -> None:
    """There is no temporary file next to results.

    A writer of a record or a settings file that was killed leaves a temporary file of some KiB, which nobody reads.
    """
    if local_path(project.output) is not None:
        output = Path(project.output)
        parts = [file.relative_to(output) for file in output.rglob(".*.part")]
        assert [part for part in parts if not {"records", ".dagster"} & set(part.parts)] == []


def check_scratch_is_free(project: FaultProject) -> None:
    """A run that starts a job leaves of the scratch of dead hosts what people read: scripts, logs and reports."""
    for host in dead_hosts(project.scratch):
        files = [file.relative_to(host) for file in host.rglob("*") if not file.is_dir()]
        assert [file for file in files if {"work", "tmp", "inputs"} & set(file.parts)] == []


def check_dagster_agrees(project: FaultProject, records: Mapping[ResultKey, Record]) -> None:
    """The last materialization of each result is that of its record, and no run is shown as running."""
    with dg.DagsterInstance.from_config(str(project.home)) as instance:
        assert {run.status for run in instance.get_runs()} <= _OVER
        for key, record in records.items():
            selection = [key.partition_key] if key.partition_key else None
            events = instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(key.asset), asset_partitions=selection), limit=1
            ).records
            assert events, f"Dagster does not have {key}"
            materialization = events[0].asset_materialization
            assert materialization is not None
            assert (materialization.tags or {})[DATA_VERSION_TAG] == record.data_version, key
