"""The checks against the stack of the project's own template in moto's server, intact and broken."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from bioinfo_assets.launch.batch.checks import CheckResult, check_batch
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, Cloud
from bioinfo_assets_tests.launch.batch.checked_stack import (
    MACHINES,
    QUEUE,
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


class _S3Alone(BaseHTTPRequestHandler):
    """Answers as servers of S3 do to what is not for S3."""

    def do_POST(self) -> None:
        answer = b"<Error><Code>MethodNotAllowed</Code><Message>not against this resource</Message></Error>"
        self.send_response(405)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


class TestCredentials:
    def test_the_identity_and_the_region_are_shown(self, check: Check) -> None:
        result = check()["credentials"]
        assert result.ok
        assert result.message.startswith("arn:aws:")
        assert result.message.endswith(" in eu-central-1")

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (
                ("AWS_DEFAULT_REGION", "AWS_REGION"),
                "no region is set: set AWS_DEFAULT_REGION, or region in the profile of AWS_PROFILE",
            ),
            (
                ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
                "there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        ],
    )
    def test_without_credentials_nothing_else_is_checked(
        self, check: Check, user: pytest.MonkeyPatch, names: Sequence[str], message: str
    ) -> None:
        for name in names:
            user.delenv(name)
        assert check() == {"credentials": CheckResult("credentials", ok=False, message=message)}

    def test_an_unknown_profile_is_a_problem(self, check: Check, user: pytest.MonkeyPatch) -> None:
        user.setenv("AWS_PROFILE", "genomics")
        (result,) = check().values()
        assert is_problem(result, "The config profile (genomics) could not be found: correct AWS_PROFILE")

    def test_incomplete_credentials_are_a_problem(self, check: Check, user: pytest.MonkeyPatch) -> None:
        user.delenv("AWS_SECRET_ACCESS_KEY")
        (result,) = check().values()
        assert not result.ok
        assert "missing: AWS_SECRET_ACCESS_KEY" in result.message

    def test_an_endpoint_that_does_not_answer_is_a_problem(self, check: Check, user: pytest.MonkeyPatch) -> None:
        user.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        result = check()["machines"]
        assert not result.ok
        assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/' in result.message

    def test_a_network_without_access_to_sts_is_no_problem(self, check: Check, user: pytest.MonkeyPatch) -> None:
        user.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        result = check()["credentials"]
        assert result.ok
        assert result.message.endswith("identity not checked: STS cannot be reached")

    def test_an_endpoint_for_s3_alone_is_a_problem(self, check: Check, user: pytest.MonkeyPatch) -> None:
        with ThreadingHTTPServer(("127.0.0.1", 0), _S3Alone) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()
            user.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
            result = check()["credentials"]
            server.shutdown()
        assert is_problem(
            result,
            "the answer to GetCallerIdentity is not of AWS: check AWS_ENDPOINT_URL, which may be for S3 alone",
        )

    def test_a_session_can_be_passed(self, user: pytest.MonkeyPatch) -> None:
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")  # noqa: S106
        first = next(check_batch(JobOptions(), "/x", [], session))
        assert first.message.endswith(" in us-west-2")


class TestQueue:
    @pytest.mark.parametrize("kind", ["Name", "Arn"])
    def test_an_enabled_queue_is_ok(self, check: Check, stack: Mapping[str, str], kind: str) -> None:
        results = check(queue=stack[f"OnDemandQueue{kind}"])
        assert (results["queue"].ok, results["queue"].message) == (True, "enabled and valid")

    def test_an_unset_queue_is_reported(self, check: Check) -> None:
        results = check(queue=None)
        assert is_problem(results["queue"], "no job queue is set: set jobs.queue to its name")
        assert "machines" not in results

    def test_a_missing_queue_is_a_problem(self, check: Check) -> None:
        message = "job queue nightly does not exist in eu-central-1: check jobs.queue and the region"
        assert is_problem(check(queue="nightly")["queue"], message)

    def test_a_disabled_queue_is_a_problem(self, check: Check, cloud: Cloud, stack: Mapping[str, str]) -> None:
        batch, queue = cloud.client("batch"), stack["OnDemandQueueName"]
        batch.update_job_queue(jobQueue=queue, state="DISABLED")
        try:
            result = check(queue=queue)["queue"]
        finally:
            batch.update_job_queue(jobQueue=queue, state="ENABLED")
        message = (
            f"job queue {queue} is disabled: enable it (aws batch update-job-queue --job-queue {queue} --state ENABLED)"
        )
        assert is_problem(result, message)

    def test_an_invalid_queue_is_a_problem(self, answers: FixAnswers, check: Check) -> None:
        queue = {**QUEUE, "status": "INVALID", "statusReason": "no environment"}
        with answers({"/v1/describejobqueues": {"jobQueues": [queue]}}):
            assert is_problem(check(queue="q")["queue"], "job queue q is invalid (no environment): wait, or fix it")

    def test_a_share_identifier_for_another_kind_of_queue_is_a_problem(
        self, check: Check, stack: Mapping[str, str]
    ) -> None:
        result = check(share_identifier="lab")["queue"]
        assert is_problem(
            result, f"job queue {stack['SpotQueueName']} is not a fair-share queue: unset jobs.share_identifier"
        )

    def test_a_fair_share_queue_needs_a_share_identifier(self, answers: FixAnswers, check: Check) -> None:
        queue = {**QUEUE, "schedulingPolicyArn": "arn:aws:batch:eu-central-1:123456789012:scheduling-policy/fair"}
        with answers({"/v1/describejobqueues": {"jobQueues": [queue]}}):
            message = "job queue q is a fair-share queue: set jobs.share_identifier"
            assert is_problem(check(queue="q")["queue"], message)
            assert check(queue="q", share_identifier="lab")["queue"].ok


class TestJobDefinition:
    @pytest.fixture
    def register(self, cloud: Cloud, stack: Mapping[str, str]) -> Callable[..., str]:
        """Register a definition; return its ARN."""

        def register(name: str, **container: object) -> str:
            arn: str = cloud.client("batch").register_job_definition(
                jobDefinitionName=name,
                type="container",
                containerProperties={
                    "image": f"{stack['RepositoryUri']}:0.1.0",
                    "jobRoleArn": stack["JobRoleArn"],
                    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
                    **container,
                },
            )["jobDefinitionArn"]
            return arn

        return register

    def test_without_a_definition_none_is_checked(self, check: Check) -> None:
        assert "job definition" not in check()

    def test_an_active_definition_is_found_by_name_and_by_arn(self, check: Check, register: Callable[..., str]) -> None:
        arn = register("there")
        for name in ("there", arn):
            assert check(job_definition=name)["job definition"].message == "revision 1 is active"

    def test_a_missing_job_definition_is_a_problem(self, check: Check) -> None:
        message = "job definition align does not exist in eu-central-1: register it, or check its name"
        assert is_problem(check(job_definition="align")["job definition"], message)

    def test_an_inactive_definition_is_a_problem(
        self, check: Check, cloud: Cloud, register: Callable[..., str]
    ) -> None:
        arn = register("old")
        cloud.client("batch").deregister_job_definition(jobDefinition=arn)
        message = "job definition old is no longer active: register a new revision"
        assert is_problem(check(job_definition="old")["job definition"], message)

    def test_a_multi_node_definition_is_a_problem(self, answers: FixAnswers, check: Check) -> None:
        definition = {"jobDefinitionName": "mpi", "jobDefinitionArn": "arn:mpi:1", "revision": 1, "status": "ACTIVE"}
        with answers({"/v1/describejobdefinitions": {"jobDefinitions": [{**definition, "type": "multinode"}]}}):
            message = "job definition mpi is not for a single container: register one that is"
            assert is_problem(check(job_definition="mpi")["job definition"], message)

    def test_a_definition_takes_precedence_over_the_options(
        self, check: Check, register: Callable[..., str], stack: Mapping[str, str]
    ) -> None:
        register(
            "other",
            image=f"{stack['RepositoryUri']}:0.2.0",
            logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/other"}},
        )
        results = check(job_definition="other")
        assert is_problem(
            results["image"], f"image {stack['RepositoryUri']}:0.2.0 is not in its repository: push it (`make push`)"
        )
        assert results["log group"].message.startswith("log group /other does not exist in eu-central-1")
        assert results["execution role"].message == "not set: the role of the machines is used"


class TestFolders:
    def test_folders_are_left_as_they_were(
        self, check: Check, cloud: Cloud, stack: Mapping[str, str], tmp_path: Path
    ) -> None:
        folders = [f"{stack['BucketUri']}/scratch", str(tmp_path)]
        results = check(folders=folders)
        assert [results[place].message for place in folders] == ["can be written and read"] * 2
        assert results[stack["BucketUri"]].message == "is in eu-central-1"
        assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket=stack["BucketUri"].removeprefix("s3://"))
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_bucket_is_a_problem(self, check: Check) -> None:
        result = check(folders=["s3://no-such-bucket/scratch"])["s3://no-such-bucket/scratch"]
        assert is_problem(result, "bucket no-such-bucket does not exist: create it, or check its name")

    def test_a_relative_path_is_a_problem(self, check: Check) -> None:
        result = check(folders=["scratch"])["scratch"]
        assert not result.ok
        assert "is not a file location" in result.message


class TestBuckets:
    def test_a_bucket_of_another_region_is_a_problem(self, check: Check, cloud: Cloud) -> None:
        location = {"LocationConstraint": "eu-west-1"}
        replace(cloud, region="eu-west-1").client("s3").create_bucket(
            Bucket="far-away", CreateBucketConfiguration=location
        )
        message = (
            "bucket far-away is in eu-west-1, but jobs run in eu-central-1, where tools cannot read it: use a "
            "bucket in eu-central-1, or a queue in eu-west-1"
        )
        results = check(
            inputs=["s3://far-away/hg38.fa", "s3://far-away/dbsnp.vcf.gz", "https://site/hg38.fa", "/hg38.fa"]
        )
        assert [name for name in results if "://" in name] == ["s3://far-away"]
        assert is_problem(results["s3://far-away"], message)

    def test_a_missing_bucket_is_a_problem(self, check: Check) -> None:
        result = check(inputs=["s3://no-such-bucket/hg38.fa"])["s3://no-such-bucket"]
        assert is_problem(result, "bucket no-such-bucket does not exist: create it, or check its name")

    def test_the_region_is_found_without_permission_for_the_bucket(self, check: Check, answers: FixAnswers) -> None:
        with answers({"/theirs": {"x-amz-bucket-region": "eu-west-1"}}):
            result = check(queue="q", inputs=["s3://theirs/hg38.fa"])["s3://theirs"]
        assert result.message.startswith("bucket theirs is in eu-west-1, but jobs run in eu-central-1")

    def test_a_store_that_returns_no_region_is_no_problem(self, check: Check, answers: FixAnswers) -> None:
        with answers({}):
            result = check(queue="q", inputs=["s3://theirs/hg38.fa"])["s3://theirs"]
        assert (result.ok, result.message) == (True, "not checked: S3 does not return the region of the bucket")


class TestLogGroup:
    def test_the_retention_of_a_log_group_is_shown(self, check: Check) -> None:
        assert check()["log group"] == CheckResult("log group", ok=True, message="logs are kept for 90 days")

    def test_a_log_group_without_retention_is_ok(self, check: Check, cloud: Cloud) -> None:
        cloud.client("logs").create_log_group(logGroupName="/for/ever")
        result = check(log_group="/for/ever")["log group"]
        assert result.ok
        assert result.message == "logs are kept, and billed, for ever: set a retention period"

    def test_a_log_group_that_is_only_a_prefix_of_another_is_a_problem(self, check: Check) -> None:
        command = "aws logs create-log-group --log-group-name /aws/batch"
        message = f"log group /aws/batch does not exist in eu-central-1: create it ({command})"
        assert is_problem(check(log_group="/aws/batch")["log group"], message)


class TestRoles:
    def test_the_roles_of_the_template_are_ok(self, check: Check) -> None:
        assert [check()[role].message for role in ("job role", "execution role")] == ["jobs can assume it"] * 2

    def test_without_a_job_role_jobs_of_the_template_have_no_credentials(
        self, check: Check, stack: Mapping[str, str]
    ) -> None:
        message = (
            f"no job role is set, and the machines of {stack['SpotQueueName']} keep their own role from jobs, so that "
            "jobs cannot use S3: set jobs.job_role (the output JobRoleArn of deploy/batch.yaml)"
        )
        assert is_problem(check(job_role=None)["job role"], message)

    def test_without_a_job_role_others_have_the_role_of_the_machines(self, check: Check, answers: FixAnswers) -> None:
        with answers(machines(MACHINES)):
            result = check(queue="q", job_role=None)["job role"]
        assert (result.ok, result.message) == (True, "not set: the role of the machines is used")

    def test_a_name_instead_of_an_arn_is_a_problem(self, check: Check) -> None:
        message = "job role batch is not the ARN of a role, which looks like arn:aws:iam::123456789012:role/NAME"
        assert is_problem(check(job_role="batch")["job role"], message)

    def test_a_missing_role_is_a_problem(self, check: Check) -> None:
        arn = "arn:aws:iam::123456789012:role/gone"
        message = f"execution role {arn} does not exist: create it, or correct its ARN"
        assert is_problem(check(execution_role=arn)["execution role"], message)

    def test_a_role_of_another_account_is_a_problem(self, check: Check, stack: Mapping[str, str]) -> None:
        arn = stack["JobRoleArn"].replace("123456789012", "210987654321")
        message = f"job role {arn} does not exist, but {stack['JobRoleArn']} does: correct its ARN"
        assert is_problem(check(job_role=arn)["job role"], message)

    @pytest.mark.parametrize(
        "statement",
        [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        ],
        ids=["another service", "denied", "anybody"],
    )
    def test_a_role_that_jobs_cannot_assume_is_a_problem(
        self, check: Check, role: Callable[..., str], statement: object
    ) -> None:
        arn = role([statement])
        message = (
            f"job role {arn} cannot be assumed by jobs: allow ecs-tasks.amazonaws.com to assume it in its trust policy"
        )
        assert is_problem(check(job_role=arn)["job role"], message)

    def test_a_role_for_several_services_is_ok(self, check: Check, role: Callable[..., str]) -> None:
        services = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]
        arn = role({"Effect": "Allow", "Principal": {"Service": services}, "Action": ["sts:AssumeRole"]})
        assert check(job_role=arn)["job role"].ok

    @pytest.fixture
    def role(self, cloud: Cloud) -> Iterator[Callable[..., str]]:
        """Create a role with these statements in its trust policy; return its ARN."""
        iam = cloud.client("iam")

        def role(statements: object) -> str:
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            created = iam.create_role(RoleName="trusted", Path="/lab/", AssumeRolePolicyDocument=policy)
            return str(created["Role"]["Arn"])

        yield role
        iam.delete_role(RoleName="trusted")


class TestMissingPermissions:
    def test_calls_that_only_the_checks_make_are_skipped(self, answers: FixAnswers, check: Check) -> None:
        with answers({}):
            results = check(queue="q")
        assert [(name, results[name].ok, results[name].message) for name in ("log group", "job role")] == [
            ("log group", True, "not checked: you have no permission for DescribeLogGroups"),
            ("job role", True, "not checked: you have no permission for GetRole"),
        ]

    def test_calls_that_runs_make_are_a_problem(self, answers: FixAnswers, check: Check) -> None:
        with answers({}):
            result = check(queue="q")["queue"]
        assert is_problem(result, "AWS rejects DescribeJobQueues (not for you): check your credentials and permissions")
