"""The options of a job come in layers: the project's, the project's for the asset, then the run's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Job, JobOptions, Output
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.launcher import (
    TAG,
    JobConfig,
    JobLauncher,
    job_launcher,
    options_from_tags,
    options_of,
)
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.result_key import REFERENCES, ResultKey


class Project:
    """A project of one asset, and a backend that keeps the submitted jobs."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.backend = FakeBackend(folder / "scratch", lambda _: Behaviour(files={"text": b"x\n"}))
        self.opened: list[BackendConfig] = []
        self._folder, self._instance = folder, instance

    def run(
        self,
        *,
        jobs: JobOptions | None = None,
        steps: JobOptions | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        assets: Sequence[str] = (),
    ) -> dg.JobExecutionResult:
        """Run the asset; `config` is the launcher's in the launchpad, `assets` are those that it knows."""

        @dg.multi_asset(specs=[dg.AssetSpec("greeting", skippable=True)])
        def greeting(context: dg.AssetExecutionContext, launcher: JobLauncher) -> StepEvents:
            output = Output("text", "a.txt", f"{self._folder}/a.txt")
            job = Job(ResultKey("greeting", REFERENCES), "1", "", outputs=(output,))
            yield from launcher.materialize(context, {"greeting": JobBuilder(lambda *_: job)})

        backend_config = BackendConfig(
            backend="batch",
            scratch="s3://bucket/scratch",
            jobs=jobs or JobOptions(),
            steps={"greeting": steps} if steps else {},
            batch=BatchConfig(poll_interval_s=0.5),
        )
        job = dg.Definitions(
            assets=[greeting],
            executor=one_process_executor,
            resources={"launcher": job_launcher(str(self._folder / "output"), backend_config, assets=assets)},
        ).resolve_implicit_global_asset_job_def()
        run_config = {"resources": {"launcher": {"config": config}}} if config else None
        run = self._instance.create_run_for_job(job_def=job, run_config=run_config, tags=tags)
        return execute_run(InMemoryJob(job), run, self._instance)

    def options(self, **layers: Any) -> JobOptions:
        """The options of the submitted job."""
        for record in self._folder.rglob("*.json"):
            record.unlink()  # so that nothing is reused
        assert self.run(**layers).success
        return self.backend.submitted.pop().options


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        project = Project(tmp_path, instance)

        def open_backend(config: BackendConfig, *_: object) -> FakeBackend:
            project.opened.append(config)
            return project.backend

        monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", open_backend)
        yield project


def test_each_layer_overrides_the_one_before(project: Project) -> None:
    layers: dict[str, Any] = {}
    for number, layer in enumerate(["jobs", "steps"], start=1):
        layers[layer] = JobOptions(memory_mib=number * 1000)
        assert project.options(**layers).memory_mib == number * 1000
    layers["config"] = {"jobs": {"memory_mib": 4000}}
    assert project.options(**layers).memory_mib == 4000
    layers["config"] = {"jobs": {"memory_mib": 4000}, "steps": {"greeting": {"memory_mib": 5000}}}
    assert project.options(**layers).memory_mib == 5000
    assert project.options(**layers, tags={TAG: json.dumps({"memory_mib": 6000})}).memory_mib == 6000


def test_a_layer_keeps_the_options_that_it_does_not_name(project: Project) -> None:
    options = project.options(
        jobs=JobOptions(queue="spot", image="tools:1", retries=1, tags={"group": "genomes"}),
        steps=JobOptions(memory_mib=2048, tags={"step": "greeting"}),
        config={"jobs": {"retries": 5, "tags": {"run": "urgent"}}},
        tags={TAG: '{"queue": "on-demand"}'},
    )
    assert options.set_options() == {
        "queue": "on-demand",
        "image": "tools:1",
        "memory_mib": 2048,
        "retries": 5,
        "tags": {"group": "genomes", "step": "greeting", "run": "urgent"},
    }


def test_options_of_another_asset_are_ignored(project: Project) -> None:
    assert project.options(config={"steps": {"farewell": {"memory_mib": 9000}}}).memory_mib is None


def test_a_launchpad_that_sets_one_option_keeps_the_projects_settings(project: Project) -> None:
    options = project.options(jobs=JobOptions(queue="spot"), config={"jobs": {"priority": 7}})
    assert (options.queue, options.priority) == ("spot", 7)
    (config,) = project.opened
    assert (config.backend, config.scratch, config.batch.poll_interval_s) == ("batch", "s3://bucket/scratch", 0.5)


def test_a_run_without_configuration_has_the_projects_options(project: Project) -> None:
    assert project.options(jobs=JobOptions(queue="spot")).set_options() == {"queue": "spot"}
    assert [config.backend for config in project.opened] == ["batch"]


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"jobs": {"memry_mib": 4096}}, "memry_mib"),
        ({"jobs": {"memory_mib": "much"}}, "much"),
        ({"step": {}}, "step"),
        ({"output_path": "/elsewhere"}, "output_path"),  # it would split the results
    ],
)
def test_the_launchpad_refuses_an_unknown_option_before_there_is_a_run(
    project: Project, config: dict[str, Any], word: str
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=word):
        project.run(config=config)
    assert project.opened == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"jobs": {"retries": 10}}, "retries: input should be less than or equal to 9"),
        ({"jobs": {"timeout_s": 59}}, "timeout_s: input should be greater than or equal to 60"),
        ({"steps": {"greeting": {"vcpus": 0}}}, "vcpus: input should be greater than or equal to 1"),
    ],
)
def test_an_option_out_of_range_fails_the_run_with_a_sentence(
    project: Project, config: dict[str, Any], sentence: str
) -> None:
    result = project.run(config=config)
    assert not result.success
    assert sentence in error_message(result)
    assert project.backend.submitted == []


def test_options_of_an_asset_are_named_in_the_sentence(project: Project) -> None:
    """`jobs` has none here."""
    result = project.run(config={"steps": {"greeting": {"vcpus": 0}}})
    assert "options of greeting: vcpus" in error_message(result)


def test_options_of_a_misspelt_asset_fail_the_run_with_its_name(project: Project) -> None:
    result = project.run(config={"steps": {"greting": {"vcpus": 1}}}, assets=["greeting"])
    assert not result.success
    assert "there is no asset greting: did you mean greeting?" in error_message(result)
    assert project.backend.submitted == []


def error_message(result: dg.JobExecutionResult) -> str:
    """The sentence in the run's failure."""
    failures = [event for event in result.all_events if event.is_failure]
    error: Any = failures[0].event_specific_data.error  # type: ignore[union-attr]
    while not error.message.startswith("bioinfo_assets.errors.InputError: "):
        error = error.cause
    assert error.message.count("\n") == 1
    return str(error.message)


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        ("{", "is not JSON"),
        ("[1]", "write them as"),
        ('{"queu": "spot"}', "unknown option queu: did you mean queue?"),
        ('{"retries": 10}', "retries: input should be less than or equal to 9"),
        ('{"tags": {"a": 1}}', "tags.a: input should be a valid string"),
    ],
)
def test_an_invalid_tag_gets_a_sentence(project: Project, tag: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        options_from_tags({TAG: tag})
    assert sentence in str(error.value)
    result = project.run(tags={TAG: tag})
    assert not result.success
    assert sentence in error_message(result)
    assert project.backend.submitted == []


def test_configuration_has_every_option() -> None:
    options = JobOptions(
        image="tools:1", vcpus=2, memory_mib=4096, gpus=1, shared_memory_mib=64, timeout_s=600, retries=0, fuse=True,
        queue="spot", fallback_queue="on-demand",
        job_definition="mine:3", job_role="arn:aws:iam::1:role/a", execution_role="arn:aws:iam::1:role/b",
        tags={"a": "b"}, name_prefix="lab", share_identifier="lab", priority=3, environment={"A": "B"},
    )  # fmt: skip
    assert set(JobConfig.model_fields) == set(JobOptions.model_fields) == options.model_fields_set
    assert options_of(JobConfig(**options.set_options())) == options
    assert options_from_tags({TAG: json.dumps(options.set_options())}) == options
