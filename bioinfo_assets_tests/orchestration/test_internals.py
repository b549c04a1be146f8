"""What the project relies on in Dagster's private names: on an upgrade, these tests show what has changed."""

import ast
import inspect
import re
from pathlib import Path

import dagster as dg
import pytest
from dagster._cli import dev
from dagster._core.instance.runs.run_domain import RunDomain
from dagster_webserver import cli

from bioinfo_assets.orchestration import code_location, internals


def test_the_version_of_dagster_is_the_one_they_were_written_for() -> None:
    assert dg.__version__ == "1.13.27"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("core_dagster_event_sequence_for_step", ["step_context"]),
        ("dagster_event_sequence_for_step", ["step_context", "force_local_execution"]),
        ("trigger_hook", ["step_context", "step_event_list"]),
        ("assets_are_externally_managed", ["run"]),
        ("execute_run_iterator", ["job", "dagster_run", "instance", "resume_from_failure"]),
        ("create_compute_log_file_key", []),
        ("extract_data_version_from_entry", ["entry"]),
    ],
)
def test_functions_have_the_expected_parameters(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(internals, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            "ActiveExecution",
            ["get_steps_to_execute", "get_known_state", "handle_event", "verify_complete", "check_for_interrupts",
             "mark_interrupted", "plan_events_iterator", "concurrency_event_iterator", "is_complete"],
        ),
        ("AssetGraphSubset", ["partitions_subsets_by_asset_key", "non_partitioned_asset_keys"]),
        ("BulkActionStatus", ["COMPLETED_FAILED"]),
        ("BulkActionsFilter", ["statuses", "created_after"]),
        ("PartitionBackfill", ["asset_backfill_data", "from_asset_graph_subset"]),
        ("RemoteRepositoryOrigin", ["get_job_origin"]),
        ("StepLauncher", ["launch_step"]),
        ("DagsterEvent", ["engine_event", "capture_logs", "build_asset_materialization_planned_event"]),
        ("DagsterEventBatchMetadata", ["id", "is_end"]),
        ("AssetMaterializationPlannedData", ["asset_key", "partition"]),
        ("EngineEventData", ["in_process"]),
        ("ComputeLogManager", ["open_log_stream", "build_log_key_for_run"]),
        ("CloudStorageComputeLogManager", ["local_manager", "_poll_for_local_upload"]),
        ("LocalComputeLogManager", ["complete_artifact_path"]),
        ("PlanExecutionContext", ["for_step"]),
        ("InstanceRef", ["from_dir"]),
        ("SqliteEventLogStorage", ["_connect", "_initdb", "conn_string_for_shard", "path_for_shard", "dispose"]),
    ],
)  # fmt: skip
def test_classes_have_the_expected_members(owner: str, names: list[str]) -> None:
    assert [name for name in names if not hasattr(getattr(internals, owner), name)] == []


def test_a_run_is_built_from_these_values() -> None:
    """By `create_run` of the code location, which reports what is planned itself."""
    parameters = inspect.signature(RunDomain.construct_run_with_snapshots).parameters
    used = set(re.findall(r"^        (\w+)=", inspect.getsource(code_location.create_run), re.MULTILINE))
    assert used == parameters.keys() - {"self"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODE_VERSION_TAG", "dagster/code_version"),
        ("DATA_VERSION_TAG", "dagster/data_version"),
        ("EXTERNALLY_MANAGED_ASSETS_TAG", "dagster/defer_asset_events"),
        ("ASSET_PARTITION_RANGE_START_TAG", "dagster/asset_partition_range_start"),
        ("CODE_LOCATION_TAG", "dagster/code_location"),
    ],
)
def test_tags_are_spelled_as_stored(name: str, value: str) -> None:
    assert getattr(internals, name) == value


def test_dagster_dev_starts_its_web_server_by_the_name_that_is_replaced() -> None:
    """By `open_ipc_subprocess`, which it calls as a global name, with the module's name as a word of its own."""
    source = inspect.getsource(dev)
    assert "webserver_process = open_ipc_subprocess(" in source
    assert '[sys.executable, "-m", "dagster_webserver"]' in source


def test_the_web_server_makes_its_application_by_the_function_that_is_replaced() -> None:
    source = inspect.getsource(cli.host_dagster_ui_with_workspace_process_context)
    assert "app = create_app_from_workspace_process_context(" in source


def test_every_name_is_imported_by_the_product() -> None:
    """By the product itself: what only tests need is imported there."""
    modules = [ast.parse(file.read_text()) for file in Path(internals.__file__).parents[1].rglob("*.py")]
    imported = {
        alias.name
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == internals.__name__
        for alias in node.names
    }
    assert imported == set(internals.__all__)
