"""What later jobs of a step are built from is kept in little memory, however many samples are under way."""

import tracemalloc
from pathlib import Path

import pytest

from bioinfo_assets.orchestration import upstream_records
from bioinfo_assets.orchestration.upstream_records import ComputedRecords, UpstreamRecords
from bioinfo_assets.records import scope_lists
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import STORE, record_result, record_result_without_files
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Records of thirty samples, in the order of their jobs: one asset of all samples, then the next."""
    ledger = Ledger(STORE, str(tmp_path))
    return [
        record_result_without_files(
            ledger, asset, f"s{n}", {f"in{i}": f"{asset} {n} {i}" for i in range(8)}, {asset: "x"}
        )
        for asset in ("first", "second", "third")
        for n in range(30)
    ]


@pytest.fixture(autouse=True)
def few_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_records, "MAX_NEWEST_RECORDS", 10)


def test_old_and_new_records_are_as_they_were_added(records: list[Record]) -> None:
    computed = ComputedRecords()
    for record in records:
        computed.add(record)
    assert [computed.get(record.key) for record in records] == records


def test_records_under_way_take_a_quarter_of_their_memory_at_most(records: list[Record]) -> None:
    def memory_of(keep: list[Record] | ComputedRecords) -> int:
        tracemalloc.start()
        try:
            for record in records:
                parsed = Record.model_validate_json(record.model_dump_json())
                keep.append(parsed) if isinstance(keep, list) else keep.add(parsed)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert memory_of(ComputedRecords()) < memory_of([]) / 4


def test_a_later_record_of_the_same_result_replaces_one_that_was_compressed(records: list[Record]) -> None:
    computed = ComputedRecords()
    for record in records:
        computed.add(record)
    again = records[0].model_copy(update={"job_id": "again"})
    computed.add(again)
    assert computed.get(again.key) == again


def test_a_scope_is_forgotten_with_all_its_records(records: list[Record]) -> None:
    computed = ComputedRecords()
    for record in records:
        computed.add(record)
    for scope in ("s0", "s29"):  # compressed by now, and among the newest
        computed.forget(scope)
        assert [computed.get(ResultKey(asset, scope)) for asset in ("first", "second", "third")] == [None] * 3
    assert computed.get(ResultKey("first", "s1")) == records[1]


def test_a_report_lists_the_files_of_its_samples_once_for_all_assets(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, assets, ledger = ("a", "b"), ("first", "second"), Ledger(STORE, f"{s3}/run")
    for sample in samples:
        for asset in assets:
            uri = ledger.layout.sample(sample, asset)
            STORE.write_bytes(uri, b"text")
            record_result(ledger, asset, sample, uri)
    folders = Store.folders
    lists: list[str] = []

    def record_list(store: Store, folder: str) -> tuple[str, ...]:
        lists.append(folder)
        return folders(store, folder)

    monkeypatch.setattr(Store, "folders", record_list)
    monkeypatch.setattr(scope_lists, "MAX_UNLISTED_SCOPES", 1)
    lookup = UpstreamRecords(ledger, {}, lambda _: samples).of(ResultKey("report", "shared"), assets, {})
    assert [set(lookup[asset].records) for asset in assets] == [set(samples)] * 2
    assert lists == [ledger.output_path]


def test_only_a_report_on_many_samples_lists_their_files() -> None:
    names = [f"s{number}" for number in range(51)]
    ledger = Ledger(STORE, "s3://bucket/run")
    records = UpstreamRecords(ledger, {"reference": "shared"}, lambda _: names)
    parents = ("reference", "first", "second")
    assert records.ledger_of(ResultKey("report", "shared"), parents).listed is not ledger.listed
    assert records.ledger_of(ResultKey("third", "s1"), parents) is ledger
    assert UpstreamRecords(ledger, {}, lambda _: names[1:]).ledger_of(ResultKey("report", "shared"), parents) is ledger
