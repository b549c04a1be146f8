"""Whoever launches runs: a role with the stack's policies and no others, as users have it.

Whoever creates a stack may do anything, and would see nothing of a permission that is missing in `LaunchPolicy`.
"""

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

POLICIES: Final = ("LaunchPolicyArn", "InputPolicyArn", "InputKeyPolicyArn", "KeyPolicyArn")
"""The outputs of the stack with the policies of those who start runs; all but the first depend on parameters."""

_NAME: Final = "launcher"
_PROPAGATION_S: Final = 120.0
_SESSION_S: Final = 3600
"""The longest that one role may assume another for (IAM user guide, role chaining)."""

_RENEWAL_S: Final = _SESSION_S / 2


class Launcher:
    """The role, and its credentials for the moment.

    Args:
        project: The name of the stack.
    """

    def __init__(self, project: str) -> None:
        self._role = f"{project}-{_NAME}"
        self._credentials: dict[str, str] = {}
        self._arn = ""
        self._renewed_at = -math.inf  # the clock may be that of a machine that has just started

    def create(self, outputs: Mapping[str, str]) -> None:
        """Create the role with the policies that these outputs of the stack name."""
        session: Any = boto3.Session()
        account = session.client("sts").get_caller_identity()["Account"]
        statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam = session.client("iam")
        self._arn = iam.create_role(RoleName=self._role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in POLICIES:
            if name in outputs:
                iam.attach_role_policy(RoleName=self._role, PolicyArn=outputs[name])

    def environment(self) -> Mapping[str, str]:
        """Its credentials, as variables of a process."""
        if time.monotonic() - self._renewed_at > _RENEWAL_S:
            self._credentials, self._renewed_at = self._assume(), time.monotonic()
        return self._credentials

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's stubs take only literal names
        """A client with its credentials."""
        own = self.environment()
        session: Any = boto3.Session(own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"], own["AWS_SESSION_TOKEN"])
        return session.client(service)

    def delete(self) -> None:
        """Delete the role, if it exists: the stack cannot be deleted while its policies are attached."""
        session: Any = boto3.Session()
        iam = session.client("iam")
        with suppress(iam.exceptions.NoSuchEntityException):
            for policy in iam.list_attached_role_policies(RoleName=self._role)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=self._role, PolicyArn=policy["PolicyArn"])
            iam.delete_role(RoleName=self._role)

    def _assume(self) -> dict[str, str]:
        """Assume the role, which AWS may take seconds to know."""
        session: Any = boto3.Session()
        sts, deadline = session.client("sts"), time.monotonic() + _PROPAGATION_S
        while True:
            try:
                found = sts.assume_role(RoleArn=self._arn, RoleSessionName=_NAME, DurationSeconds=_SESSION_S)[
                    "Credentials"
                ]
            except ClientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(5)
            else:
                return {
                    "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
                    "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
                    "AWS_SESSION_TOKEN": found["SessionToken"],
                }
