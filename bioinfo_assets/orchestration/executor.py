"""An executor that runs each step as a thread of one process: steps only wait for their jobs.

Dagster's multiprocess executor starts a process and imports Dagster again for each step, which takes seconds; its
in-process executor runs one step after the other. Here a step takes some hundredths of a second, and hundreds wait at
the same time. `benchmarks/executors.py` measures it.

Steps with the job launcher yield their own materializations, one per partition (see `orchestration.launcher`), so their
copy of the run is tagged as one whose asset events Dagster does not record itself. The stored run lacks that tag: its
planned materializations still show which partitions failed. Other steps are executed as by any executor.
"""

import contextvars
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    ActiveExecution,
    DagsterEvent,
    DagsterExecutionInterruptedError,
    EngineEventData,
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    InstanceConcurrencyContext,
    PlanExecutionContext,
    PlanExecutionContextManager,
    PlanOrchestrationContext,
    RetryMode,
    StepDependencyConfig,
    StepExecutionContext,
    dagster_event_sequence_for_step,
    defer_asset_events,
    trigger_hook,
)
from bioinfo_assets.orchestration.run_launcher import is_run_of_command_line
from bioinfo_assets.orchestration.run_liveness import hold_run_lock

CANCELLED_BY_INTERRUPT: Final = {"bioinfo-assets/interrupt": "cancels"}
"""Tag of a run that only its user interrupts, and that then ends as cancelled. Dagster treats an interrupt that it did
not send itself, such as the shutdown of a machine, as a failure."""

_interrupt_flag: ContextVar[Event | None] = ContextVar("interrupt_flag", default=None)


def set_interrupt_flag(flag: Event) -> None:
    """Set the flag that `raise_if_interrupted` checks in this context."""
    _interrupt_flag.set(flag)


def raise_if_interrupted() -> None:
    """Raise the interrupt of this step's run, if there is one.

    Raises:
        DagsterExecutionInterruptedError: the run was interrupted.
    """
    flag = _interrupt_flag.get()
    if flag is not None and flag.is_set():
        raise DagsterExecutionInterruptedError


POLL_INTERVAL_S = 0.1
"""Seconds that the main thread waits for an event before it checks for interrupts and retries."""

STATUS_INTERVAL_S: Final = 2.0
"""Seconds after which a run of the command line looks whether it was terminated in Dagit."""


@dataclass(frozen=True, slots=True)
class _StepEnd:
    """The end of a step's thread: all its events if it has hooks, and the error that ended it, if any."""

    events: list[DagsterEvent]
    error: BaseException | None


@dataclass(slots=True)
class _PlanRun:
    """The execution of one plan.

    Attributes:
        plan_context: Dagster's context of the execution.
        active: Dagster's state of the plan.
        pool: Runs the steps.
        max_steps: Steps that run at the same time.
        interrupted: Set once the run is interrupted; steps poll it.
    """

    plan_context: PlanExecutionContext
    active: ActiveExecution
    pool: ThreadPoolExecutor
    max_steps: int
    interrupted: Event = field(default_factory=Event)
    _queue: "Queue[tuple[StepExecutionContext, DagsterEvent | _StepEnd]]" = field(default_factory=Queue)
    _running: set[str] = field(default_factory=set)
    _retries: dict[str, DagsterEvent] = field(default_factory=dict)
    _errors: list[BaseException] = field(default_factory=list)
    _status_due: float = field(default_factory=lambda: time.monotonic() + STATUS_INTERVAL_S)

    def events(self) -> Iterator[DagsterEvent]:
        try:
            yield from self._run_steps()
        except BaseException:
            self.interrupted.set()  # the pool waits for its threads, which must not wait for their jobs
            raise

    def _run_steps(self) -> Iterator[DagsterEvent]:
        while self._running or not (self.interrupted.is_set() or self.active.is_complete):
            self._check_for_interrupts()
            if not self.interrupted.is_set():
                self._start_steps()
                yield from self.active.concurrency_event_iterator(self.plan_context)
            yield from self._forward_event()
            yield from self.active.plan_events_iterator(self.plan_context)
        if self.interrupted.is_set():
            raise DagsterExecutionInterruptedError
        if self._errors and self.plan_context.raise_on_error:
            raise self._errors[0]

    def _check_for_interrupts(self) -> None:
        if self.interrupted.is_set():
            return
        run = self.plan_context.dagster_run
        is_terminated = self._is_terminated()
        if is_terminated or self.active.check_for_interrupts():
            self.interrupted.set()
            self.active.mark_interrupted()
            if not is_terminated and is_run_of_command_line(run) and CANCELLED_BY_INTERRUPT.items() <= run.tags.items():
                self.plan_context.instance.report_run_canceling(run)

    def _is_terminated(self) -> bool:
        """Whether a run of the command line was terminated in Dagit; others are sent an interrupt by their server."""
        run = self.plan_context.dagster_run
        if time.monotonic() < self._status_due or not is_run_of_command_line(run):
            return False
        self._status_due = time.monotonic() + STATUS_INTERVAL_S
        current = self.plan_context.instance.get_run_by_id(run.run_id)
        return current is not None and current.status in {
            dg.DagsterRunStatus.CANCELING,
            dg.DagsterRunStatus.CANCELED,
        }

    def _start_steps(self) -> None:
        for step in self.active.get_steps_to_execute(limit=self.max_steps - len(self._running)):
            step_context = self.plan_context.for_step(step, self.active.get_known_state())
            if step_context.step_launcher is not None:
                defer_asset_events(step_context)
            self._running.add(step.key)
            # A context of its own keeps a step's context variables from the next step of the same thread.
            self.pool.submit(contextvars.Context().run, self._run_step, step_context)

    def _run_step(self, step_context: StepExecutionContext) -> None:
        set_interrupt_flag(self.interrupted)
        has_hooks = bool(step_context.job_def.get_all_hooks_for_handle(step_context.node_handle))
        events: list[DagsterEvent] = []
        try:
            for event in dagster_event_sequence_for_step(step_context):
                if has_hooks:
                    events.append(event)
                self._queue.put((step_context, event))
        except BaseException as error:  # noqa: BLE001 - the main thread handles it, whatever it is
            self._queue.put((step_context, _StepEnd(events, error)))
        else:
            self._queue.put((step_context, _StepEnd(events, None)))

    def _forward_event(self) -> Iterator[DagsterEvent]:
        try:
            step_context, item = self._queue.get(timeout=POLL_INTERVAL_S)
        except Empty:
            return
        if isinstance(item, _StepEnd):
            yield from self._end_step(step_context, item)
            return
        yield item
        if item.is_step_up_for_retry:
            # Handled once the step's thread has ended: before, the plan would start the step a second time.
            self._retries[step_context.step.key] = item
        else:
            self.active.handle_event(item)

    def _end_step(self, step_context: StepExecutionContext, end: _StepEnd) -> Iterator[DagsterEvent]:
        self._running.discard(step_context.step.key)
        if end.error is not None and not isinstance(end.error, DagsterExecutionInterruptedError):
            self._errors.append(end.error)
        retry = self._retries.pop(step_context.step.key, None)
        if retry is None:
            self.active.verify_complete(self.plan_context, step_context.step.key)
        else:
            self.active.handle_event(retry)
        yield from trigger_hook(step_context, end.events)


class OneProcessExecutor(dg.Executor):
    """Runs the steps of a run as threads of this process.

    Args:
        max_steps: Steps that run at the same time.
    """

    def __init__(self, max_steps: int) -> None:
        self._max_steps = max_steps

    @property
    def retries(self) -> RetryMode:
        """Steps may request retries."""
        return RetryMode.ENABLED

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """A step runs for the partitions that succeeded upstream, even if others failed."""
        return StepDependencyConfig(require_upstream_step_success=False)

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Run the plan; yields every event once it is in the event log."""
        metadata = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        with hold_run_lock(plan_context.instance, plan_context.run_id):
            yield DagsterEvent.engine_event(plan_context, f"One process for all jobs (pid {os.getpid()})", metadata)
            yield from ExecuteRunWithPlanIterable(
                execution_plan=plan_context.execution_plan,
                iterator=self._execute_plan,
                execution_context_manager=PlanExecutionContextManager(
                    job=plan_context.job,
                    retry_mode=plan_context.retry_mode,
                    execution_plan=plan_context.execution_plan,
                    run_config=plan_context.run_config,
                    dagster_run=plan_context.dagster_run,
                    instance=plan_context.instance,
                    raise_on_error=plan_context.raise_on_error,
                    output_capture=plan_context.output_capture,
                    step_dependency_config=self.step_dependency_config,
                ),
            )

    def _execute_plan(self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        concurrency = InstanceConcurrencyContext(job_context.instance, job_context.dagster_run)
        with (
            concurrency,
            ThreadPoolExecutor(self._max_steps, thread_name_prefix="step") as pool,
            ActiveExecution(
                execution_plan,
                retry_mode=job_context.retry_mode,
                step_dependency_config=self.step_dependency_config,
                max_concurrent=self._max_steps,
                instance_concurrency_context=concurrency,
            ) as active,
        ):
            yield from _PlanRun(job_context, active, pool, self._max_steps).events()


@dg.executor(
    name="one_process",
    config_schema={
        "max_steps": dg.Field(
            dg.IntSource, default_value=200, is_required=False, description="Steps that run at the same time."
        )
    },
)
def one_process_executor(init_context: dg.InitExecutorContext) -> OneProcessExecutor:
    """Run all steps of a run as threads of one process; their jobs run on the backend."""
    return OneProcessExecutor(int(str(init_context.executor_config["max_steps"])))
