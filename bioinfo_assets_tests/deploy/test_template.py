import tomllib
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from cfnlint.helpers import REGIONS

from bioinfo_assets.launch.batch.checks import check_batch
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.deploy.stack import IGNORED, TEMPLATE, serving, template

pytestmark = pytest.mark.filterwarnings(IGNORED)

RESOURCES = template()["Resources"]
POLICIES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::ManagedPolicy"}
ROLES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"}


# All that is allowed on `*`, each because it cannot be allowed on less (AWS service authorization reference).
EVERYWHERE = {
    ("ExecutionRole", "ecr:GetAuthorizationToken"),
    ("LaunchPolicy", "batch:DescribeComputeEnvironments"),
    ("LaunchPolicy", "batch:DescribeJobDefinitions"),
    ("LaunchPolicy", "batch:DescribeJobQueues"),
    ("LaunchPolicy", "batch:DescribeJobs"),
    ("LaunchPolicy", "batch:ListJobs"),
}


def statements(name: str) -> Iterator[dict[str, Any]]:
    """What a role or policy of the template allows."""
    properties = RESOURCES[name]["Properties"]
    documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    for document in [*documents, *(policy["PolicyDocument"] for policy in properties.get("Policies", []))]:
        yield from document["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(name: str) -> set[tuple[str, str]]:
    """Pairs of an action and what it is allowed on, by a short name."""
    return {
        (action, short(resource))
        for statement in statements(name)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def short(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    ((function, argument),) = resource.items()
    if function == "Fn::Split":
        return str(argument[1]["Ref"])
    if function == "Fn::GetAtt":
        return ".".join(argument)
    return str(argument).replace("arn:${AWS::Partition}:", "").replace("${AWS::Region}:${AWS::AccountId}:", "")


@pytest.fixture(scope="module")
def cloud():
    server, cloud = serving()
    yield cloud
    server.stop()


@pytest.fixture(scope="module")
def made(cloud):
    """The outputs of the stack in its own network."""
    return cloud.create(
        "genomes", {"Project": "genomes", "InputObjects": "arn:aws:s3:::reads/*,arn:aws:s3:::reference/hg38/*"}
    )


@pytest.fixture
def user(cloud, monkeypatch):
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)


def test_cfn_lint_finds_nothing():
    # Hints too, in every region, but for the one that asks for prose on each resource in a form for AI tools.
    config = ManualArgs(include_checks=["I"], ignore_checks=["I4010"], regions=REGIONS)
    assert [str(match) for match in lint(TEMPLATE.read_text(), config=config)] == []


class TestWhatTheTemplateSays:
    """Of what moto does not keep."""

    def test_the_bucket_is_encrypted_and_not_public_and_outlives_the_stack(self):
        bucket = RESOURCES["Bucket"]
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].items()) == {
            ("BlockPublicAcls", True),
            ("BlockPublicPolicy", True),
            ("IgnorePublicAcls", True),
            ("RestrictPublicBuckets", True),
        }
        assert bucket["Properties"]["BucketEncryption"]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"

    def test_nobody_comes_to_the_bucket_without_tls(self):
        (statement,) = statements("BucketPolicy")
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert [short(resource) for resource in statement["Resource"]] == ["Bucket.Arn", "${Bucket.Arn}/*"]

    def test_broken_uploads_go_after_a_week_and_scratch_after_the_days_given(self):
        broken, scratch = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert broken["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert "ExpirationInDays" not in broken
        assert (scratch["Prefix"], scratch["ExpirationInDays"]) == ("scratch/", {"Ref": "ScratchDays"})

    def test_images_are_scanned(self):
        assert RESOURCES["Repository"]["Properties"]["ImageScanningConfiguration"] == {"ScanOnPush": True}

    @pytest.mark.parametrize("name", ["EbsMachine", "NvmeMachine"])
    def test_machines_tell_their_role_to_nobody_else(self, name):
        data = RESOURCES[name]["Properties"]["LaunchTemplateData"]
        assert data["MetadataOptions"] == {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
        }
        assert all(device["Ebs"]["Encrypted"] is True for device in data["BlockDeviceMappings"])

    def test_nobody_calls_in_to_the_machines_which_call_out_by_https(self):
        group = RESOURCES["SecurityGroup"]["Properties"]
        assert "SecurityGroupIngress" not in group
        assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]

    def test_both_kinds_of_machines_differ_in_the_volume_for_scratch_only(self):
        data = {name: RESOURCES[name]["Properties"]["LaunchTemplateData"] for name in ("EbsMachine", "NvmeMachine")}
        (system, scratch), (same,) = (one["BlockDeviceMappings"] for one in data.values())
        assert (same, scratch["Ebs"]["VolumeType"]) == (system, "gp3")
        assert data["EbsMachine"]["UserData"] == data["NvmeMachine"]["UserData"]


class TestRights:
    def test_nothing_else_is_allowed_everywhere(self):
        found = {
            (name, action) for name in {*ROLES, *POLICIES} for action, resource in allowed(name) if resource == "*"
        }
        assert found == EVERYWHERE

    def test_no_right_has_a_wildcard_in_its_action(self):
        assert [pair for name in {*ROLES, *POLICIES} for pair in allowed(name) if "*" in pair[0]] == []

    def test_jobs_read_and_write_the_bucket_and_read_the_inputs(self):
        assert allowed("JobRole") == {
            ("s3:GetObject", "${Bucket.Arn}/*"),
            ("s3:PutObject", "${Bucket.Arn}/*"),
            ("s3:AbortMultipartUpload", "${Bucket.Arn}/*"),
            ("s3:ListBucket", "Bucket.Arn"),
        }
        assert allowed("InputPolicy") == {("s3:GetObject", "InputObjects"), ("s3:ListBucket", "InputObjects")}
        assert RESOURCES["InputPolicy"]["Properties"]["Roles"] == [{"Ref": "JobRole"}]

    def test_the_agent_pulls_one_image_and_writes_one_log(self):
        assert {resource for _, resource in allowed("ExecutionRole")} == {"Repository.Arn", "LogGroup.Arn", "*"}
        assert {action.partition(":")[0] for action, _ in allowed("ExecutionRole")} == {"ecr", "logs"}

    def test_who_launches_gives_jobs_those_two_roles_only(self):
        passed = {resource for action, resource in allowed("LaunchPolicy") if action == "iam:PassRole"}
        assert passed == {"JobRole.Arn", "ExecutionRole.Arn"}

    def test_who_launches_submits_to_the_two_queues_only(self):
        submitted = {resource for action, resource in allowed("LaunchPolicy") if action == "batch:SubmitJob"}
        assert submitted == {"SpotQueue", "OnDemandQueue", "batch:job-definition/${NamePrefix}-*"}

    @pytest.mark.parametrize(
        ("role", "service"),
        [
            ("JobRole", "ecs-tasks.amazonaws.com"),
            ("ExecutionRole", "ecs-tasks.amazonaws.com"),
            ("ServiceRole", "batch.amazonaws.com"),
            ("InstanceRole", {"Fn::Sub": "ec2.${AWS::URLSuffix}"}),
        ],
    )
    def test_a_role_is_for_one_service(self, role, service):
        (statement,) = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": service}


class TestTheStackInMoto:
    def test_the_queues_take_jobs_for_their_own_machines(self, cloud, made):
        assert [made[f"{queue}QueueName"] for queue in ("Spot", "OnDemand")] == ["genomes-spot", "genomes-on-demand"]
        strategies = []
        for name in ("genomes-spot", "genomes-on-demand"):
            queue, machines = self.queue_and_machines(cloud, name)
            for about in (queue, machines):
                assert (about["state"], about["status"]) == ("ENABLED", "VALID")
            resources = machines["computeResources"]
            strategies.append((resources["type"], resources["allocationStrategy"]))
        assert strategies == [("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED"), ("EC2", "BEST_FIT_PROGRESSIVE")]

    def queue_and_machines(self, cloud, name):
        """A queue and its one compute environment."""
        batch = cloud.client("batch")
        (queue,) = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        (order,) = queue["computeEnvironmentOrder"]
        asked = [order["computeEnvironment"]]
        (machines,) = batch.describe_compute_environments(computeEnvironments=asked)["computeEnvironments"]
        return queue, machines

    def test_machines_start_with_the_script_that_makes_their_scratch(self, cloud, made):
        ec2 = cloud.client("ec2")
        versions = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
        texts = {b64decode(version["LaunchTemplateData"]["UserData"]).decode() for version in versions}
        assert texts == {template()["Mappings"]["Machine"]["UserData"]["Mime"]}

    def test_types_without_disks_of_their_own_get_a_volume(self, cloud):
        made = cloud.create(
            "mixed",
            {"Project": "mixed", "EbsInstanceTypes": "m7i,c7i", "NvmeInstanceTypes": "r6id", "ScratchGiB": "700"},
        )
        assert self.types_and_volumes(cloud, made) == (["r6id", "m7i", "c7i"], [["r6id"]], [700])

    def test_there_may_be_only_such_types(self, cloud):
        made = cloud.create("plain", {"Project": "plain", "EbsInstanceTypes": "m7i", "NvmeInstanceTypes": ""})
        assert self.types_and_volumes(cloud, made) == (["m7i"], [], [500])

    def types_and_volumes(self, cloud, made):
        """Instance types, those of them that a template of their own is for, and sizes of volumes for scratch."""
        resources = self.queue_and_machines(cloud, made["SpotQueueName"])[1]["computeResources"]
        launch = resources["launchTemplate"]
        (version,) = cloud.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=launch["launchTemplateId"], Versions=[launch["version"]]
        )["LaunchTemplateVersions"]
        devices = version["LaunchTemplateData"]["BlockDeviceMappings"][1:]
        overrides = [override["targetInstanceTypes"] for override in launch.get("overrides", [])]
        return resources["instanceTypes"], overrides, [device["Ebs"]["VolumeSize"] for device in devices]

    def test_a_network_that_is_given_is_used_and_none_is_made(self, cloud):
        ec2 = cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{part}.0/24")["Subnet"]["SubnetId"] for part in (1, 2)]
        before = len(ec2.describe_vpcs()["Vpcs"])
        made = cloud.create("given", {"Project": "given", "VpcId": vpc, "SubnetIds": ",".join(subnets)})
        assert len(ec2.describe_vpcs()["Vpcs"]) == before
        resources = self.queue_and_machines(cloud, made["SpotQueueName"])[1]["computeResources"]
        assert resources["subnets"] == subnets
        groups = ec2.describe_security_groups(GroupIds=resources["securityGroupIds"])["SecurityGroups"]
        assert [group["VpcId"] for group in groups] == [vpc]

    def test_a_tag_of_an_image_is_never_moved(self, cloud, made):
        repository = made["RepositoryUri"].partition("/")[2]
        (found,) = cloud.client("ecr").describe_repositories(repositoryNames=[repository])["repositories"]
        assert found["imageTagMutability"] == "IMMUTABLE"

    def test_lines_of_logs_are_kept_for_90_days(self, cloud, made):
        (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=made["LogGroupName"])["logGroups"]
        assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/batch/genomes", 90)

    def test_jobs_have_the_right_to_the_inputs_that_are_given(self, cloud, made):
        iam = cloud.client("iam")
        role = made["JobRoleArn"].rpartition("/")[2]
        (attached,) = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        policy = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
        assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::reads/*", "arn:aws:s3:::reference/hg38/*"]


class TestTheSettingsItPrints:
    def test_they_are_the_projects_own(self, made):
        settings = Settings(output_path="s3://results", **tomllib.loads(made["Settings"]))
        assert (settings.backend, settings.scratch) == ("batch", f"{made['BucketUri']}/scratch")
        assert settings.jobs.queue == made["SpotQueueName"]
        assert settings.jobs.job_role == made["JobRoleArn"]
        assert settings.jobs.execution_role == made["ExecutionRoleArn"]
        assert settings.jobs.image == f"{made['RepositoryUri']}:0.1.0"
        assert settings.batch.log_group == made["LogGroupName"]

    def test_the_doctor_finds_all_well_once_the_image_is_pushed(self, cloud, made, user):
        settings = Settings(output_path=f"{made['BucketUri']}/results", **tomllib.loads(made["Settings"]))
        manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'
        repository = made["RepositoryUri"].partition("/")[2]
        cloud.client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag="0.1.0")
        for queue in (made["SpotQueueName"], made["OnDemandQueueName"]):
            options = settings.jobs.model_copy(update={"queue": queue})
            found = list(check_batch(options, settings.batch.log_group, [settings.scratch, settings.output_path]))
            assert [check for check in found if not check.ok] == []
            assert len(found) == 9
