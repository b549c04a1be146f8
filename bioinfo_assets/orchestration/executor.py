"""An executor in which one process drives many jobs: each step is a thread that only waits.

Dagster's multiprocess executor starts a process and imports Dagster again for each step, which costs seconds; its
in-process one runs one step after the other. Here a step costs some hundredths of a second, and hundreds wait at once.
`benchmarks/executors.py` measures it.

Its steps write their own materializations, one for each partition (see `orchestration.launcher`), so it marks its copy
of the run as one whose asset events Dagster leaves alone. The stored run has no such mark: the events that were planned
when it was created still tell which partitions failed.
"""

import contextvars
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    EXTERNALLY_MANAGED_ASSETS_TAG,
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
    trigger_hook,
)
from bioinfo_assets.orchestration.interruption import CANCELLED_BY_INTERRUPT, announce_by

TICK_S = 0.1
"""How long the main thread waits for events before it looks after interrupts and retries, in seconds."""


@dataclass(frozen=True, slots=True)
class _StepEnd:
    """What a step's thread says last: all its events, and the error that ended it, if one did."""

    events: list[DagsterEvent]
    error: BaseException | None


@dataclass(slots=True)
class _Drive:
    """One execution: its plan, its threads, and what came back from them."""

    plan_context: PlanExecutionContext
    active: ActiveExecution
    pool: ThreadPoolExecutor
    width: int
    ending: Event = field(default_factory=Event)
    told: "Queue[tuple[StepExecutionContext, DagsterEvent | _StepEnd]]" = field(default_factory=Queue)
    running: set[str] = field(default_factory=set)
    retries: dict[str, DagsterEvent] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)

    def events(self) -> Iterator[DagsterEvent]:
        try:
            yield from self._until_complete()
        except BaseException:
            self.ending.set()  # the pool waits for its threads: they must not wait for their jobs
            raise

    def _until_complete(self) -> Iterator[DagsterEvent]:
        while self.running or not (self.ending.is_set() or self.active.is_complete):
            self._heed_interrupts()
            if not self.ending.is_set():
                self._start_steps()
                yield from self.active.concurrency_event_iterator(self.plan_context)
            yield from self._pass_on()
            yield from self.active.plan_events_iterator(self.plan_context)
        if self.ending.is_set():
            raise DagsterExecutionInterruptedError
        if self.errors and self.plan_context.raise_on_error:
            raise self.errors[0]

    def _heed_interrupts(self) -> None:
        if not self.ending.is_set() and self.active.check_for_interrupts():
            self.ending.set()
            self.active.mark_interrupted()
            run = self.plan_context.dagster_run
            if CANCELLED_BY_INTERRUPT.items() <= run.tags.items():
                self.plan_context.instance.report_run_canceling(run)

    def _start_steps(self) -> None:
        for step in self.active.get_steps_to_execute(limit=self.width - len(self.running)):
            step_context = self.plan_context.for_step(step, self.active.get_known_state())
            self.running.add(step.key)
            # A context of its own, so that what one step sets is not seen by the next.
            self.pool.submit(contextvars.Context().run, self._run_step, step_context)

    def _run_step(self, step_context: StepExecutionContext) -> None:
        announce_by(self.ending)
        seen: list[DagsterEvent] = []
        try:
            for event in dagster_event_sequence_for_step(step_context):
                seen.append(event)
                self.told.put((step_context, event))
        except BaseException as error:  # noqa: BLE001 - the main thread must hear of it, whatever it is
            self.told.put((step_context, _StepEnd(seen, error)))
        else:
            self.told.put((step_context, _StepEnd(seen, None)))

    def _pass_on(self) -> Iterator[DagsterEvent]:
        try:
            step_context, said = self.told.get(timeout=TICK_S)
        except Empty:
            return
        if isinstance(said, _StepEnd):
            yield from self._end_step(step_context, said)
            return
        yield said
        if said.is_step_up_for_retry:
            # Heeded when the step's thread has ended: before, the plan would hand out the same step again beside it.
            self.retries[step_context.step.key] = said
        else:
            self.active.handle_event(said)

    def _end_step(self, step_context: StepExecutionContext, end: _StepEnd) -> Iterator[DagsterEvent]:
        self.running.discard(step_context.step.key)
        if end.error is not None and not isinstance(end.error, DagsterExecutionInterruptedError):
            self.errors.append(end.error)
        retry = self.retries.pop(step_context.step.key, None)
        if retry is None:
            self.active.verify_complete(self.plan_context, step_context.step.key)
        else:
            self.active.handle_event(retry)
        yield from trigger_hook(step_context, end.events)


class OneProcessExecutor(dg.Executor):
    """Runs the steps of a run as threads of this process.

    Args:
        width: Steps that may wait at once.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    @property
    def retries(self) -> RetryMode:
        """Steps may ask to be run again."""
        return RetryMode.ENABLED

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """A step goes on with the partitions that its upstream made, though others of them failed."""
        return StepDependencyConfig(require_upstream_step_success=False)

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Runs the plan; yields every event once it is in the event log."""
        here = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        yield DagsterEvent.engine_event(plan_context, f"One process for all jobs (pid {os.getpid()})", here)
        run = plan_context.dagster_run
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=self._drive,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=run.with_tags({**run.tags, EXTERNALLY_MANAGED_ASSETS_TAG: "true"}),
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
            ),
        )

    def _drive(self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        slots = InstanceConcurrencyContext(job_context.instance, job_context.dagster_run)
        with (
            slots,
            ThreadPoolExecutor(self.width, thread_name_prefix="step") as pool,
            ActiveExecution(
                execution_plan,
                retry_mode=job_context.retry_mode,
                step_dependency_config=self.step_dependency_config,
                max_concurrent=self.width,
                instance_concurrency_context=slots,
            ) as active,
        ):
            yield from _Drive(job_context, active, pool, self.width).events()


@dg.executor(
    name="one_process",
    config_schema={
        "max_steps": dg.Field(
            dg.IntSource, default_value=200, is_required=False, description="Steps that may wait for jobs at once."
        )
    },
)
def one_process_executor(init_context: dg.InitExecutorContext) -> OneProcessExecutor:
    """All steps of a run as threads of one process; their jobs run elsewhere."""
    return OneProcessExecutor(int(str(init_context.executor_config["max_steps"])))
