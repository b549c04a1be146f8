"""Job definitions: few, named by what is in them."""

import json
from pathlib import Path

import boto3
import pytest

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.job_definition import MachineConfig, definition_body, definition_name
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets_tests.launch.batch.machines import ended, opened
from bioinfo_assets_tests.launch.contract import TEXT, job

GOLDEN = Path(__file__).parent / "golden"
MACHINE = MachineConfig("/aws/batch/job", "/scratch")
GREETS = job("greets", outputs=(TEXT,))


def name(image="tools:1", machine=MACHINE, **options):
    return definition_name(JobOptions(**options), image, machine)


def test_a_definition_reads_like_this():
    # Written by hand from the API reference of RegisterJobDefinition.
    options = JobOptions(
        shared_memory_mib=2048,
        job_role="arn:aws:iam::123456789012:role/job",
        execution_role="arn:aws:iam::123456789012:role/execution",
    )
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools@sha256:0000"
    assert definition_body(options, image, MACHINE) == json.loads((GOLDEN / "definition.json").read_text())


@pytest.mark.parametrize("option", [{"job_role": "r"}, {"execution_role": "r"}, {"shared_memory_mib": 64}])
def test_what_a_submission_cannot_override_gives_another_definition(option):
    assert name(**option) != name()


def test_so_do_another_image_volume_and_log_group():
    others = {
        name(image="tools:2"),
        name(machine=MachineConfig("/aws/batch/job", "")),
        name(machine=MachineConfig("/x", "/scratch")),
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
def test_what_a_submission_overrides_does_not(option):
    assert name(**option) == name()


class TestReuse:
    def test_two_processes_register_one_definition(self, simulator, scratch):
        for run in ("one", "two"):
            with opened(scratch, run) as backend:
                assert ended(backend, GREETS).state is State.SUCCEEDED
        assert simulator.count("RegisterJobDefinition") == 1

    def test_another_image_registers_another(self, simulator, scratch):
        for image in ("tools:1", "tools:2"):
            with opened(scratch, image=image) as backend:
                assert ended(backend, GREETS).report.image == image
        assert simulator.count("RegisterJobDefinition") == 2


class TestAGivenDefinition:
    @pytest.fixture
    def registered(self, simulator):
        batch = boto3.client("batch")
        properties = {
            "image": "given:1",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        }
        made = [
            batch.register_job_definition(jobDefinitionName="given", type="container", containerProperties=properties)
            for _ in range(2)
        ]
        yield made
        batch.close()

    @pytest.mark.parametrize("kind", ["name", "revision", "arn"])
    def test_is_used_as_it_is(self, simulator, scratch, registered, kind):
        known = {"name": "given", "revision": "given:1", "arn": registered[0]["jobDefinitionArn"]}
        with opened(scratch, job_definition=known[kind], image="other:1") as backend:
            assert ended(backend, GREETS).report.image == "given:1"
        newest = 2 if kind == "name" else 1
        assert simulator.payloads("SubmitJob")[0]["jobDefinition"].endswith(f"job-definition/given:{newest}")
        assert simulator.count("RegisterJobDefinition") == 2

    def test_that_is_not_there_is_told(self, simulator, scratch):
        with opened(scratch, job_definition="nothing") as backend:
            assert ended(backend, GREETS).reason == (
                "job definition nothing is not there or not active: register it, or check its name"
            )
