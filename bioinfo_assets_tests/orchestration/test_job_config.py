"""How jobs run is said in layers: the project's, the asset's own, the project's for the asset, then the run's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.assets.decorators import sample_asset, shared_asset
from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Job, Output
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run
from bioinfo_assets.orchestration.job_config import TAG, JobConfig, as_config, op_tags, options_from_tags, options_of
from bioinfo_assets.orchestration.launcher import JobLauncher, launcher_of
from bioinfo_assets.orchestration.record_io_manager import RecordIOManager
from bioinfo_assets.result_key import ResultKey


class Project:
    """A project of one asset whose op has options of its own, and a backend that keeps what it was given."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.backend = FakeBackend(folder / "scratch", lambda _: Behaviour(files={"text": b"x\n"}))
        self.opened: list[BackendConfig] = []
        self._folder, self._instance = folder, instance

    def run(
        self,
        *,
        asset: JobOptions = JobOptions(),  # noqa: B008 - frozen
        jobs: JobOptions = JobOptions(),  # noqa: B008
        steps: JobOptions | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Runs the asset; `config` is that of the launcher in the launchpad."""

        @shared_asset(group="toys", kinds=set(), options=asset)
        def greeting(context: dg.AssetExecutionContext, launcher: JobLauncher):
            job = Job(
                ResultKey("greeting", "all"), "1", "", outputs=(Output("text", "a.txt", f"{self._folder}/a.txt"),)
            )
            yield from launcher.materialize(context, lambda: job)

        means = BackendConfig(backend="batch", scratch="s3://bucket/scratch", batch=BatchConfig(poll_interval_s=0.5))
        launcher = launcher_of(str(self._folder / "output"), means, jobs, {"greeting": steps} if steps else {})
        job = dg.Definitions(
            assets=[greeting],
            executor=one_process_executor,
            resources={"launcher": launcher, "records": RecordIOManager(output_path=str(self._folder), scopes={})},
        ).resolve_implicit_global_asset_job_def()
        given = {"resources": {"launcher": {"config": config}}} if config else None
        run = self._instance.create_run_for_job(job_def=job, run_config=given, tags=tags)
        return execute_run(InMemoryJob(job), run, self._instance)

    def options(self, **given: Any) -> JobOptions:
        """The options that the asset's job comes with."""
        assert self.run(**given).success
        return self.backend.submitted.pop().options


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        made = Project(tmp_path, instance)

        def open_backend(means: BackendConfig, *_: object) -> FakeBackend:
            made.opened.append(means)
            return made.backend

        monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", open_backend)
        yield made


def test_each_layer_goes_before_the_one_below(project: Project) -> None:
    layers: dict[str, Any] = {}
    for number, layer in enumerate(["jobs", "asset", "steps"], start=1):
        layers[layer] = JobOptions(memory_mib=number * 1000)
        assert project.options(**layers).memory_mib == number * 1000
        forget(project)
    layers["config"] = {"jobs": {"memory_mib": 4000}}
    assert project.options(**layers).memory_mib == 4000
    forget(project)
    layers["config"] = {"jobs": {"memory_mib": 4000}, "steps": {"greeting": {"memory_mib": 5000}}}
    assert project.options(**layers).memory_mib == 5000
    forget(project)
    assert project.options(**layers, tags={TAG: json.dumps({"memory_mib": 6000})}).memory_mib == 6000


def forget(project: Project) -> None:
    """The next run finds nothing."""
    for file in project._folder.rglob("*.json"):
        file.unlink()


def test_a_layer_leaves_alone_what_it_does_not_name(project: Project) -> None:
    found = project.options(
        jobs=JobOptions(queue="spot", image="tools:1", retries=1, tags={"group": "genomes"}),
        asset=JobOptions(memory_mib=2048, tags={"step": "greeting"}),
        config={"jobs": {"retries": 5, "tags": {"run": "urgent"}}},
        tags={TAG: '{"queue": "on-demand"}'},
    )
    assert found.given() == {
        "queue": "on-demand",
        "image": "tools:1",
        "memory_mib": 2048,
        "retries": 5,
        "tags": {"group": "genomes", "step": "greeting", "run": "urgent"},
    }


def test_options_of_another_asset_are_not_heeded(project: Project) -> None:
    assert project.options(config={"steps": {"farewell": {"memory_mib": 9000}}}).memory_mib is None


def test_a_launchpad_that_sets_one_option_keeps_all_that_the_project_set(project: Project) -> None:
    """Where jobs run, and how Batch is spoken to, as well."""
    options = project.options(
        jobs=JobOptions(queue="spot"), config={"jobs": {"priority": 7}, "batch": {"array_min_size": 50}}
    )
    assert (options.queue, options.priority) == ("spot", 7)
    (means,) = project.opened
    assert (means.backend, means.scratch, means.batch.array_min_size) == ("batch", "s3://bucket/scratch", 50)
    assert means.batch.poll_interval_s == 0.5


def test_a_run_without_configuration_is_as_the_project_says(project: Project) -> None:
    assert project.options(jobs=JobOptions(queue="spot")).given() == {"queue": "spot"}
    assert [means.backend for means in project.opened] == ["batch"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"jobs": {"memry_mib": 4096}}, "memry_mib"),
        ({"jobs": {"memory_mib": "much"}}, "much"),
        ({"step": {}}, "step"),
    ],
)
def test_the_launchpad_refuses_what_is_no_option(project: Project, config: dict[str, Any], words: str) -> None:
    """Before there is a run."""
    with pytest.raises(dg.DagsterInvalidConfigError, match=words):
        project.run(config=config)
    assert project.opened == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"jobs": {"retries": 10}}, "retries: input should be less than or equal to 9"),
        ({"jobs": {"timeout_s": 59}}, "timeout_s: input should be greater than or equal to 60"),
        ({"steps": {"greeting": {"vcpus": 0}}}, "vcpus: input should be greater than or equal to 1"),
        ({"batch": {"array_min_size": 1}}, "array_min_size: input should be greater than or equal to 2"),
    ],
)
def test_an_option_out_of_its_limits_fails_the_run_with_a_sentence(
    project: Project, config: dict[str, Any], sentence: str
) -> None:
    result = project.run(config=config)
    assert not result.success
    assert sentence in cause(result)
    assert project.backend.submitted == []


def cause(result: dg.ExecuteInProcessResult) -> str:
    """The sentence in the run's failure."""
    failed = [event for event in result.all_events if event.is_failure]
    error = failed[0].event_specific_data.error
    while not error.message.startswith("bioinfo_assets.errors.InputError: "):
        error = error.cause
    assert error.message.count("\n") == 1
    return error.message


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        ("{", "is not JSON"),
        ("[1]", "write them as"),
        ('{"queu": "spot"}', "queu is none: did you mean queue?"),
        ('{"retries": 10}', "retries: input should be less than or equal to 9"),
        ('{"tags": {"a": 1}}', "tags.a: input should be a valid string"),
    ],
)
def test_a_tag_that_is_wrong_is_a_sentence(project: Project, tag: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        options_from_tags({TAG: tag})
    assert sentence in str(refused.value)
    result = project.run(tags={TAG: tag})
    assert not result.success
    assert sentence in cause(result)
    assert project.backend.submitted == []


def test_configuration_holds_every_option() -> None:
    options = JobOptions(
        image="tools:1", vcpus=2, memory_mib=4096, gpus=1, shared_memory_mib=64, timeout_s=600, retries=0, queue="spot",
        job_definition="mine:3", job_role="arn:aws:iam::1:role/a", execution_role="arn:aws:iam::1:role/b",
        tags={"a": "b"}, name_prefix="lab", share_identifier="lab", priority=3, environment={"A": "B"},
    )  # fmt: skip
    assert set(JobConfig.model_fields) == set(JobOptions.model_fields) == options.model_fields_set
    assert options_of(as_config(options)) == options
    assert options_from_tags(op_tags(options)) == options


def test_assets_say_how_their_jobs_run_by_a_tag() -> None:
    @sample_asset(group="toys", kinds=set(), options=JobOptions(memory_mib=65536))
    def large(context: dg.AssetExecutionContext, launcher: JobLauncher): ...

    @sample_asset(group="toys", kinds=set())
    def small(context: dg.AssetExecutionContext, launcher: JobLauncher): ...

    assert json.loads(large.op.tags["bioinfo-assets/config"]) == {"memory_mib": 65536}
    assert options_from_tags(small.op.tags) == JobOptions()
