"""The checks against what the project's own template made in moto's server, each thing whole and broken.

What moto cannot be brought to (broken machines, missing rights) a server says that gives fixed answers.
"""

import http.server
import json
import threading
from contextlib import contextmanager

import boto3
import pytest

from bioinfo_assets.launch.batch.checks import CheckResult, check_batch
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, start_cloud

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'


@pytest.fixture(scope="module")
def cloud():
    server, cloud = start_cloud()
    yield cloud
    server.stop()


@pytest.fixture(scope="module")
def made(cloud):
    """What the template made, with an image."""
    made = cloud.create("checked", {"Project": "checked"})
    cloud.client("ecr").put_image(repositoryName="checked", imageManifest=MANIFEST, imageTag="0.1.0")
    return made


@pytest.fixture
def user(cloud, monkeypatch):
    """The variables a user would have set."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def found(made, user):
    """The checks by name, with some options or places changed."""

    def found(places=(), log_group=made["LogGroupName"], **changed) -> dict[str, CheckResult]:
        options = JobOptions(
            **{
                "queue": made["SpotQueueName"],
                "image": f"{made['RepositoryUri']}:0.1.0",
                "job_role": made["JobRoleArn"],
                "execution_role": made["ExecutionRoleArn"],
                **changed,
            }
        )
        return {check.name: check for check in check_batch(options, log_group, places)}

    return found


def ill(says: str, check: CheckResult) -> bool:
    return not check.is_well and check.says == says


class TestCredentials:
    def test_who_asks_and_where(self, found):
        check = found()["credentials"]
        assert check.is_well
        assert check.says.startswith("arn:aws:")
        assert check.says.endswith(" in eu-central-1")

    @pytest.mark.parametrize(
        ("names", "says"),
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
    def test_without_them_nothing_else_is_asked(self, found, user, names, says):
        for name in names:
            user.delenv(name)
        assert found() == {"credentials": CheckResult("credentials", is_well=False, says=says)}

    def test_a_profile_that_is_not_there(self, found, user):
        user.setenv("AWS_PROFILE", "genomics")
        (check,) = found().values()
        assert ill("The config profile (genomics) could not be found: correct AWS_PROFILE", check)

    def test_half_of_them(self, found, user):
        user.delenv("AWS_SECRET_ACCESS_KEY")
        (check,) = found().values()
        assert not check.is_well
        assert "missing: AWS_SECRET_ACCESS_KEY" in check.says

    def test_an_endpoint_where_nobody_answers(self, found, user):
        user.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        check = found()["machines"]
        assert not check.is_well
        assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/' in check.says

    def test_a_network_without_a_way_to_sts_is_not_in_the_way(self, found, user):
        user.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        check = found()["credentials"]
        assert check.is_well
        assert check.says.endswith("not checkable: STS cannot be reached")

    def test_a_session_that_is_given_is_used(self, user):
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")  # noqa: S106
        first = next(check_batch(JobOptions(), "/x", [], session))
        assert first.says.endswith(" in us-west-2")


class TestQueue:
    @pytest.mark.parametrize("kind", ["Name", "Arn"])
    def test_one_that_takes_jobs(self, found, made, kind):
        checks = found(queue=made[f"OnDemandQueue{kind}"])
        assert (checks["queue"].is_well, checks["queue"].says) == (True, "enabled and valid")

    def test_none_is_set(self, found):
        checks = found(queue=None)
        assert ill("no job queue is set: set jobs.queue to its name", checks["queue"])
        assert "machines" not in checks

    def test_one_that_is_not_there(self, found):
        says = "job queue nightly is not in eu-central-1: check jobs.queue and the region"
        assert ill(says, found(queue="nightly")["queue"])

    def test_one_that_is_disabled(self, found, cloud, made):
        batch, queue = cloud.client("batch"), made["OnDemandQueueName"]
        batch.update_job_queue(jobQueue=queue, state="DISABLED")
        try:
            check = found(queue=queue)["queue"]
        finally:
            batch.update_job_queue(jobQueue=queue, state="ENABLED")
        says = (
            f"job queue {queue} is disabled and takes no jobs: enable it "
            f"(aws batch update-job-queue --job-queue {queue} --state ENABLED)"
        )
        assert ill(says, check)

    def test_one_that_is_invalid(self, told, found):
        queue = {**QUEUE, "status": "INVALID", "statusReason": "no environment"}
        with told({"/v1/describejobqueues": {"jobQueues": [queue]}}):
            assert ill("job queue q is invalid (no environment): wait, or correct it", found(queue="q")["queue"])

    def test_a_share_identifier_for_a_queue_that_takes_none(self, found, made):
        check = found(share_identifier="lab")["queue"]
        assert ill(f"job queue {made['SpotQueueName']} takes no share identifier: unset jobs.share_identifier", check)

    def test_none_for_a_queue_that_shares_its_machines(self, told, found):
        queue = {**QUEUE, "schedulingPolicyArn": "arn:aws:batch:eu-central-1:123456789012:scheduling-policy/fair"}
        with told({"/v1/describejobqueues": {"jobQueues": [queue]}}):
            says = "job queue q shares its machines fairly: set jobs.share_identifier"
            assert ill(says, found(queue="q")["queue"])
            assert found(queue="q", share_identifier="lab")["queue"].is_well


class TestMachines:
    def test_some_that_can_start(self, found):
        assert found()["machines"].is_well

    def test_they_are_disabled(self, found, cloud, made):
        batch, queue = cloud.client("batch"), made["OnDemandQueueName"]
        (about,) = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        arn = about["computeEnvironmentOrder"][0]["computeEnvironment"]
        batch.update_compute_environment(computeEnvironment=arn, state="DISABLED")
        try:
            check = found(queue=queue)["machines"]
        finally:
            batch.update_compute_environment(computeEnvironment=arn, state="ENABLED")
        name = arn.rpartition("/")[2]
        says = f"job queue {queue} can start no machine: compute environment {name} is disabled: enable it"
        assert ill(says, check)

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            (
                {"status": "INVALID", "statusReason": "CLIENT_ERROR - role is gone"},
                "is invalid (CLIENT_ERROR - role is gone): correct it",
            ),
            ({"computeResources": {"type": "SPOT", "maxvCpus": 0}}, "may have 0 vCPUs: raise its maxvCpus"),
            (
                {"computeResources": {"type": "FARGATE_SPOT", "maxvCpus": 16}},
                "is Fargate, and jobs mount a disk of their machine: take one of EC2",
            ),
        ],
    )
    def test_they_cannot_start(self, told, found, changed, problem):
        with told(machines({**MACHINES, **changed})):
            says = f"job queue q can start no machine: compute environment m {problem}"
            assert ill(says, found(queue="q")["machines"])

    def test_some_can_and_others_cannot(self, told, found):
        with told(machines(MACHINES, {**MACHINES, "computeEnvironmentName": "n", "state": "DISABLED"})):
            check = found(queue="q")["machines"]
        assert check.is_well
        assert check.says == "m can start machines; but compute environment n is disabled: enable it"

    def test_their_environments_are_gone(self, told, found):
        with told(machines()):
            says = "job queue q can start no machine: its compute environments are gone"
            assert ill(says, found(queue="q")["machines"])


class TestJobDefinition:
    @pytest.fixture
    def registered(self, cloud, made):
        """Registers a definition of a name; gives its ARN."""

        def registered(name: str, **container: object) -> str:
            return cloud.client("batch").register_job_definition(
                jobDefinitionName=name,
                type="container",
                containerProperties={
                    "image": f"{made['RepositoryUri']}:0.1.0",
                    "jobRoleArn": made["JobRoleArn"],
                    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
                    **container,
                },
            )["jobDefinitionArn"]

        return registered

    def test_without_one_none_is_looked_for(self, found):
        assert "job definition" not in found()

    def test_one_that_is_active_by_name_and_by_arn(self, found, registered):
        arn = registered("there")
        for name in ("there", arn):
            assert found(job_definition=name)["job definition"].says == "revision 1 is active"

    def test_one_that_is_not_there(self, found):
        says = "job definition align is not in eu-central-1: register it, or check its name"
        assert ill(says, found(job_definition="align")["job definition"])

    def test_one_that_is_no_longer_active(self, found, cloud, registered):
        arn = registered("old")
        cloud.client("batch").deregister_job_definition(jobDefinition=arn)
        says = "job definition old is no longer active: register a new revision"
        assert ill(says, found(job_definition="old")["job definition"])

    def test_one_of_many_machines(self, told, found):
        definition = {"jobDefinitionName": "mpi", "jobDefinitionArn": "arn:mpi:1", "revision": 1, "status": "ACTIVE"}
        with told({"/v1/describejobdefinitions": {"jobDefinitions": [{**definition, "type": "multinode"}]}}):
            says = "job definition mpi is not of one container: register one that is"
            assert ill(says, found(job_definition="mpi")["job definition"])

    def test_what_it_says_counts_and_not_the_options(self, found, registered, made):
        registered(
            "other",
            image=f"{made['RepositoryUri']}:0.2.0",
            logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/other"}},
        )
        checks = found(job_definition="other")
        assert ill(
            f"image {made['RepositoryUri']}:0.2.0 is not in its repository: push it (`make push`)", checks["image"]
        )
        assert checks["log group"].says.startswith("log group /other is not in eu-central-1")
        assert checks["execution role"].says == "none is set: that of the machines is used"


class TestImage:
    def test_one_that_is_there_by_tag_and_by_digest(self, found, made):
        digest = found()["image"].says
        assert digest.startswith("sha256:")
        assert found(image=f"{made['RepositoryUri']}@{digest}")["image"].says == digest

    def test_none_is_set(self, found):
        assert ill("no container image is set: set jobs.image to what `make push` printed", found(image=None)["image"])

    @pytest.mark.parametrize("end", ["", ":9", f"@sha256:{'0' * 64}"], ids=["latest", "tag", "digest"])
    def test_one_that_was_not_pushed(self, found, made, end):
        image = made["RepositoryUri"] + end
        assert ill(f"image {image} is not in its repository: push it (`make push`)", found(image=image)["image"])

    def test_one_without_a_repository(self, found):
        image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/none:1"
        says = f"there is no repository for image {image}: make it (`make create-repo`)"
        assert ill(says, found(image=image)["image"])

    def test_another_registry_is_not_asked(self, found):
        check = found(image="quay.io/lab/tools:1")["image"]
        assert (check.is_well, check.says) == (True, "not checkable: it is not in Amazon ECR")


class TestPlaces:
    def test_those_that_are_written_and_read_are_left_as_they_were(self, found, cloud, made, tmp_path):
        places = [f"{made['BucketUri']}/scratch", str(tmp_path)]
        checks = found(places=places)
        assert [checks[place].says for place in places] == ["can be written and read"] * 2
        assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket=made["BucketUri"].removeprefix("s3://"))
        assert list(tmp_path.iterdir()) == []

    def test_a_bucket_that_is_not_there(self, found):
        check = found(places=["s3://no-such-bucket/scratch"])["s3://no-such-bucket/scratch"]
        assert ill("bucket no-such-bucket does not exist: make it or check its name", check)

    def test_what_is_no_place(self, found):
        check = found(places=["scratch"])["scratch"]
        assert not check.is_well
        assert "is no place for files" in check.says


class TestLogGroup:
    def test_one_that_keeps_its_lines_for_a_time(self, found):
        assert found()["log group"] == CheckResult("log group", is_well=True, says="lines are kept for 90 days")

    def test_one_that_keeps_them_for_ever(self, found, cloud):
        cloud.client("logs").create_log_group(logGroupName="/for/ever")
        check = found(log_group="/for/ever")["log group"]
        assert check.is_well
        assert check.says == "lines are kept and paid for ever: a retention would end that"

    def test_one_that_is_not_there_though_a_longer_name_is(self, found):
        command = "aws logs create-log-group --log-group-name /aws/batch"
        says = f"log group /aws/batch is not in eu-central-1: make it ({command})"
        assert ill(says, found(log_group="/aws/batch")["log group"])


class TestRoles:
    def test_those_of_the_template(self, found):
        assert [found()[role].says for role in ("job role", "execution role")] == ["jobs can be given it"] * 2

    def test_none_is_set(self, found):
        check = found(job_role=None)["job role"]
        assert (check.is_well, check.says) == (True, "none is set: that of the machines is used")

    def test_a_name_instead_of_an_arn(self, found):
        says = "job role batch is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/NAME"
        assert ill(says, found(job_role="batch")["job role"])

    def test_one_that_is_not_there(self, found):
        arn = "arn:aws:iam::123456789012:role/gone"
        says = f"execution role {arn} is not there: make it, or correct its ARN"
        assert ill(says, found(execution_role=arn)["execution role"])

    def test_one_of_another_account(self, found, made):
        arn = made["JobRoleArn"].replace("123456789012", "210987654321")
        says = f"job role {arn} is not there, but {made['JobRoleArn']} is: correct its ARN"
        assert ill(says, found(job_role=arn)["job role"])

    @pytest.mark.parametrize(
        "statement",
        [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        ],
        ids=["another service", "denied", "anybody"],
    )
    def test_one_that_jobs_cannot_be_given(self, found, role, statement):
        arn = role([statement])
        says = f"job role {arn} cannot be given to jobs: let ecs-tasks.amazonaws.com assume it, in its trust policy"
        assert ill(says, found(job_role=arn)["job role"])

    def test_one_for_several_services(self, found, role):
        services = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]
        arn = role({"Effect": "Allow", "Principal": {"Service": services}, "Action": ["sts:AssumeRole"]})
        assert found(job_role=arn)["job role"].is_well

    @pytest.fixture
    def role(self, cloud):
        """Makes a role with these statements in its trust policy; gives its ARN."""
        iam = cloud.client("iam")

        def role(statements: object) -> str:
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            return iam.create_role(RoleName="trusted", Path="/lab/", AssumeRolePolicyDocument=policy)["Role"]["Arn"]

        yield role
        iam.delete_role(RoleName="trusted")


class TestRightsThatAreMissing:
    def test_what_only_the_doctor_asks_is_not_checkable(self, told, found):
        with told({}):
            checks = found(queue="q")
        assert [(name, checks[name].is_well, checks[name].says) for name in ("log group", "job role")] == [
            ("log group", True, "not checkable: you may not call DescribeLogGroups"),
            ("job role", True, "not checkable: you may not call GetRole"),
        ]

    def test_what_runs_need_is_ill(self, told, found):
        with told({}):
            check = found(queue="q")["queue"]
        assert ill("AWS refuses DescribeJobQueues (not for you): check your credentials and their rights", check)


QUEUE = {
    "jobQueueName": "q",
    "jobQueueArn": "arn:aws:batch:eu-central-1:123456789012:job-queue/q",
    "state": "ENABLED",
    "status": "VALID",
    "priority": 1,
    "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "m"}],
}
MACHINES = {
    "computeEnvironmentName": "m",
    "type": "MANAGED",
    "state": "ENABLED",
    "status": "VALID",
    "computeResources": {"type": "SPOT", "maxvCpus": 16},
}


def machines(*environments):
    return {
        "/v1/describejobqueues": {"jobQueues": [QUEUE]},
        "/v1/describecomputeenvironments": {"computeEnvironments": list(environments)},
    }


class Told(http.server.BaseHTTPRequestHandler):
    """Gives fixed answers by path, an identity, and refuses all else."""

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        xml = '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Code>AccessDenied</Code></Error></ErrorResponse>'
        if self.path in self.server.answers:
            self.answer(200, json.dumps(self.server.answers[self.path]))
        elif "GetCallerIdentity" in asked:
            self.answer(200, "<R><GetCallerIdentityResult><Arn>arn:aws:x</Arn></GetCallerIdentityResult></R>")
        elif asked.startswith("Action="):
            self.answer(403, xml)
        else:
            self.answer(403, '{"__type": "AccessDeniedException", "message": "not for you"}')

    def answer(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("x-amzn-ErrorType", "AccessDeniedException")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def told(user):
    """A server with these answers takes AWS's place."""

    @contextmanager
    def told(answers):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told) as server:
            server.answers, server.daemon_threads = answers, True
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            with user.context() as changed:
                changed.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
                yield
            server.shutdown()
            thread.join()

    return told
