"""The marker of what Dagster's history contains, as it is written after a run."""

from pathlib import Path
from weakref import ref

import pytest

from bioinfo_assets.application.dagster_sync_marker import FILE_NAME, is_synced, write_marker
from bioinfo_assets.application.plan import Plan, open_project
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.provenance.small_pipeline import complete_pipeline

SAMPLES = tuple(f"s{number:02}" for number in range(20))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    output = complete_pipeline(str(tmp_path), *SAMPLES).ledger.output_path
    project, home = open_project(output)
    home.mkdir()
    return Plan(project, home, (), SAMPLES, ("merged_reads", "aligned_bam", "depth"), {})


def read_all(plan: Plan) -> list[Record]:
    records = [plan.project.ledger.read(key) for key in plan.result_keys()]
    return [record for record in records if record is not None]


def test_results_that_were_reported_are_marked(plan: Plan) -> None:
    assert not is_synced(plan, read_all(plan))
    write_marker(plan, {record.key: record.data_version for record in read_all(plan)})
    assert len(read_all(plan)) == 3 * len(SAMPLES)
    assert is_synced(plan, read_all(plan))
    assert not is_synced(plan, read_all(plan)[1:])


def test_there_is_no_marker_if_another_process_has_published_meanwhile(plan: Plan) -> None:
    versions = {record.key: record.data_version for record in read_all(plan)}
    write_marker(plan, {**versions, ResultKey("depth", SAMPLES[7]): "of another result"})
    assert not (plan.home / FILE_NAME).exists()


def test_records_are_not_held_all_at_once(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {record.key: record.data_version for record in read_all(plan)}
    read, most = Ledger.read, 0
    references: list[ref[Record]] = []

    def read_and_count(ledger: Ledger, key: ResultKey) -> Record | None:
        nonlocal most
        record = read(ledger, key)
        if record is not None:
            references.append(ref(record))
        most = max(most, sum(reference() is not None for reference in references))
        return record

    monkeypatch.setattr(Ledger, "read", read_and_count)
    write_marker(plan, versions)
    assert (plan.home / FILE_NAME).exists()
    assert len(references) == 3 * len(SAMPLES)
    assert most <= 3
