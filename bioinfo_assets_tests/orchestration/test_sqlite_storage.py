"""The event log with kept connections has Dagster's own files, and survives what happens to them."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from bioinfo_assets.orchestration.internals import SqliteEventLogStorage
from bioinfo_assets.orchestration.sqlite_storage import (
    MAX_CONNECTIONS,
    FastSqliteEventLogStorage,
    event_batch,
    open_fast,
)
from bioinfo_assets_tests.orchestration.toy_project import ToyProject

dagsters_store_event_batch = SqliteEventLogStorage.store_event_batch
PRODUCT = dg.AssetKey("product")


@pytest.fixture
def fast(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_fast(home) as instance:
        yield instance


def open_files(storage: object) -> list[str]:
    assert isinstance(storage, FastSqliteEventLogStorage)
    return list(storage._engines)


def test_what_it_stores_is_read_with_dagsters_class(fast: dg.DagsterInstance, home: Path, tmp_path: Path) -> None:
    toy = ToyProject(tmp_path, fast)
    result = toy.run()
    assert result.success
    assert isinstance(fast.event_log_storage, FastSqliteEventLogStorage)

    with dg.DagsterInstance.from_config(str(home)) as plain:
        assert not isinstance(plain.event_log_storage, FastSqliteEventLogStorage)
        assert plain.get_materialized_partitions(PRODUCT) == {"a", "b", "c"}
        stored = [entry.dagster_event_type for entry in plain.all_logs(result.run_id)]
    assert stored == [entry.dagster_event_type for entry in fast.all_logs(result.run_id)]
    assert dg.DagsterEventType.RUN_SUCCESS in stored


def test_threads_share_it(fast: dg.DagsterInstance) -> None:
    def report(number: int) -> None:
        fast.report_runless_asset_event(dg.AssetMaterialization("product", partition=f"s{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(64)))

    assert fast.get_materialized_partitions(PRODUCT) == {f"s{number}" for number in range(64)}


def test_it_keeps_few_files_open(fast: dg.DagsterInstance, tmp_path: Path) -> None:
    toy = ToyProject(tmp_path, fast)
    for _ in range(MAX_CONNECTIONS + 1):
        toy.run(keys=["factor"])

    assert len(open_files(fast.event_log_storage)) == MAX_CONNECTIONS
    assert "index" in open_files(fast.event_log_storage)


def test_a_run_can_be_deleted_and_its_events_with_it(fast: dg.DagsterInstance, home: Path, tmp_path: Path) -> None:
    run_id = ToyProject(tmp_path, fast).run(keys=["factor"]).run_id
    with dg.DagsterInstance.from_config(str(home)) as other:
        other.delete_run(run_id)

    assert fast.all_logs(run_id) == []


def test_a_folder_that_the_user_has_chosen_is_kept(home: Path, tmp_path: Path) -> None:
    (home / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {tmp_path}/elsewhere\n")
    with open_fast(home) as instance:
        ToyProject(tmp_path, instance).run(keys=["factor"])

    assert (tmp_path / "elsewhere" / "history" / "runs" / "index.db").exists()
    assert not (home / "history").exists()


def test_another_storage_that_the_user_has_chosen_is_kept(home: Path, tmp_path: Path) -> None:
    module, base_dir = "dagster._core.storage.event_log", tmp_path / "elsewhere"
    storage = f"module: {module}\n  class: ConsolidatedSqliteEventLogStorage\n  config:\n    base_dir: {base_dir}\n"
    (home / "dagster.yaml").write_text(f"event_log_storage:\n  {storage}")

    with open_fast(home) as instance:
        assert type(instance.event_log_storage).__name__ == "ConsolidatedSqliteEventLogStorage"


def test_events_of_a_batch_are_stored_as_dagster_stores_them_one_by_one(home: Path, tmp_path: Path) -> None:
    rows = []
    for name, batched in (("together", True), ("one-by-one", False)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "dagster.yaml").write_text((home / "dagster.yaml").read_text())
        with open_fast(folder) as instance:
            toy = ToyProject(folder, instance)
            storage = instance.event_log_storage
            assert isinstance(storage, FastSqliteEventLogStorage)
            if not batched:
                storage.batch = lambda: nullcontext({})  # type: ignore[method-assign, assignment, return-value]
                storage.store_event_batch = partial(dagsters_store_event_batch, storage)  # type: ignore[method-assign]
            result = toy.run()
            assert result.success
            rows.append(stored_rows(folder, result.run_id))
            assert instance.get_latest_materialization_event(PRODUCT) is not None
            assert not toy.stale()
    assert rows[0] == rows[1]
    assert ("event_logs", "ASSET_MATERIALIZATION", '["product"]', "c") in rows[0]


def stored_rows(home: Path, run_id: str) -> list[tuple[object, ...]]:
    """What is in the index and in the run's file, without what differs between runs; sorted."""
    rows: list[tuple[object, ...]] = []
    folder = home / "history" / "runs"
    with (
        closing(sqlite3.connect(folder / "index.db")) as index,
        closing(sqlite3.connect(folder / f"{run_id}.db")) as run,
    ):
        rows += index.execute("SELECT 'event_logs', dagster_event_type, asset_key, partition FROM event_logs")
        rows += index.execute(
            "SELECT 'tags', tag.key, tag.asset_key, event.partition FROM asset_event_tags AS tag"
            " JOIN event_logs AS event ON event.id = tag.event_id AND event.asset_key = tag.asset_key"
        )
        rows += index.execute("SELECT 'tags', COUNT(*) FROM asset_event_tags")
        rows += index.execute("SELECT 'asset', asset_key, last_materialization IS NOT NULL FROM asset_keys")
        rows += run.execute(
            "SELECT 'run', dagster_event_type, asset_key, partition FROM event_logs"
            " WHERE dagster_event_type != 'ENGINE_EVENT'"
        )
    return sorted(rows, key=repr)


def test_a_batch_has_the_ids_that_dagster_finds(fast: dg.DagsterInstance) -> None:
    fast.report_runless_asset_event(dg.AssetMaterialization("product", partition="a"))
    with event_batch(fast) as ids:
        for partition in ("a", "b"):
            fast.report_runless_asset_event(dg.AssetMaterialization("product", partition=partition))
            fast.report_runless_asset_event(dg.AssetObservation("product", partition=partition))

    found = fast.event_log_storage.get_latest_storage_id_by_partition(
        PRODUCT, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert ids == {(PRODUCT, partition): storage_id for partition, storage_id in found.items()}
    assert ids.keys() == {(PRODUCT, "a"), (PRODUCT, "b")}


def test_a_batch_that_is_interrupted_is_stored_all_the_same(fast: dg.DagsterInstance) -> None:
    def report_and_fail() -> None:
        with event_batch(fast):
            fast.report_runless_asset_event(dg.AssetMaterialization("product", partition="a"))
            assert fast.get_materialized_partitions(PRODUCT) == set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report_and_fail()
    assert fast.get_materialized_partitions(PRODUCT) == {"a"}


def test_the_events_of_other_threads_do_not_wait_for_a_batch(fast: dg.DagsterInstance) -> None:
    with event_batch(fast), ThreadPoolExecutor(1) as pool:
        fast.report_runless_asset_event(dg.AssetMaterialization("product", partition="a"))
        pool.submit(fast.report_runless_asset_event, dg.AssetMaterialization("product", partition="b")).result()
        assert fast.get_materialized_partitions(PRODUCT) == {"b"}


def test_runs_are_read_with_one_engine(fast: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = ToyProject(tmp_path, fast).run(keys=["factor"]).run_id
    with (
        patch("sqlalchemy.create_engine") as made,
        patch("dagster._core.storage.runs.sqlite.sqlite_run_storage.create_engine", made),
    ):
        for _ in range(3):
            run = fast.get_run_by_id(run_id)
            assert run is not None
            assert run.is_success
    assert not made.called


def test_threads_read_and_write_at_the_same_time(fast: dg.DagsterInstance, home: Path, tmp_path: Path) -> None:
    run_id = ToyProject(tmp_path, fast).run(keys=["factor"]).run_id

    def write(number: int) -> None:
        fast.run_storage.set_cursor_values({f"cursor{number}": str(number)})
        assert fast.get_run_by_id(run_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(32)))

    with dg.DagsterInstance.from_config(str(home)) as plain:
        expected = {f"cursor{number}": str(number) for number in range(32)}
        assert plain.run_storage.get_cursor_values(set(expected)) == expected


def test_it_is_dagsters_class_but_for_its_connections_and_batches() -> None:
    own = {name for name in vars(FastSqliteEventLogStorage) if not name.startswith(("__", "_abc"))}
    connections = {"_connect", "_engine", "has_table", "_has_asset_key_col_on_connection", "dispose"}
    assert own == connections | {"batch", "store_event", "store_event_batch", "_store_batch"}
    assert issubclass(FastSqliteEventLogStorage, SqliteEventLogStorage)
