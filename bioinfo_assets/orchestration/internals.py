"""All private names of Dagster that this project uses.

Launcher and executor need what Dagster does not publish. The minor version is pinned in pyproject.toml, and
`bioinfo_assets_tests/orchestration/test_internals.py` states what is expected of each name: on an upgrade, it shows
what has changed. No other module of the project imports from `dagster._core` or `dagster._cli`.
"""

from collections.abc import Sequence
from shutil import which
from subprocess import Popen
from typing import Any, Final

from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    NULL_EVENT_POINTER,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.definitions.step_launcher import StepLauncher
from dagster._core.errors import DagsterExecutionInterruptedError, DagsterUserCodeUnreachableError
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    EngineEventData,
)
from dagster._core.execution.api import ExecuteRunWithPlanIterable, create_execution_plan, execute_run_iterator
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext, StepExecutionContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import (
    _trigger_hook as trigger_hook,
)
from dagster._core.execution.plan.execute_plan import (
    dagster_event_sequence_for_step,
)
from dagster._core.execution.plan.execute_step import core_dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.snap import snapshot_from_execution_plan
from dagster._core.storage.cloud_storage_compute_log_manager import CloudStorageComputeLogManager
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType, ComputeLogManager
from dagster._core.storage.dagster_run import assets_are_externally_managed
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    CODE_LOCATION_TAG,
    EXTERNALLY_MANAGED_ASSETS_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
    RETRY_NUMBER_TAG,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_backfill_id
from dagster._grpc.client import DagsterGrpcClient
from dagster._serdes import ConfigurableClassData

__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "CODE_LOCATION_TAG",
    "CODE_VERSION_TAG",
    "DATA_VERSION_IS_USER_PROVIDED_TAG",
    "DATA_VERSION_TAG",
    "DEFAULT_DATA_VERSION",
    "EVENT_TYPE_TO_PIPELINE_RUN_STATUS",
    "GRPC_INFO_TAG",
    "NULL_EVENT_POINTER",
    "PARTITION_NAME_TAG",
    "RETRY_NUMBER_TAG",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "ActiveExecution",
    "AssetCheckEvaluationTargetMaterializationData",
    "AssetGraphSubset",
    "AssetMaterializationPlannedData",
    "BulkActionStatus",
    "BulkActionsFilter",
    "CapturedLogContext",
    "CloudStorageComputeLogManager",
    "ComputeIOType",
    "ComputeLogManager",
    "ConfigurableClassData",
    "DagsterEvent",
    "DagsterEventBatchMetadata",
    "DagsterExecutionInterruptedError",
    "DagsterGrpcClient",
    "DagsterSqliteStorage",
    "DagsterUserCodeUnreachableError",
    "DefaultPartitionsSubset",
    "EngineEventData",
    "ExecuteRunWithPlanIterable",
    "ExecutionPlan",
    "InMemoryJob",
    "InstanceConcurrencyContext",
    "InstanceRef",
    "LoadableTargetOrigin",
    "LocalComputeLogManager",
    "ManagedGrpcPythonEnvCodeLocationOrigin",
    "PartitionBackfill",
    "PlanExecutionContext",
    "PlanExecutionContextManager",
    "PlanOrchestrationContext",
    "RemoteJobOrigin",
    "RemoteRepositoryOrigin",
    "RetryMode",
    "RunStorageSqlMetadata",
    "ScheduleStorageSqlMetadata",
    "SqlEventLogStorageMetadata",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "SqliteRunStorage",
    "StepDependencyConfig",
    "StepExecutionContext",
    "StepLauncher",
    "assets_are_externally_managed",
    "core_dagster_event_sequence_for_step",
    "create_compute_log_file_key",
    "create_execution_plan",
    "dagster_event_sequence_for_step",
    "defer_asset_events",
    "execute_run_iterator",
    "extract_data_version_from_entry",
    "get_input_data_version_tag",
    "get_input_event_pointer_tag",
    "make_new_backfill_id",
    "replace_web_server",
    "snapshot_from_execution_plan",
    "trigger_hook",
]


_END_WITH_PARENT: Final = ("setpriv", "--pdeathsig", "TERM", "--")
"""Begins a command that the kernel ends when its parent is killed (prctl(2), PR_SET_PDEATHSIG; util-linux)."""


def replace_web_server(module: str, *arguments: str) -> None:
    """Let `dagster dev`, run in this process, start a module of ours where it starts Dagster's web server.

    Web server and daemon end with this process, also if it is killed: a second daemon next to one that goes on would
    launch what is queued as well.

    Args:
        module: The module, which takes the options of Dagster's server.
        arguments: What it gets before these.
    """
    from dagster._cli import dev  # noqa: PLC0415 - takes half a second to import, which only one command needs

    start = dev.open_ipc_subprocess  # type: ignore[attr-defined] # what `dagster dev` imports

    def start_ours(parts: Sequence[str], **options: Any) -> Popen[Any]:  # noqa: ANN401 - of Popen
        ours = {"dagster_webserver": (module, *arguments)}
        command = [word for part in parts for word in ours.get(part, (part,))]
        process: Popen[Any] = start([*(_END_WITH_PARENT if which(_END_WITH_PARENT[0]) else ()), *command], **options)
        return process

    dev.open_ipc_subprocess = start_ours  # type: ignore[attr-defined]


def defer_asset_events(step_context: StepExecutionContext) -> None:
    """Keep Dagster from recording a materialization for each output of a step, whose body yields its own."""
    run = step_context.dagster_run
    tagged = run.with_tags({**run.tags, EXTERNALLY_MANAGED_ASSETS_TAG: "true"})
    step_context._plan_data = step_context.plan_data._replace(dagster_run=tagged)  # noqa: SLF001 - no setter
