"""The CloudFormation template: its permissions, the stack that moto creates from it, and the settings it prints."""

import tomllib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any, Final

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]
from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]
from moto.ec2.models.instance_types import INSTANCE_TYPES as EC2_INSTANCE_TYPES

from bioinfo_assets.launch.batch.checks import check_batch
from bioinfo_assets.launch.batch.submission_request import MAX_TIMEOUT_S
from bioinfo_assets.pipeline.largest_job import largest_job
from bioinfo_assets.settings import Settings, load
from bioinfo_assets_tests.container_engine import CLONE
from bioinfo_assets_tests.deploy.iam import as_list
from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, TEMPLATE, Cloud, cloud, template

__all__ = ["cloud"]

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

RESOURCES = template()["Resources"]
POLICIES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::ManagedPolicy"}
ROLES = {name: resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"}


ALLOWED_ON_ALL_RESOURCES = {
    ("ExecutionRole", "ecr:GetAuthorizationToken"),
    ("LaunchPolicy", "batch:DescribeComputeEnvironments"),
    ("LaunchPolicy", "batch:DescribeJobDefinitions"),
    ("LaunchPolicy", "batch:DescribeJobQueues"),
    ("LaunchPolicy", "batch:DescribeJobs"),
    ("LaunchPolicy", "batch:ListJobs"),
    ("LaunchPolicy", "ec2:DescribeInstanceTypes"),
    ("LaunchPolicy", "ec2:DescribeLaunchTemplateVersions"),
    ("LaunchPolicy", "servicequotas:GetServiceQuota"),
}
"""Actions that cannot be restricted to resources (AWS service authorization reference)."""


def statements(name: str) -> Iterator[dict[str, Any]]:
    """The statements of a role or policy of the template."""
    properties = RESOURCES[name]["Properties"]
    documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    for document in [*documents, *(policy["PolicyDocument"] for policy in properties.get("Policies", []))]:
        yield from document["Statement"]


def allowed(name: str) -> set[tuple[str, str]]:
    """The allowed actions with the short name of their resource."""
    return {
        (action, short_name(resource))
        for statement in statements(name)
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def short_name(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    ((function, argument),) = resource.items()
    if function == "Fn::Split":
        return str(argument[1]["Ref"])
    if function == "Ref":
        return str(argument)
    if function == "Fn::GetAtt":
        return ".".join(argument)
    return str(argument).replace("arn:${AWS::Partition}:", "").replace("${AWS::Region}:${AWS::AccountId}:", "")


@pytest.fixture(scope="module")
def outputs(cloud: Cloud) -> dict[str, str]:
    """The outputs of a stack that creates its network."""
    return cloud.create(
        "genomes", {"Project": "genomes", "InputObjects": "arn:aws:s3:::reads/*,arn:aws:s3:::reference/hg38/*"}
    )


@pytest.fixture
def host(cloud: Cloud, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a user with the policies for those who start runs."""
    for name, value in cloud.host(outputs).environment().items():
        monkeypatch.setenv(name, value)


SOME_REGIONS: Final = ["us-east-1", "us-west-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
"""The largest, the one with two zones, a usual one in Europe, and one of each other partition."""


@pytest.mark.parametrize("regions", [SOME_REGIONS, pytest.param(REGIONS, marks=pytest.mark.long)], ids=["some", "all"])
def test_cfn_lint_finds_no_problem(regions: list[str]) -> None:
    # Hints included, except for the one that requires a description of each resource.
    config = ManualArgs(include_checks=["I"], ignore_checks=["I4010"], regions=regions)
    assert [str(match) for match in lint(TEMPLATE.read_text(), config=config)] == []


class TestTemplate:
    """Properties that moto does not keep."""

    def test_the_bucket_is_encrypted_private_and_retained(self) -> None:
        bucket = RESOURCES["Bucket"]
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].items()) == {
            ("BlockPublicAcls", True),
            ("BlockPublicPolicy", True),
            ("IgnorePublicAcls", True),
            ("RestrictPublicBuckets", True),
        }
        assert bucket["Properties"]["BucketEncryption"]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"

    def test_access_to_the_bucket_without_tls_is_denied(self) -> None:
        (statement,) = statements("BucketPolicy")
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert [short_name(resource) for resource in statement["Resource"]] == ["Bucket.Arn", "${Bucket.Arn}/*"]

    def test_incomplete_uploads_expire_after_a_week_and_scratch_after_the_set_days(self) -> None:
        broken, scratch, _ = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert broken["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert "ExpirationInDays" not in broken
        assert (scratch["Prefix"], scratch["ExpirationInDays"]) == ("scratch/", {"Ref": "ScratchDays"})

    def test_versions_are_kept_only_if_asked_for(self) -> None:
        contents = template()
        condition, then, otherwise = RESOURCES["Bucket"]["Properties"]["VersioningConfiguration"]["Fn::If"]
        assert (then, otherwise) == ({"Status": "Enabled"}, {"Ref": "AWS::NoValue"})
        assert contents["Conditions"][condition] == {"Fn::Equals": [{"Ref": "Versioning"}, "true"]}
        assert contents["Parameters"]["Versioning"]["Default"] == "false"

    def test_earlier_versions_expire_and_those_of_scratch_at_once(self) -> None:
        _, scratch, noncurrent = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert "Prefix" not in noncurrent
        assert noncurrent["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "NoncurrentDays"}}
        assert scratch["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}

    def test_images_are_scanned(self) -> None:
        assert RESOURCES["Repository"]["Properties"]["ImageScanningConfiguration"] == {"ScanOnPush": True}

    @pytest.mark.parametrize("name", ["EbsMachine", "NvmeMachine"])
    def test_jobs_cannot_read_the_role_of_the_machine(self, name: str) -> None:
        data = RESOURCES[name]["Properties"]["LaunchTemplateData"]
        assert data["MetadataOptions"] == {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
        }
        assert all(device["Ebs"]["Encrypted"] is True for device in data["BlockDeviceMappings"])

    def test_machines_accept_no_connections_and_open_only_https(self) -> None:
        group = RESOURCES["SecurityGroup"]["Properties"]
        assert "SecurityGroupIngress" not in group
        assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]

    def test_both_kinds_of_machines_differ_only_in_the_scratch_volume(self) -> None:
        data = {name: RESOURCES[name]["Properties"]["LaunchTemplateData"] for name in ("EbsMachine", "NvmeMachine")}
        (system, scratch), (only,) = (machine["BlockDeviceMappings"] for machine in data.values())
        assert (only, scratch["Ebs"]["VolumeType"]) == (system, "gp3")
        assert data["EbsMachine"]["UserData"] == data["NvmeMachine"]["UserData"]

    def test_each_subnet_has_a_route_and_addresses_of_its_own(self) -> None:
        subnets = {name: about for name, about in RESOURCES.items() if about["Type"] == "AWS::EC2::Subnet"}
        routed = {
            about["Properties"]["SubnetId"]["Ref"]: about["Condition"]
            for about in RESOURCES.values()
            if about["Type"] == "AWS::EC2::SubnetRouteTableAssociation"
        }
        assert routed == {name: about["Condition"] for name, about in subnets.items()}
        networks = [IPv4Network(about["Properties"]["CidrBlock"]) for about in subnets.values()]
        assert not any(first.overlaps(second) for first, second in combinations(networks, 2))
        assert all(network.subnet_of(IPv4Network("10.0.0.0/16")) for network in networks)

    @pytest.mark.parametrize("name", ["SpotEnvironment", "OnDemandEnvironment"])
    def test_machines_can_be_changed_while_jobs_run(self, name: str) -> None:
        # Conditions of an infrastructure update (AWS Batch user guide, infrastructure-updates).
        environment = RESOURCES[name]["Properties"]
        assert "ServiceRole" not in environment
        assert "ComputeEnvironmentName" not in environment
        assert environment["ReplaceComputeEnvironment"] is False
        assert environment["ComputeResources"]["AllocationStrategy"] in {
            "BEST_FIT_PROGRESSIVE",
            "SPOT_PRICE_CAPACITY_OPTIMIZED",
        }
        assert environment["ComputeResources"]["UpdateToLatestImageVersion"] is True
        assert environment["UpdatePolicy"]["TerminateJobsOnUpdate"] is False
        assert environment["UpdatePolicy"]["JobExecutionTimeoutMinutes"] * 60 == MAX_TIMEOUT_S

    def test_the_default_machines_have_room_for_a_genome_and_some_for_the_largest_step(self) -> None:
        # Moto has AWS's own answer to DescribeInstanceTypes.
        types = template()["Parameters"]["NvmeInstanceTypes"]["Default"].split(",")
        abouts = [EC2_INSTANCE_TYPES[name] for name in types]
        assert min(about["InstanceStorageInfo"]["TotalSizeInGB"] for about in abouts) >= 900
        assert max(about["VCpuInfo"]["DefaultVCpus"] for about in abouts) == 32
        assert {tuple(about["ProcessorInfo"]["SupportedArchitectures"]) for about in abouts} == {("x86_64",)}
        assert {about["Hypervisor"] for about in abouts} == {"nitro"}

    def test_the_default_volume_is_one_that_gp3_allows(self) -> None:
        # 0.25 MiB/s for each IOPS, 500 IOPS for each GiB (EBS user guide, general-purpose).
        parameters = template()["Parameters"]
        size, throughput, iops = (parameters[name]["Default"] for name in ("ScratchGiB", "ScratchMiBps", "ScratchIops"))
        assert throughput <= parameters["ScratchMiBps"]["MaxValue"] <= iops / 4
        assert iops <= 500 * size


class TestPermissions:
    def test_only_unrestrictable_actions_are_allowed_on_all_resources(self) -> None:
        allowed_on_all = {
            (name, action) for name in {*ROLES, *POLICIES} for action, resource in allowed(name) if resource == "*"
        }
        assert allowed_on_all == ALLOWED_ON_ALL_RESOURCES

    def test_no_permission_has_a_wildcard_in_its_action(self) -> None:
        assert [pair for name in {*ROLES, *POLICIES} for pair in allowed(name) if "*" in pair[0]] == []

    def test_jobs_read_the_bucket_and_the_inputs_and_write_to_scratch(self) -> None:
        assert allowed("JobRole") == {
            ("s3:GetObject", "${Bucket.Arn}/*"),
            ("s3:PutObject", "${Bucket.Arn}/scratch/*"),
            ("s3:AbortMultipartUpload", "${Bucket.Arn}/scratch/*"),
            ("s3:ListBucket", "Bucket.Arn"),
        }
        assert allowed("InputPolicy") == {("s3:GetObject", "InputObjects"), ("s3:ListBucket", "InputObjects")}
        assert allowed("KeyPolicy") == {("kms:Decrypt", "KmsKeyArn"), ("kms:GenerateDataKey", "KmsKeyArn")}
        assert allowed("InputKeyPolicy") == {("kms:Decrypt", "InputKeyArns")}
        for policy in ("InputPolicy", "InputKeyPolicy", "KeyPolicy"):
            assert RESOURCES[policy]["Properties"]["Roles"] == [{"Ref": "JobRole"}]

    def test_the_agent_pulls_one_image_and_writes_one_log(self) -> None:
        assert {resource for _, resource in allowed("ExecutionRole")} == {"Repository.Arn", "LogGroup.Arn", "*"}
        assert {action.partition(":")[0] for action, _ in allowed("ExecutionRole")} == {"ecr", "logs"}

    def test_launching_passes_only_the_two_job_roles(self) -> None:
        passed = {resource for action, resource in allowed("LaunchPolicy") if action == "iam:PassRole"}
        assert passed == {"JobRole.Arn", "ExecutionRole.Arn"}

    def test_launching_submits_only_to_the_two_queues(self) -> None:
        submitted = {resource for action, resource in allowed("LaunchPolicy") if action == "batch:SubmitJob"}
        assert submitted == {"SpotQueue", "OnDemandQueue", "batch:job-definition/${Project}_-*", "batch:job/*"}

    @pytest.mark.parametrize(
        ("role", "service"),
        [
            ("JobRole", "ecs-tasks.amazonaws.com"),
            ("ExecutionRole", "ecs-tasks.amazonaws.com"),
            ("InstanceRole", {"Fn::Sub": "ec2.${AWS::URLSuffix}"}),
        ],
    )
    def test_a_role_is_assumed_by_one_service(self, role: str, service: object) -> None:
        (statement,) = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": service}


class TestStack:
    def test_each_queue_has_its_own_machines(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        assert [outputs[f"{queue}QueueName"] for queue in ("Spot", "OnDemand")] == ["genomes-spot", "genomes-on-demand"]
        strategies = []
        for name in ("genomes-spot", "genomes-on-demand"):
            queue, machines = self.queue_and_machines(cloud, name)
            for description in (queue, machines):
                assert (description["state"], description["status"]) == ("ENABLED", "VALID")
            resources = machines["computeResources"]
            strategies.append((resources["type"], resources["allocationStrategy"]))
        assert strategies == [("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED"), ("EC2", "BEST_FIT_PROGRESSIVE")]

    def queue_and_machines(self, cloud: Cloud, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A queue and its one compute environment."""
        batch = cloud.client("batch")
        (queue,) = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        (order,) = queue["computeEnvironmentOrder"]
        names = [order["computeEnvironment"]]
        (machines,) = batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]
        return queue, machines

    def test_machines_start_with_the_script_that_sets_up_scratch(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        ec2 = cloud.client("ec2")
        versions = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
        texts = {b64decode(version["LaunchTemplateData"]["UserData"]).decode() for version in versions}
        assert texts == {template()["Mappings"]["Machine"]["UserData"]["Mime"]}

    def test_instance_types_without_local_disks_get_a_volume(self, cloud: Cloud) -> None:
        outputs = cloud.create(
            "mixed",
            {"Project": "mixed", "EbsInstanceTypes": "m7i,c7i", "NvmeInstanceTypes": "r6id", "ScratchGiB": "700"},
        )
        assert self.types_and_volumes(cloud, outputs) == (["r6id", "m7i", "c7i"], [["r6id"]], [(700, 500, 4000)])

    def test_all_instance_types_may_be_without_local_disks(self, cloud: Cloud) -> None:
        outputs = cloud.create("plain", {"Project": "plain", "EbsInstanceTypes": "m7i", "NvmeInstanceTypes": ""})
        assert self.types_and_volumes(cloud, outputs) == (["m7i"], [], [(500, 500, 4000)])

    def types_and_volumes(
        self, cloud: Cloud, outputs: dict[str, str]
    ) -> tuple[list[str], list[list[str]], list[tuple[int, ...]]]:
        """Instance types, those with a launch template of their own, and size, MiB/s and IOPS of scratch volumes."""
        resources = self.queue_and_machines(cloud, outputs["SpotQueueName"])[1]["computeResources"]
        launch = resources["launchTemplate"]
        (version,) = cloud.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=launch["launchTemplateId"], Versions=[launch["version"]]
        )["LaunchTemplateVersions"]
        devices = version["LaunchTemplateData"]["BlockDeviceMappings"][1:]
        overrides = [override["targetInstanceTypes"] for override in launch.get("overrides", [])]
        names = ("VolumeSize", "Throughput", "Iops")
        return (
            resources["instanceTypes"],
            overrides,
            [tuple(device["Ebs"][name] for name in names) for device in devices],
        )

    @pytest.mark.parametrize(
        ("region", "zones", "expected"),
        [
            ("eu-west-2", "", "abc"),
            ("us-west-1", "", "ab"),
            ("us-east-1", "us-east-1b,us-east-1d", "bd"),
            ("us-east-1", ",".join(f"us-east-1{zone}" for zone in "fabcde"), "fabcde"),
        ],
    )
    def test_machines_start_in_each_zone(self, cloud: Cloud, region: str, zones: str, expected: str) -> None:
        # By the letters: moto's GetAZs has those of us-east-1 in every region.
        abroad, name = replace(cloud, region=region), f"zones-{expected}"
        outputs = abroad.create(name, {"Project": name, "Zones": zones})
        for queue in (outputs["SpotQueueName"], outputs["OnDemandQueueName"]):
            subnets = self.queue_and_machines(abroad, queue)[1]["computeResources"]["subnets"]
            abouts = abroad.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
            by_id = {about["SubnetId"]: about for about in abouts}
            assert "".join(by_id[subnet]["AvailabilityZone"][-1] for subnet in subnets) == expected

    def test_the_bucket_may_use_a_key(self, cloud: Cloud) -> None:
        key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
        outputs = cloud.create("sealed", {"Project": "sealed", "KmsKeyArn": key})
        s3, bucket = cloud.client("s3"), outputs["BucketUri"].removeprefix("s3://")
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", key)

    def test_by_default_it_uses_no_key(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        s3, bucket = cloud.client("s3"), outputs["BucketUri"].removeprefix("s3://")
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    def test_an_existing_network_is_used(self, cloud: Cloud) -> None:
        ec2 = cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{part}.0/24")["Subnet"]["SubnetId"] for part in (1, 2)]
        before = len(ec2.describe_vpcs()["Vpcs"])
        outputs = cloud.create("existing", {"Project": "existing", "VpcId": vpc, "SubnetIds": ",".join(subnets)})
        assert len(ec2.describe_vpcs()["Vpcs"]) == before
        resources = self.queue_and_machines(cloud, outputs["SpotQueueName"])[1]["computeResources"]
        assert resources["subnets"] == subnets
        groups = ec2.describe_security_groups(GroupIds=resources["securityGroupIds"])["SecurityGroups"]
        assert [group["VpcId"] for group in groups] == [vpc]

    def test_image_tags_are_immutable(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        name = outputs["RepositoryUri"].partition("/")[2]
        (repository,) = cloud.client("ecr").describe_repositories(repositoryNames=[name])["repositories"]
        assert repository["imageTagMutability"] == "IMMUTABLE"

    def test_logs_are_kept_for_90_days(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=outputs["LogGroupName"])["logGroups"]
        assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/batch/genomes", 90)

    def test_jobs_may_read_the_input_objects(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        iam = cloud.client("iam")
        role = outputs["JobRoleArn"].rpartition("/")[2]
        (attached,) = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        policy = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
        assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::reads/*", "arn:aws:s3:::reference/hg38/*"]


class TestSettings:
    def test_the_settings_are_valid_and_name_the_stack(self, outputs: dict[str, str]) -> None:
        settings = Settings(output_path="s3://results", **tomllib.loads(outputs["Settings"]))
        assert (settings.backend, settings.scratch) == ("batch", f"{outputs['BucketUri']}/scratch")
        assert settings.jobs.queue == outputs["SpotQueueName"]
        assert settings.jobs.fallback_queue == outputs["OnDemandQueueName"]
        assert settings.batch.reclaims_before_fallback == 2
        assert settings.jobs.job_role == outputs["JobRoleArn"]
        assert settings.jobs.execution_role == outputs["ExecutionRoleArn"]
        assert settings.jobs.image == f"{outputs['RepositoryUri']}:0.1.0"
        assert settings.batch.log_group == outputs["LogGroupName"]

    def test_the_example_for_a_group_has_all_of_them_and_known_sites(self, outputs: dict[str, str]) -> None:
        lines = (CLONE / "deploy" / "compose" / "settings.env.example").read_text().splitlines()
        example = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        printed = tomllib.loads(outputs["Settings"])
        names = {"backend", "scratch"} | {f"{table}__{name}" for table in ("jobs", "batch") for name in printed[table]}
        assert {f"BIOINFO_ASSETS_{name.upper()}" for name in names} <= example.keys()
        with pytest.MonkeyPatch.context() as environment:
            for name, value in example.items():
                environment.setenv(name, value)
            settings = load(None)
        assert settings.known_sites
        assert settings.batch.scratch_volume == printed["batch"]["scratch_volume"]

    @pytest.mark.usefixtures("host")
    def test_the_doctor_finds_no_problem_once_the_image_is_pushed(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        settings = Settings(output_path=f"{outputs['BucketUri']}/results", **tomllib.loads(outputs["Settings"]))
        manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'
        repository = outputs["RepositoryUri"].partition("/")[2]
        cloud.client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag="0.1.0")
        for queue in (outputs["SpotQueueName"], outputs["OnDemandQueueName"]):
            options = settings.jobs.model_copy(update={"queue": queue})
            checks = list(
                check_batch(
                    options,
                    settings.batch.log_group,
                    [str(settings.scratch), settings.output_path],
                    largest_job=largest_job(settings),
                )
            )
            assert [check for check in checks if not check.ok] == []
            assert [check.name for check in checks if "permission" in check.message] == []
            assert len(checks) == 13
