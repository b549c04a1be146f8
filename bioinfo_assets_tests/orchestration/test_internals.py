"""What is expected of Dagster's private names: on an upgrade, this tells what moved."""

import inspect

import dagster as dg
import pytest

from bioinfo_assets.orchestration import internals


def test_the_version_is_the_one_they_were_read_in() -> None:
    assert dg.__version__ == "1.13.27"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("core_dagster_event_sequence_for_step", ["step_context"]),
        ("dagster_event_sequence_for_step", ["step_context", "force_local_execution"]),
        ("trigger_hook", ["step_context", "step_event_list"]),
        ("assets_are_externally_managed", ["run"]),
        ("execute_run", ["job", "dagster_run", "instance", "raise_on_error"]),
        ("create_compute_log_file_key", []),
        ("extract_data_version_from_entry", ["entry"]),
    ],
)
def test_functions_take_what_they_are_given(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(internals, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            "ActiveExecution",
            ["get_steps_to_execute", "get_known_state", "handle_event", "verify_complete", "check_for_interrupts",
             "mark_interrupted", "plan_events_iterator", "concurrency_event_iterator", "is_complete"],
        ),
        ("StepLauncher", ["launch_step"]),
        ("DagsterEvent", ["engine_event", "capture_logs"]),
        ("EngineEventData", ["in_process"]),
        ("ComputeLogManager", ["open_log_stream", "build_log_key_for_run"]),
        ("LocalComputeLogManager", ["complete_artifact_path"]),
        ("PlanExecutionContext", ["for_step"]),
    ],
)  # fmt: skip
def test_classes_have_what_is_called(owner: str, names: list[str]) -> None:
    assert [name for name in names if not hasattr(getattr(internals, owner), name)] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODE_VERSION_TAG", "dagster/code_version"),
        ("DATA_VERSION_TAG", "dagster/data_version"),
        ("EXTERNALLY_MANAGED_ASSETS_TAG", "dagster/defer_asset_events"),
        ("ASSET_PARTITION_RANGE_START_TAG", "dagster/asset_partition_range_start"),
    ],
)
def test_tags_are_spelled_as_stored(name: str, value: str) -> None:
    assert getattr(internals, name) == value


def test_every_name_is_used() -> None:
    """A name that nothing needs is a reason less to pin."""
    from pathlib import Path  # noqa: PLC0415 - used here only

    root = Path(internals.__file__).parents[1]
    tests = Path(__file__).parents[1]
    texts = [
        file.read_text()
        for folder in (root, tests)
        for file in folder.rglob("*.py")
        if file.name not in {"internals.py", "test_internals.py"}
    ]
    assert [name for name in internals.__all__ if not any(name in text for text in texts)] == []
