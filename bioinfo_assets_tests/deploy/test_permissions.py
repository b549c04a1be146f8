"""What the template's policies allow and deny, decided on the policies of a created stack.

That the product works with these permissions is shown by the tests in e2e, which run with them.
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.job_definition import definition_body
from bioinfo_assets.launch.batch.scratch_paths import (
    ScratchPaths,
    attempt_folder,
    job_folder_of,
    report_uri,
    submission_folder,
)
from bioinfo_assets.launch.batch.submission_request import tags_of
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.deploy.iam import SCRATCH_TAG, Call, is_allowed
from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, Cloud, cloud

__all__ = ["cloud"]

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b"
BATCH = "arn:aws:batch:eu-central-1:123456789012"
Decide = Callable[..., bool]


@pytest.fixture(scope="module")
def outputs(cloud: Cloud) -> dict[str, str]:
    return cloud.create("guarded", {"Project": "guarded", "KmsKeyArn": KEY})


@pytest.fixture(scope="module")
def may_launch(cloud: Cloud, outputs: dict[str, str]) -> Decide:
    """Whether the policy for those who start runs allows a call."""
    documents = cloud.launch_policies(outputs)
    return lambda action, resource, **context: is_allowed(documents, Call(action, resource, context.get("context", {})))


@pytest.fixture(scope="module")
def may_job(cloud: Cloud, outputs: dict[str, str]) -> Decide:
    """Whether the role for jobs allows a call."""
    documents = cloud.job_policies(outputs)
    return lambda action, resource, **context: is_allowed(documents, Call(action, resource, context.get("context", {})))


class TestDefinitions:
    @pytest.fixture
    def may_register(self, may_launch: Decide, outputs: dict[str, str]) -> Callable[..., bool]:
        def may_register(name: str = "guarded_-0123", **keys: str) -> bool:
            context = {"batch:Image": f"{outputs['RepositoryUri']}:0.1.0"}
            context.update({f"batch:{key}": value for key, value in keys.items()})
            return may_launch("batch:RegisterJobDefinition", f"{BATCH}:job-definition/{name}", context=context)

        return may_register

    def test_the_projects_image_may_be_used_by_tag_and_by_digest(
        self, may_register: Callable[..., bool], outputs: dict[str, str]
    ) -> None:
        assert may_register()
        assert may_register(Image=f"{outputs['RepositoryUri']}@sha256:{'0' * 64}")
        assert may_register(Privileged="false")

    @pytest.mark.parametrize(
        "changed",
        [
            {"Privileged": "true"},
            {"User": "root"},
            {"User": "0:0"},
            {"User": "+0"},
            {"User": ":0"},
            {"Image": "quay.io/lab/tools:1"},
            {"Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/guarded-other:1"},
            {"name": "align-0123"},
            {"name": "guarded-2_-0123"},
        ],
        ids=str,
    )
    def test_what_could_take_over_a_machine_may_not(
        self, may_register: Callable[..., bool], changed: dict[str, str]
    ) -> None:
        assert not may_register(**changed)

    def test_a_definition_without_an_image_may_not(self, may_launch: Decide) -> None:
        assert not may_launch("batch:RegisterJobDefinition", f"{BATCH}:job-definition/guarded_-0123")

    def test_another_policy_cannot_give_it_back(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        documents = [everything, *cloud.launch_policies(outputs)]
        call = Call(
            "batch:RegisterJobDefinition",
            f"{BATCH}:job-definition/guarded_-0123",
            {"batch:Image": f"{outputs['RepositoryUri']}:1", "batch:Privileged": "true"},
        )
        assert is_allowed([everything], call)
        assert not is_allowed(documents, call)

    def test_roles_are_given_to_jobs_only(self, may_launch: Decide, outputs: dict[str, str]) -> None:
        for role in (outputs["JobRoleArn"], outputs["ExecutionRoleArn"]):
            assert may_launch("iam:PassRole", role, context={"iam:PassedToService": "ecs-tasks.amazonaws.com"})
            assert not may_launch("iam:PassRole", role, context={"iam:PassedToService": "ec2.amazonaws.com"})
        other = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
        assert not may_launch("iam:PassRole", "arn:aws:iam::123456789012:role/admin", context=other)

    def test_the_check_itself_is_made_of_a_request(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        batch = cloud.host(outputs).client("batch")
        options = JobOptions(job_role=outputs["JobRoleArn"], execution_role=outputs["ExecutionRoleArn"])
        body = definition_body(options, f"{outputs['RepositoryUri']}:1", BatchConfig())
        batch.register_job_definition(jobDefinitionName="guarded_-1", **body)
        for change in ({"privileged": True}, {"image": "alpine"}, {"jobRoleArn": "arn:aws:iam::123456789012:role/x"}):
            container = {**body["containerProperties"], **change}
            with pytest.raises(ClientError, match="not authorized"):
                batch.register_job_definition(
                    jobDefinitionName="guarded_-1", **{**body, "containerProperties": container}
                )


class TestJobs:
    @pytest.fixture
    def tags(self, outputs: dict[str, str]) -> dict[str, str]:
        """The tags of a job of this stack, as in its submission."""
        scratch = f"{outputs['BucketUri']}/scratch"
        tags = tags_of(Job(ResultKey("aligned_bam", "expt"), "1", ""), "run", scratch, is_single=True)
        return {f"bioinfo-assets:{name}": value for name, value in tags.items()}

    @pytest.fixture
    def others(self, tags: dict[str, str]) -> dict[str, str]:
        """The tags of a job of another stack."""
        return {**tags, SCRATCH_TAG: "s3://another/scratch"}

    def test_only_jobs_of_this_stack_may_be_terminated(
        self, may_launch: Decide, tags: dict[str, str], others: dict[str, str]
    ) -> None:
        def may_end(tags: dict[str, str]) -> bool:
            context = {f"aws:ResourceTag/{name}": value for name, value in tags.items()}
            return may_launch("batch:TerminateJob", f"{BATCH}:job/0f3c", context=context)

        assert [may_end(tags), may_end(others), may_end({})] == [True, False, False]

    def test_a_job_of_an_array_has_no_tags_and_may_be_terminated(self, may_launch: Decide) -> None:
        assert may_launch("batch:TerminateJob", f"{BATCH}:job/0f3c:7")

    def test_jobs_are_submitted_with_this_stacks_tag(
        self, may_launch: Decide, tags: dict[str, str], others: dict[str, str]
    ) -> None:
        def may_tag(tags: dict[str, str], resource: str = "job/0f3c") -> bool:
            context = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
            return may_launch("batch:TagResource", f"{BATCH}:{resource}", context=context)

        assert [may_tag(tags), may_tag(others), may_tag({})] == [True, False, False]
        # AWS asks for the job's definition, too.
        assert may_tag(tags, "job-definition/guarded_-0:1")
        assert not may_tag(tags, "job-definition/theirs_-0:1")

    def test_other_queues_are_closed(self, may_launch: Decide, outputs: dict[str, str]) -> None:
        assert may_launch("batch:SubmitJob", outputs["SpotQueueArn"])
        assert may_launch("batch:SubmitJob", outputs["OnDemandQueueArn"])
        assert not may_launch("batch:SubmitJob", f"{BATCH}:job-queue/theirs")


class TestData:
    def test_jobs_write_where_the_driver_and_the_probe_write(self, may_job: Decide, outputs: dict[str, str]) -> None:
        scratch = ScratchPaths(f"{outputs['BucketUri']}/scratch")
        folder = submission_folder(scratch.job_folder("0f3c"), 1)
        assert job_folder_of(folder).startswith(scratch.root)
        for uri in (report_uri(attempt_folder(folder, "0f3c:7", 1)), scratch.tool_list("image")):
            assert may_job("s3:PutObject", uri.replace("s3://", "arn:aws:s3:::"))

    def test_jobs_cannot_change_results(self, may_job: Decide, may_launch: Decide, outputs: dict[str, str]) -> None:
        for result in ("run7/results/expt.bam", "run7/records/expt.json", "scratch-of-another/x"):
            arn = f"{outputs['BucketUri']}/{result}".replace("s3://", "arn:aws:s3:::")
            assert may_job("s3:GetObject", arn)
            for action in ("s3:PutObject", "s3:DeleteObject"):
                assert not may_job(action, arn)
                assert may_launch(action, arn)

    def test_the_check_itself_is_made_of_a_request(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        s3, bucket = cloud.job(outputs).client("s3"), outputs["BucketUri"].removeprefix("s3://")
        s3.put_object(Bucket=bucket, Key="scratch/x", Body=b"1")
        assert s3.get_object(Bucket=bucket, Key="scratch/x")["Body"].read() == b"1"
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key="run7/x", Body=b"1")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key="scratch/x")

    @pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
    def test_a_key_is_used_through_s3_only(self, may_job: Decide, may_launch: Decide, action: str) -> None:
        for may in (may_job, may_launch):
            assert may(action, KEY, context={"kms:ViaService": "s3.eu-central-1.amazonaws.com"})
            assert not may(action, KEY, context={"kms:ViaService": "ebs.eu-central-1.amazonaws.com"})
            assert not may(
                action, KEY.replace("0a1b", "0a1c"), context={"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
            )


def test_an_unknown_operator_is_an_error() -> None:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"IpAddress": {"a": "b"}},
    }
    with pytest.raises(KeyError):
        is_allowed([{"Statement": [statement]}], Call("s3:GetObject"))
