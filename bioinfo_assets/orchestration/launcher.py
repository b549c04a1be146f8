"""The step launcher: Dagster's step stays on the host, and its jobs run where the backend runs them.

The body of assets passes what builds the jobs of each, and gets a materialization for each result:

    @dg.multi_asset(specs=[dg.AssetSpec("marked_bam", partitions_def=samples, deps=["aligned_bam"], skippable=True)])
    def bams(context, launcher: JobLauncher):
        def mark(key, upstream):
            return mark_duplicates(key, upstream["aligned_bam"].of(key.scope))

        yield from launcher.materialize(context, {"aligned_bam": …, "marked_bam": JobBuilder(mark)})

The core of the step runs here rather than in the job's container, for two reasons. Dagster then records which versions
of its upstream assets a result was computed from, as it does without a launcher, so that staleness is right. And the
image of the tools needs neither Dagster nor this project.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, ClassVar, Final

import dagster as dg
from pydantic import Field, PrivateAttr, ValidationError, create_model

from bioinfo_assets.errors import InputError, did_you_mean
from bioinfo_assets.launch.backend_config import BackendConfig, open_backend
from bioinfo_assets.launch.job import JobOptions
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
from bioinfo_assets.orchestration.job_events import JobEvents
from bioinfo_assets.orchestration.provenance import UpstreamVersions
from bioinfo_assets.orchestration.result_graph import ResultGraph
from bioinfo_assets.orchestration.result_tasks import ResultTasks
from bioinfo_assets.orchestration.run_liveness import mark_jobs_left
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.orchestration.step_plan import JobBuilder, StepPlan
from bioinfo_assets.orchestration.step_run import StepEvents, StepRun
from bioinfo_assets.orchestration.upstream_records import UpstreamRecords
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

TAG: Final = "bioinfo-assets/config"
"""The tag of a run or a backfill that holds options as JSON."""

_FIELDS: Final[dict[str, Any]] = {
    name: (field.annotation, Field(default=field.default, description=field.description))
    for name, field in JobOptions.model_fields.items()
}

JobConfig: Final[Any] = create_model("JobConfig", __base__=dg.Config, __doc__="How jobs run.", **_FIELDS)
"""`JobOptions` as Dagster's configuration.

Without limits: `options_of` reports a value that is out of range in a sentence, where Dagster would show pydantic's
report.
"""


def options_of(config: dg.Config, where: str = "options of jobs") -> JobOptions:
    """Options from configuration.

    Args:
        config: The configuration.
        where: What the options are, for messages.

    Raises:
        InputError: a value is out of range.
    """
    return _validated(where, config.model_dump(exclude_none=True))


def options_from_tags(tags: Mapping[str, str]) -> JobOptions:
    """The options in a run's tag; none if it has no such tag.

    >>> options_from_tags({TAG: '{"queue": "spot", "memory_mib": 4096}'}).set_options()
    {'memory_mib': 4096, 'queue': 'spot'}

    Raises:
        InputError: the tag is not JSON, or has an unknown option.
    """
    text = tags.get(TAG)
    if text is None:
        return JobOptions()
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:  # thousands of brackets within each other
        raise InputError(f'tag {TAG} is not JSON ({error}): write it as {{"memory_mib": 4096}}') from error
    return _validated(f"tag {TAG}", options)


def _validated(where: str, options: object) -> JobOptions:
    try:
        return JobOptions.model_validate(options)
    except ValidationError as error:
        raise InputError(f"{where}: {_error_sentence(error)}") from error


def _error_sentence(error: ValidationError) -> str:
    """What is wrong with the first invalid option, and what to do."""
    problem = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown option {name}: {did_you_mean(name, JobOptions.model_fields, 'options')}"
    return f"{name}: {problem['msg'].lower()}" if name else 'write them as {"memory_mib": 4096}'


@dataclass(frozen=True, slots=True)
class LauncherSettings:
    """What a project sets for all its runs.

    Attributes:
        output_path: Where results and their records are published: a local folder or a URI.
        config: Where jobs run, with the options of all jobs and of single assets.
        cache: A prefix of records that are shared with other projects.
        assets: The assets that options may be set for; any if empty.
    """

    output_path: str
    config: BackendConfig
    cache: str | None = None
    assets: tuple[str, ...] = ()


class JobLauncher(dg.ConfigurableResource, StepLauncher):  # type: ignore[type-arg]
    """Runs the jobs of a step on a backend, and shows their progress in Dagit.

    The options of a job come in layers, each overriding the one before: the project's for all jobs, the project's for
    the asset, and those of the run: `jobs` and `steps` in Dagit's launchpad, and the run's tag `bioinfo-assets/config`.

    Attributes:
        jobs: Options of all jobs of this run.
        steps: Options of the jobs of single assets in this run, by asset.
        partitions: Those of the run's range for which something is computed; all of them if empty.
    """

    settings: ClassVar[LauncherSettings]

    jobs: JobConfig = Field(default=JobConfig(), description="Options of all jobs of this run.")
    steps: dict[str, JobConfig] = Field(default={}, description="Options of single assets in this run, by asset.")
    partitions: list[str] = Field(default=[], description="Only these partitions of the run's range; all if empty.")

    _session: Session | None = PrivateAttr(default=None)
    _logs: dict[str, StepLogs] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,
    ) -> Iterator["JobLauncher"]:
        """Open the backend and its poller for one run; end what is left of its jobs with it."""
        run, instance = context.run, context.instance
        if run is None or instance is None:
            raise RuntimeError("the launcher needs a run")
        self._session = self._open(run)
        try:
            yield self
        finally:
            try:
                if self._session.leaves_jobs:
                    mark_jobs_left(instance, run.run_id)
            finally:
                self._session.close()

    @property
    def session(self) -> Session:
        """The open resources of this run."""
        if self._session is None:
            raise RuntimeError("the launcher was not set up by a run")
        return self._session

    def launch_step(self, step_context: StepExecutionContext) -> Iterator[DagsterEvent]:
        """Run the core of a step here, with its compute logs open for its jobs."""
        if not assets_are_externally_managed(step_context.dagster_run):
            raise dg.DagsterInvariantViolationError(
                "assets with the job launcher run under the one_process executor, which keeps Dagster from recording a"
                " second materialization of each: pass it to the job, or pass the job none"
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
        builders: Mapping[str, JobBuilder],
        superseded: Mapping[str, Collection[str]] | None = None,
        stop_reading: Callable[[], None] = lambda: None,
    ) -> StepEvents:
        """Materialize the selected assets of a step: one job for every partition of the run, or one without partitions.

        Args:
            context: Of the assets' body.
            builders: How each asset is computed, in the order of the graph; those that the run does not select, and
                those upstream that other steps compute, included.
            superseded: By partition, the assets of which nothing is computed, such as those before an imported result.
            stop_reading: Ends the reading of sources in other threads, when the run is interrupted.
        """
        plan = replace(self._plan(context, builders, superseded or {}), stop_reading=stop_reading)
        step_context = context.get_step_execution_context()
        keys = [key for own in plan.keys.values() for key in own]
        partitions = list(dict.fromkeys(key.partition_key for key in keys if key.partition_key is not None))
        step = StepRun(
            step_context,
            self.session,
            self._logs[step_context.step.key],
            plan,
            ResultGraph(plan.keys, plan.parents),
            ResultTasks(
                self.session,
                plan,
                UpstreamRecords(
                    self.session.ledger,
                    plan.shared_scopes,
                    partial(_all_partitions, context),
                ),
                UpstreamVersions(step_context, [dg.AssetKey(name) for name in plan.keys], partitions),
                context.log,
            ),
            JobEvents(step_context),
        )
        yield from step.events()

    def partition_keys(self, context: dg.AssetExecutionContext) -> Sequence[str]:
        """The partitions of a partitioned run: all of its range, or those of them that were chosen and still exist.

        Raises:
            InputError: none of those that were chosen is in the range.
        """
        in_range: Sequence[str] = context.partition_keys
        chosen = set(self.partitions)
        if not chosen:
            return in_range
        found = [key for key in in_range if key in chosen]
        if not found:
            raise InputError(
                f"the option partitions of this run names {self.partitions[0]}, which is not in its range of"
                " partitions: start a new run"
            )
        return found

    def options(self, context: dg.AssetExecutionContext, asset: str) -> JobOptions:
        """The options of an asset's jobs in this run.

        Raises:
            InputError: a tag is invalid, or an option is out of range.
        """
        layers = (
            self.settings.config.options_of(asset),
            options_of(self.jobs),
            options_of(self.steps.get(asset, JobConfig()), f"options of {asset}"),
            options_from_tags(context.run.tags),
        )
        return reduce(JobOptions.then, layers)

    def _plan(
        self,
        context: dg.AssetExecutionContext,
        builders: Mapping[str, JobBuilder],
        superseded: Mapping[str, Collection[str]],
    ) -> StepPlan:
        layer = context.get_step_execution_context().job_def.asset_layer
        selected = [name for name in builders if dg.AssetKey(name) in context.selected_asset_keys]
        is_partitioned = {name: layer.get(dg.AssetKey(name)).is_partitioned for name in builders}
        partitions = self.partition_keys(context) if any(is_partitioned[name] for name in selected) else ()
        for name in sorted(set(self.partitions).difference(partitions)):
            context.log.warning("partition %s is left out: it was removed, or is not in the run's range", name)
        keys = {}
        for name in selected:
            scopes = partitions if is_partitioned[name] else [builders[name].scope]
            keys[name] = [ResultKey(name, scope) for scope in scopes if name not in superseded.get(scope, ())]
        return StepPlan(
            keys=keys,
            builders=builders,
            parents={name: [key.path[-1] for key in layer.get(dg.AssetKey(name)).parent_keys] for name in selected},
            options={name: self.options(context, name) for name in selected},
            shared_scopes={name: builder.scope for name, builder in builders.items() if not is_partitioned[name]},
            output_names={
                name: context.assets_def.get_output_name_for_asset_key(dg.AssetKey(name)) for name in selected
            },
        )

    def _open(self, run: dg.DagsterRun) -> Session:
        settings, store = self.settings, Store()
        # What is wrong in them fails the run before its first step.
        options_of(self.jobs)
        for asset, config in self.steps.items():
            _check_asset(asset, settings.assets)
            options_of(config, f"options of {asset}")
        options_from_tags(run.tags)
        backend = open_backend(settings.config, settings.output_path, store, run.run_id, budget_of(run))
        cache = SharedCache(store, settings.cache) if settings.cache else None
        return Session(Ledger(store, settings.output_path), backend, Watcher(backend), cache)


def _all_partitions(context: dg.AssetExecutionContext, asset: str) -> Sequence[str]:
    """The partitions of an asset as they are now."""
    node = context.get_step_execution_context().job_def.asset_layer.get(dg.AssetKey(asset))
    if node.partitions_def is None:
        raise RuntimeError(f"{asset} has no partitions")
    keys: Sequence[str] = node.partitions_def.get_partition_keys(dynamic_partitions_store=context.instance)
    return keys


def _check_asset(name: str, assets: Collection[str]) -> None:
    if assets and name not in assets:
        hint = did_you_mean(name, assets, "assets")
        raise InputError(f"steps of this run has options of {name}, but there is no asset {name}: {hint}")


def job_launcher(
    output_path: str, config: BackendConfig, cache: str | None = None, assets: Sequence[str] = ()
) -> JobLauncher:
    """The launcher of a project with these settings.

    Dagster builds a new resource from its class and the run's configuration, so the settings belong to the class. What
    the project sets cannot be changed in the launchpad: a run that published elsewhere would split the results.
    """
    settings = LauncherSettings(output_path, config, cache, tuple(assets))
    description = "Runs the jobs; options set here are those of this run only."
    # Dagit shows module and name as the type of the resource.
    members = {"settings": settings, "__doc__": description, "__module__": __name__}
    launcher: type[JobLauncher] = type("JobLauncher", (JobLauncher,), members)
    return launcher()


def budget_of(run: dg.DagsterRun) -> str:
    """The run whose retries are counted: the first of those that Dagster retries by itself, otherwise the run itself.

    A run that a person starts again, from failure or as a whole, has retries of its own.
    """
    if run.tags.get(RETRY_NUMBER_TAG) and run.root_run_id:
        return run.root_run_id
    return run.run_id
