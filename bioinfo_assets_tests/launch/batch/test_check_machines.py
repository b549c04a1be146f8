"""The checks of machines: compute environments, room for the largest job, quotas."""

from collections.abc import Mapping
from typing import Any

import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.pipeline.largest_job import ASSET, largest_job
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps import resources
from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, Cloud
from bioinfo_assets_tests.launch.batch.checked_stack import (
    MACHINES,
    Check,
    FixAnswers,
    answers,
    check,
    cloud,
    is_problem,
    machines,
    stack,
    user,
)

__all__ = ["answers", "check", "cloud", "stack", "user"]

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

LARGEST = Resources(cpus=32, memory_mib=65536)
NEEDS = "the largest job asks for 32 vCPUs and 65536 MiB"
ADVICE = "use larger machines, or set vcpus and memory_mib for its step"


class TestMachines:
    def test_a_usable_compute_environment_is_ok(self, check: Check) -> None:
        assert check()["machines"].ok

    def test_a_disabled_compute_environment_is_a_problem(
        self, check: Check, cloud: Cloud, stack: Mapping[str, str]
    ) -> None:
        batch, queue = cloud.client("batch"), stack["OnDemandQueueName"]
        (about,) = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        arn = about["computeEnvironmentOrder"][0]["computeEnvironment"]
        batch.update_compute_environment(computeEnvironment=arn, state="DISABLED")
        try:
            result = check(queue=queue)["machines"]
        finally:
            batch.update_compute_environment(computeEnvironment=arn, state="ENABLED")
        name = arn.rpartition("/")[2]
        message = f"job queue {queue} cannot start machines: compute environment {name} is disabled: enable it"
        assert is_problem(result, message)

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            (
                {"status": "INVALID", "statusReason": "CLIENT_ERROR - role is gone"},
                "is invalid (CLIENT_ERROR - role is gone): fix it",
            ),
            ({"computeResources": {"type": "SPOT", "maxvCpus": 0}}, "has a maximum of 0 vCPUs: raise its maxvCpus"),
            (
                {"containerOrchestrationType": "EKS"},
                "runs jobs on Amazon EKS, but they are containers for Amazon ECS: use one with ECS on EC2",
            ),
            (
                {"computeResources": {"type": "ECS_MANAGED_INSTANCES", "maxvCpus": 16}},
                "is of type ECS Managed Instances, but jobs mount a disk of their machine: use one of type EC2",
            ),
            (
                {"computeResources": {"type": "FARGATE_SPOT", "maxvCpus": 16}},
                "is of type Fargate, but jobs mount a disk of their machine: use one of type EC2",
            ),
        ],
    )
    def test_an_unusable_compute_environment_is_a_problem(
        self,
        answers: FixAnswers,
        check: Check,
        changed: Mapping[str, object],
        problem: str,
    ) -> None:
        with answers(machines({**MACHINES, **changed})):
            message = f"job queue q cannot start machines: compute environment m {problem}"
            assert is_problem(check(queue="q")["machines"], message)

    def test_one_usable_compute_environment_is_enough(self, answers: FixAnswers, check: Check) -> None:
        with answers(machines(MACHINES, {**MACHINES, "computeEnvironmentName": "n", "state": "DISABLED"})):
            result = check(queue="q")["machines"]
        assert result.ok
        assert result.message == "m can start machines; but compute environment n is disabled: enable it"

    def test_a_queue_whose_compute_environments_are_gone_is_a_problem(self, answers: FixAnswers, check: Check) -> None:
        with answers(machines()):
            message = "job queue q cannot start machines: its compute environments are gone"
            assert is_problem(check(queue="q")["machines"], message)


class TestLargestJob:
    def test_it_is_alignment_unless_its_options_differ(self) -> None:
        default = Settings(output_path="s3://bucket/run")
        needs = resources.for_alignment(10**11, 10**11, thread_mib=1)
        assert largest_job(default) == Resources(needs.cpus, needs.memory_mib)
        small = Settings(output_path="s3://bucket/run", steps={ASSET: {"vcpus": 4, "memory_mib": 9000}})
        assert largest_job(small) == Resources(cpus=4, memory_mib=9000)

    def test_the_templates_machines_have_room_for_it(self, check: Check) -> None:
        # c6id.8xlarge has as many vCPUs, but only 64 GiB, not all of which jobs can have.
        result = check(largest_job=LARGEST)["largest job"]
        assert (result.ok, result.message) == (True, f"{NEEDS}; it fits m6id.8xlarge, r6id.8xlarge")

    def test_they_have_room_for_what_the_steps_ask_for(self, check: Check) -> None:
        assert check(largest_job=largest_job(Settings(output_path="s3://bucket/run")))["largest job"].ok

    @pytest.mark.parametrize("types", ["m6id.4xlarge", "c6gd", "c6id.8xlarge"])
    def test_too_small_machines_and_those_of_another_architecture_are_a_problem(
        self, check: Check, cloud: Cloud, types: str
    ) -> None:
        name = "small-" + types.replace(".", "-")
        outputs = cloud.create(name, {"Project": name, "NvmeInstanceTypes": types})
        result = check(queue=outputs["SpotQueueName"], largest_job=LARGEST)["largest job"]
        assert is_problem(result, f"{NEEDS}, but no x86_64 type in {types} has that many: {ADVICE}")

    def test_a_family_has_machines_of_many_sizes(self, check: Check, cloud: Cloud) -> None:
        outputs = cloud.create("family", {"Project": "family", "NvmeInstanceTypes": "m6id"})
        result = check(queue=outputs["SpotQueueName"], largest_job=LARGEST)["largest job"]
        assert result.message == f"{NEEDS}; it fits m6id.12xlarge, m6id.16xlarge, m6id.24xlarge and others"

    def test_a_small_maximum_of_vcpus_is_a_problem(self, check: Check, cloud: Cloud) -> None:
        outputs = cloud.create("narrow", {"Project": "narrow", "MaxvCpusSpot": "16"})
        result = check(queue=outputs["SpotQueueName"], largest_job=LARGEST)["largest job"]
        maximum = f"{NEEDS}, but job queue narrow-spot starts at most 16 vCPUs: raise maxvCpus, or {ADVICE}"
        assert is_problem(result, maximum)

    def test_it_is_not_checked_without_permission(self, check: Check, answers: FixAnswers) -> None:
        with answers(machines(STANDARD)):
            results = check(queue="q", largest_job=LARGEST)
        for name, call in (("largest job", "DescribeInstanceTypes"), ("vCPU quota", "GetServiceQuota")):
            assert (results[name].ok, results[name].message) == (
                True,
                f"not checked: you have no permission for {call}",
            )

    def test_aws_batch_may_choose_the_instance_types(self, check: Check, answers: FixAnswers) -> None:
        chosen = {**STANDARD, "computeResources": {**STANDARD["computeResources"], "instanceTypes": ["optimal"]}}
        with answers(machines(chosen)):
            result = check(queue="q", largest_job=LARGEST)["largest job"]
        assert (result.ok, result.message) == (True, f"{NEEDS}; instance types are chosen by AWS Batch")


class TestQuota:
    @pytest.mark.parametrize(
        ("kind", "value", "ok", "message"),
        [
            ("SPOT", 640.0, True, "640 spot vCPUs"),
            ("SPOT", 64.0, True, "64 spot vCPUs of the queue's 256 (Service Quotas, Amazon EC2, L-34B43A08)"),
            (
                "EC2",
                5.0,
                False,
                (
                    "the account may run 5 on-demand vCPUs, and the largest job asks for 32: "
                    "request more (Service Quotas, Amazon EC2, L-1216C47A)"
                ),
            ),
        ],
    )
    def test_a_quota_below_the_largest_job_is_a_problem(
        self, check: Check, answers: FixAnswers, kind: str, value: float, message: str, *, ok: bool
    ) -> None:
        about = {**STANDARD, "computeResources": {**STANDARD["computeResources"], "type": kind}}
        quota = {"ServiceQuotasV20190624.GetServiceQuota": {"Quota": {"Value": value}}}
        with answers({**machines(about), **quota}):
            result = check(queue="q", largest_job=LARGEST)["vCPU quota"]
        assert (result.ok, result.message) == (ok, message)

    def test_an_unknown_quota_is_no_problem(self, check: Check) -> None:
        result = check(largest_job=LARGEST)["vCPU quota"]
        assert (result.ok, result.message) == (True, "not checked: there is no quota L-34B43A08 in eu-central-1")

    def test_machines_with_gpus_have_another_quota(self, check: Check, answers: FixAnswers) -> None:
        about = {**STANDARD, "computeResources": {**STANDARD["computeResources"], "instanceTypes": ["g6.8xlarge"]}}
        with answers(machines(about)):
            result = check(queue="q", largest_job=LARGEST)["vCPU quota"]
        assert (result.ok, result.message) == (True, "no quota of standard instances applies")


STANDARD: Mapping[str, Any] = {
    **MACHINES,
    "computeResources": {"type": "SPOT", "maxvCpus": 256, "instanceTypes": ["m6id.8xlarge"]},
}
