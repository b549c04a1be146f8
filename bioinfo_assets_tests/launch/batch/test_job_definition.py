"""Job definitions: few, named by their content."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.job_definition import definition_body, definition_name
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend, run_job
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of
from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.simulator.definitions import Definitions

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import RegisterJobDefinitionResponseTypeDef

GOLDEN = Path(__file__).parent / "golden"
CONFIG = BatchConfig(log_group="/aws/batch/job", scratch_volume="/scratch")
GREETS = job("greets", outputs=(TEXT,))


def name(image: str = "tools:1", config: BatchConfig = CONFIG, **options: Any) -> str:
    return definition_name(JobOptions(**options), image, config)


def test_a_definition_matches_the_golden_file() -> None:
    # Written by hand from the API reference of RegisterJobDefinition.
    options = JobOptions(
        shared_memory_mib=2048,
        job_role="arn:aws:iam::123456789012:role/job",
        execution_role="arn:aws:iam::123456789012:role/execution",
    )
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools@sha256:0000"
    assert definition_body(options, image, CONFIG) == json.loads((GOLDEN / "definition.json").read_text())


@pytest.mark.parametrize("option", [{"job_role": "r"}, {"execution_role": "r"}, {"shared_memory_mib": 64}])
def test_what_a_submission_cannot_override_changes_the_definition(option: dict[str, Any]) -> None:
    assert name(**option) != name()


def test_image_volume_and_log_group_change_the_definition() -> None:
    others = {
        name(image="tools:2"),
        name(config=CONFIG.model_copy(update={"scratch_volume": ""})),
        name(config=CONFIG.model_copy(update={"log_group": "/x"})),
    }
    assert len(others | {name()}) == 4


@pytest.mark.parametrize(
    "option",
    [
        {"vcpus": 8},
        {"memory_mib": 9000},
        {"gpus": 1},
        {"timeout_s": 60},
        {"retries": 0},
        {"queue": "q"},
        {"tags": {"a": "b"}},
        {"share_identifier": "s"},
        {"priority": 1},
        {"environment": {"A": "b"}},
    ],
    ids=str,
)
def test_what_a_submission_overrides_does_not_change_the_definition(option: dict[str, Any]) -> None:
    assert name(**option) == name()


class TestReuse:
    def test_two_processes_register_one_definition(self, simulator: BatchSimulator, scratch: str) -> None:
        for run in ("one", "two"):
            with batch_backend(scratch, run) as backend:
                assert run_job(backend, GREETS).state is State.SUCCEEDED
        assert simulator.count("RegisterJobDefinition") == 1

    def test_another_image_registers_another_definition(self, simulator: BatchSimulator, scratch: str) -> None:
        for image in ("tools:1", "tools:2"):
            with batch_backend(scratch, image=image) as backend:
                assert report_of(run_job(backend, GREETS)).image == image
        assert simulator.count("RegisterJobDefinition") == 2


class TestCustomDefinition:
    @pytest.fixture
    def registered(self, simulator: BatchSimulator) -> Iterator[list["RegisterJobDefinitionResponseTypeDef"]]:
        batch = boto3.client("batch")
        properties: Any = {
            "image": "given:1",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        }
        definitions = [
            batch.register_job_definition(jobDefinitionName="given", type="container", containerProperties=properties)
            for _ in range(2)
        ]
        yield definitions
        batch.close()

    @pytest.mark.parametrize("kind", ["name", "revision", "arn"])
    def test_a_custom_definition_is_used_unchanged(
        self,
        simulator: BatchSimulator,
        scratch: str,
        registered: list["RegisterJobDefinitionResponseTypeDef"],
        kind: str,
    ) -> None:
        references = {"name": "given", "revision": "given:1", "arn": registered[0]["jobDefinitionArn"]}
        with batch_backend(scratch, job_definition=references[kind], image="other:1") as backend:
            assert report_of(run_job(backend, GREETS)).image == "given:1"
        newest = 2 if kind == "name" else 1
        assert simulator.payloads("SubmitJob")[0]["jobDefinition"].endswith(f"job-definition/given:{newest}")
        assert simulator.count("RegisterJobDefinition") == 2

    def test_the_newest_of_many_revisions_is_used_in_whatever_order_they_are_listed(
        self,
        simulator: BatchSimulator,
        registered: list["RegisterJobDefinitionResponseTypeDef"],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        batch, describe = boto3.client("batch"), Definitions.describe
        monkeypatch.setattr(Definitions, "describe", lambda own, request: describe(own, request)[::-1])
        for _ in range(100):
            batch.register_job_definition(
                jobDefinitionName="given",
                type="container",
                containerProperties=batch.describe_job_definitions()["jobDefinitions"][0]["containerProperties"],
            )
        batch.close()
        with closing(Client()) as client:
            newest = client.definition("given")
        assert newest is not None
        assert newest["revision"] == 102

    def test_a_missing_definition_is_an_error(self, simulator: BatchSimulator, scratch: str) -> None:
        with batch_backend(scratch, job_definition="nothing") as backend:
            assert run_job(backend, GREETS).reason == (
                "job definition nothing does not exist or is not active: register it, or check its name"
            )
