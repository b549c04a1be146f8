"""The project's CloudFormation template, read and created."""

import json
from ast import literal_eval
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

import bioinfo_assets
from bioinfo_assets_tests.deploy.iam import enforce_iam
from bioinfo_assets_tests.moto_server import moto_server
from smoke_aws.launcher import POLICIES

TEMPLATE: Final = Path(bioinfo_assets.__file__).parents[1] / "deploy" / "batch.yaml"
MOTO_WARNING: Final = "ignore:Tried to parse AWS..S3..BucketPolicy but it's not supported by moto"
"""Moto's warning about the policy that denies plain http; it creates everything else in the template."""


def template() -> dict[str, Any]:
    """The template as data: functions such as `!Ref X` as `{"Ref": "X"}`."""
    resources: dict[str, Any] = load(str(TEMPLATE))
    return resources


@dataclass(frozen=True)
class Cloud:
    """An account on moto's server, as one of its users or as its administrator.

    Attributes:
        endpoint: URL of the server.
        region: Region of the account.
        key: Access key; that of no user has all permissions.
        secret: The secret of the key.
    """

    endpoint: str
    region: str = "eu-central-1"
    key: str = "someone"
    secret: str = "secret"  # noqa: S105 - moto checks no signature here

    def client(self, service: str) -> Any:
        session: Any = self.session()  # boto3's stubs take only literal names of services
        return session.client(service, endpoint_url=self.endpoint)

    def session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id=self.key, aws_secret_access_key=self.secret, region_name=self.region)

    def environment(self) -> dict[str, str]:
        """The environment of a user of the account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def create(self, name: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Create a stack from the template; return its outputs."""
        formation = self.client("cloudformation")
        formation.create_stack(
            StackName=name,
            TemplateBody=self.template(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def template(self) -> str:
        """The template with what moto lacks: Batch's service-linked role, which AWS creates and uses by itself."""
        iam, name = self.client("iam"), "AWSServiceRoleForBatch"
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, Path="/aws-service-role/batch.amazonaws.com/", AssumeRolePolicyDocument="{}")
        role, contents = iam.get_role(RoleName=name)["Role"]["Arn"], template()
        for resource in contents["Resources"].values():
            if resource["Type"] == "AWS::Batch::ComputeEnvironment":
                resource["Properties"]["ServiceRole"] = role
        return json.dumps(contents)

    def host(self, outputs: Mapping[str, str], replaced: Mapping[str, str] | None = None) -> "Cloud":
        """The same account as a user with the stack's policies for those who start runs.

        Args:
            outputs: The outputs of the stack.
            replaced: Texts to replace in the policies, such as the image, where moto needs another.
        """
        policies = json.dumps(self.launch_policies(outputs))
        for old, new in (replaced or {}).items():
            assert old in policies
            policies = policies.replace(old, new)
        return self._user(json.loads(policies))

    def job(self, outputs: Mapping[str, str]) -> "Cloud":
        """The same account as a user with the policies of the stack's role for jobs: moto gives containers no role."""
        return self._user(self.job_policies(outputs))

    def launch_policies(self, outputs: Mapping[str, str]) -> list[dict[str, Any]]:
        """The documents of the policies for those who start runs."""
        return [self._read_document(outputs[name]) for name in POLICIES if name in outputs]

    def job_policies(self, outputs: Mapping[str, str]) -> list[dict[str, Any]]:
        """The documents of the policies of the role for jobs."""
        iam, role = self.client("iam"), outputs["JobRoleArn"].rpartition("/")[2]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return [
            *(self._read_document(policy["PolicyArn"]) for policy in attached),
            # Moto shows the inline policies of a stack's role as Python prints them.
            *(literal_eval(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]) for name in inline),
        ]

    def _read_document(self, arn: str) -> dict[str, Any]:
        version = self.client("iam").get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        document: dict[str, Any] = version["Document"]
        return document

    def _user(self, policies: list[dict[str, Any]]) -> "Cloud":
        iam, name = self.client("iam"), f"user-{uuid4().hex}"
        iam.create_user(UserName=name)
        for number, document in enumerate(policies):
            iam.put_user_policy(UserName=name, PolicyName=str(number), PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return replace(self, key=key["AccessKeyId"], secret=key["SecretAccessKey"])


@contextmanager
def opened_cloud() -> Iterator[Cloud]:
    """Start a server. Moto's state belongs to the process: use different regions or names to keep tests apart."""
    enforce_iam()
    with moto_server() as url:
        yield Cloud(url)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """An account of moto's server."""
    with opened_cloud() as cloud:
        yield cloud
