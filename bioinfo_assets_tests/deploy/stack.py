"""The project's CloudFormation template, read and created."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

import bioinfo_assets

TEMPLATE: Final = Path(bioinfo_assets.__file__).parents[1] / "deploy" / "batch.yaml"
MOTO_WARNING: Final = "ignore:Tried to parse AWS..S3..BucketPolicy but it's not supported by moto"
"""Moto's warning about the policy that denies plain http; it creates everything else in the template."""


def template() -> dict[str, Any]:
    """The template as data: functions such as `!Ref X` as `{"Ref": "X"}`."""
    resources: dict[str, Any] = load(str(TEMPLATE))
    return resources


@dataclass(frozen=True)
class Cloud:
    """An account on moto's server."""

    endpoint: str
    region: str = "eu-central-1"

    def client(self, service: str) -> Any:
        session: Any = self.session()  # boto3's stubs take only literal names of services
        return session.client(service, endpoint_url=self.endpoint)

    def session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id="someone", aws_secret_access_key="secret", region_name=self.region)  # noqa: S106 - moto's

    def environment(self) -> dict[str, str]:
        """The environment of a user of the account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
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
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def start_cloud() -> tuple[ThreadedMotoServer, Cloud]:
    """Start a server. Moto's state belongs to the process: use different regions or names to keep tests apart."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, Cloud(f"http://{host}:{port}")
