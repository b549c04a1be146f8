"""The step launcher: Dagster's step stays on the host, and its jobs run where the backend runs them.

An asset's body hands over a function from a sample to a job, and gets a materialization for each result:

    @sample_asset(...)
    def marked_bam(context, launcher: JobLauncher, aligned_bam: RecordSet):
        yield from launcher.materialize_samples(context, lambda sample: mark_duplicates(sample, aligned_bam.of(sample)))

The core of the step runs here rather than in the job's container, for two reasons. Dagster then records which versions
of its upstream assets a result was made from, as it does without a launcher, so that staleness is right. And the image
of the tools needs neither Dagster nor this project.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import Any, cast, get_args

import dagster as dg
from pydantic import Field, PrivateAttr, create_model

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend_config import BackendConfig, BackendName, open_backend
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.orchestration.compute_logs import StepLogs, step_logs
from bioinfo_assets.orchestration.internals import (
    RETRY_NUMBER_TAG,
    DagsterEvent,
    StepExecutionContext,
    StepLauncher,
    assets_are_externally_managed,
    core_dagster_event_sequence_for_step,
)
from bioinfo_assets.orchestration.job_config import (
    BatchLaunchConfig,
    JobConfig,
    as_config,
    batch_settings_of,
    options_from_tags,
    options_of,
)
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.orchestration.run_liveness import hold_run_lock
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.orchestration.step_run import StepEvents, StepRun
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.storage.store import Store


def no_metadata(_: Record) -> Metadata:
    """Describe a result by its record alone."""
    return {}


class JobLauncher(dg.ConfigurableResource, StepLauncher):  # type: ignore[type-arg]
    """Runs the jobs of a step on a backend, and shows their lives in Dagit.

    How a job runs is said in layers, each going before the one that stands before it: `project_jobs`, the tag
    `bioinfo-assets/config` of the asset's op, `project_steps` of the asset, and for one run: `jobs`, `steps` of the
    asset (both in Dagit's launchpad), and the tag `bioinfo-assets/config` of the run.

    Attributes:
        output_path: Where results and their records are published: a local folder or a URI.
        cache: A prefix of records that are shared with other projects.
        backend: Where jobs run.
        scratch: Where jobs work; beside the results unless given.
        cpus: Processors of this machine that jobs share; all unless given.
        memory_mib: Memory of this machine that jobs share, in MiB; all unless given.
        tool_path: Folders with tools of this machine, looked at before `PATH`.
        batch: How to speak to AWS Batch.
        project_jobs: How the project's jobs run.
        project_steps: How the jobs of one asset run, where that differs.
        jobs: How the jobs of this run are run, where that differs from the project's.
        steps: How the jobs of one asset are run in this run.
    """

    output_path: str = Field(description="Where results and their records are published.")
    cache: str | None = Field(default=None, description="Records of results that are shared with other projects.")
    backend: str = Field(default="local", description="Where jobs run: local, docker or batch.")
    scratch: str | None = Field(default=None, description="Where jobs work: a folder, or s3://BUCKET/FOLDER for batch.")
    cpus: int | None = Field(default=None, description="Processors that jobs share; all unless given.")
    memory_mib: int | None = Field(default=None, description="Memory that jobs share, in MiB; all unless given.")
    tool_path: list[str] = Field(default=[], description="Folders with tools, looked at before PATH.")
    batch: BatchLaunchConfig = Field(default=BatchLaunchConfig(), description="The settings of AWS Batch.")
    project_jobs: JobConfig = Field(default=JobConfig(), description="How the project's jobs run.")
    project_steps: dict[str, JobConfig] = Field(default={}, description="The same of one asset, by its name.")
    jobs: JobConfig = Field(default=JobConfig(), description="How the jobs of this run are run, where that differs.")
    steps: dict[str, JobConfig] = Field(default={}, description="The same of one asset, by its name.")

    _session: Session | None = PrivateAttr(default=None)
    _logs: dict[str, StepLogs] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,
    ) -> Iterator["JobLauncher"]:
        """Opens the backend and its poller for one run, and ends what is left of its jobs with it."""
        run, instance = context.run, context.instance
        if run is None or instance is None:
            raise RuntimeError("the launcher is for runs")
        with hold_run_lock(instance, run.run_id):
            self._session = self._open(run)
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

    def materialize(
        self,
        context: dg.AssetExecutionContext,
        build: Callable[[ResultKey], Job],
        describe: Callable[[Record], Metadata] = no_metadata,
        *,
        scope: str = REFERENCES,
    ) -> StepEvents:
        """Materialize an asset: one job for every partition of the run, or one job if it has none.

        Args:
            context: Of the asset's body.
            build: Builds the job of a result; a `BioinfoAssetsError` from it fails that result alone.
            describe: What Dagit shows of a result in addition to its record.
            scope: The shared scope of an asset without partitions.
        """
        asset = context.asset_key.path[-1]
        scopes = context.partition_keys if context.assets_def.partitions_def is not None else [scope]
        step_context = context.get_step_execution_context()
        options = self.options(context)
        step = StepRun(
            step_context,
            self.session,
            self._logs[step_context.step.key],
            asset,
            [ResultKey(asset, name) for name in scopes],
            lambda key: build(key).with_options(options),
            describe,
        )
        yield from step.events()

    def options(self, context: dg.AssetExecutionContext) -> JobOptions:
        """How the jobs of this asset run in this run.

        Raises:
            InputError: a tag is not as it should be, or an option is out of its limits.
        """
        asset = context.asset_key.path[-1]
        nothing = JobConfig()
        layers = (
            options_of(self.project_jobs),
            options_of(self.project_steps.get(asset, nothing)),
            options_of(self.jobs),
            options_of(self.steps.get(asset, nothing)),
            options_from_tags(context.run.tags),
        )
        return reduce(JobOptions.then, layers)

    def _open(self, run: dg.DagsterRun) -> Session:
        if self.backend not in get_args(BackendName):
            raise InputError(f"backend {self.backend!r} is not there: set local, docker or batch")
        for config in (self.project_jobs, self.jobs, *self.project_steps.values(), *self.steps.values()):
            options_of(config)  # what is out of its limits fails the run before its first step
        options_from_tags(run.tags)
        store = Store()
        means = BackendConfig(
            backend=cast("BackendName", self.backend),
            scratch=self.scratch,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            tool_path=tuple(self.tool_path),
            image=self.project_jobs.image,
            batch=batch_settings_of(self.batch),
        )
        backend = open_backend(means, self.output_path, store, run.run_id, budget_of(run))
        cache = SharedCache(store, self.cache) if self.cache else None
        return Session(Ledger(store, self.output_path), backend, Watcher(backend), cache)


def launcher_of(
    output_path: str, means: BackendConfig, jobs: JobOptions, steps: Mapping[str, JobOptions], cache: str | None = None
) -> JobLauncher:
    """The launcher of a project with these settings; a run's configuration changes what it names, and nothing else.

    Dagster keeps what a resource was made with as one default: a run that sets `jobs` alone would lose all the rest.
    So each of the project's settings becomes the default of its own field.
    """
    project: dict[str, object] = {
        "output_path": output_path,
        "cache": cache,
        "backend": means.backend,
        "scratch": means.scratch,
        "cpus": means.cpus,
        "memory_mib": means.memory_mib,
        "tool_path": list(means.tool_path),
        "batch": BatchLaunchConfig(**means.batch.model_dump()),
        "project_jobs": as_config(jobs),
        "project_steps": {asset: options.given() for asset, options in steps.items()},
    }
    fields: dict[str, Any] = {
        name: (field.annotation, Field(default=project[name], validate_default=True, description=field.description))
        for name, field in JobLauncher.model_fields.items()
        if name in project
    }
    of_project = create_model("ProjectLauncher", __base__=JobLauncher, __doc__=JobLauncher.__doc__, **fields)
    return cast("Callable[[], JobLauncher]", of_project)()


def budget_of(run: dg.DagsterRun) -> str:
    """The run whose tries are counted: the first of those that Dagster tries again by itself, else the run itself.

    A run that a person starts again, from failure or whole, has tries of its own.
    """
    if run.tags.get(RETRY_NUMBER_TAG) and run.root_run_id:
        return run.root_run_id
    return run.run_id
