"""The step launcher: Dagster's step stays on the host, and its jobs run where the backend runs them.

An asset's body hands over a function from a sample to a job, and gets a materialization for each result:

    @sample_asset(...)
    def marked_bam(context, launcher: JobLauncher, aligned_bam: RecordSet):
        yield from launcher.materialize_samples(context, lambda sample: mark_duplicates(sample, aligned_bam.of(sample)))

The core of the step runs here rather than in the job's container, for two reasons. Dagster then records which versions
of its upstream assets a result was made from, as it does without a launcher, so that staleness is right. And the image
of the tools needs neither Dagster nor this project.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.local import LocalBackend
from bioinfo_assets.launch.store import Store
from bioinfo_assets.launch.watch import Watcher
from bioinfo_assets.orchestration.compute_logs import StepLogs, step_logs
from bioinfo_assets.orchestration.internals import (
    DagsterEvent,
    StepExecutionContext,
    StepLauncher,
    assets_are_externally_managed,
    core_dagster_event_sequence_for_step,
)
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.orchestration.record_set import ONE
from bioinfo_assets.orchestration.session import Session, default_scratch
from bioinfo_assets.orchestration.step_run import StepEvents, StepRun
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record


def nothing_more(_: Record) -> Metadata:
    """Describes a result by its record alone."""
    return {}


class JobLauncher(dg.ConfigurableResource, StepLauncher):  # type: ignore[type-arg]
    """Runs the jobs of a step on a backend, and shows their lives in Dagit.

    Attributes:
        output_path: Where results and their records are published: a local folder or a URI.
        scratch: The folder that local jobs work in; beside local results unless given.
        cpus: Processors that jobs share; all of this machine's unless given.
        memory_mib: Memory that jobs share, in MiB; this machine's unless given.
        tool_path: Folders with tools, looked at before `PATH`.
    """

    output_path: str = Field(description="Where results and their records are published.")
    scratch: str | None = Field(default=None, description="The folder that jobs of this machine work in.")
    cpus: int | None = Field(default=None, description="Processors that jobs share; all unless given.")
    memory_mib: int | None = Field(default=None, description="Memory that jobs share, in MiB; all unless given.")
    tool_path: list[str] = Field(default=[], description="Folders with tools, looked at before PATH.")

    _session: Session | None = PrivateAttr(default=None)
    _logs: dict[str, StepLogs] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Iterator["JobLauncher"]:
        """Opens the backend and its poller for one run, and ends what is left of its jobs with it."""
        self._session = self._open()
        try:
            yield self
        finally:
            self._session.close()

    @property
    def session(self) -> Session:
        """The open resources of this run."""
        if self._session is None:
            raise RuntimeError("the launcher was not set up by a run")
        return self._session

    def launch_step(self, step_context: StepExecutionContext) -> Iterator[DagsterEvent]:
        """Runs the core of a step here, with its compute logs open for its jobs."""
        if not assets_are_externally_managed(step_context.dagster_run):
            raise dg.DagsterInvariantViolationError(
                "assets of this project run under its one_process executor, which keeps Dagster from recording a"
                " second materialization of each: give it to the job, or give the job none"
            )
        with step_logs(step_context) as (logs, captured):
            yield captured
            self._logs[step_context.step.key] = logs
            try:
                yield from core_dagster_event_sequence_for_step(step_context)
            finally:
                del self._logs[step_context.step.key]

    def materialize_samples(
        self,
        context: dg.AssetExecutionContext,
        build: Callable[[str], Job],
        describe: Callable[[Record], Metadata] = nothing_more,
    ) -> StepEvents:
        """Materializes an asset for every sample of the run: one job each.

        Args:
            context: Of the asset's body.
            build: The job of a sample; a `BioinfoAssetsError` from it fails that sample alone.
            describe: What Dagit shows of a result beside its record.
        """
        yield from self._step(context, tuple(context.partition_keys), build, describe)

    def materialize(
        self,
        context: dg.AssetExecutionContext,
        build: Callable[[], Job],
        describe: Callable[[Record], Metadata] = nothing_more,
    ) -> StepEvents:
        """Materializes an asset without partitions: one job."""
        yield from self._step(context, (ONE,), lambda _: build(), describe)

    def _step(
        self,
        context: dg.AssetExecutionContext,
        partitions: tuple[str, ...],
        build: Callable[[str], Job],
        describe: Callable[[Record], Metadata],
    ) -> StepEvents:
        step_context = context.get_step_execution_context()
        logs = self._logs[step_context.step.key]
        run = StepRun(step_context, self.session, logs, context.asset_key, partitions, build, describe)
        yield from run.events()

    def _open(self) -> Session:
        store = Store()
        backend = LocalBackend(
            Path(self.scratch) if self.scratch else default_scratch(self.output_path),
            store,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            tool_path=tuple(map(Path, self.tool_path)),
        )
        return Session(Ledger(store, self.output_path), backend, Watcher(backend))
