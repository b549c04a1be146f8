"""Permissions in moto: calls of IAM users are denied unless their policies allow them, as on AWS.

Moto has such a check of its own, but it compares the resource `*` for every service except S3, and denies whatever a
statement with a condition is about, so that it would deny all calls under policies as narrow as the template's. This
replaces it, where moto calls it: the resources and the condition keys of a call are taken from its request. Calls with
other keys than those of a user are not checked: they are the account's administrator's.

What is not evaluated: policies of resources (bucket, key), the policies of roles that services assume (the agent's,
the machines'), tags of SubmitJob other than as TagResource, and what AWS checks within a call, such as KMS by S3.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote
from xml.sax.saxutils import unescape

from moto.batch.models import batch_backends
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError
from moto.iam.access_control import CreateAccessKeyFailure, IAMPolicy, IAMUserAccessKey
from moto.s3.exceptions import S3AccessDeniedError
from moto.server import main

from bioinfo_assets.launch.batch.submission_request import TAG

ECS_TASKS: Final = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True)
class Call:
    """One permission that a request needs.

    Attributes:
        action: For example `batch:SubmitJob`, in any case.
        resource: ARN of the resource; `*` if the action has none.
        context: The condition keys of the request, with their values.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


def is_allowed(documents: Iterable[Mapping[str, Any]], call: Call) -> bool:
    """Whether policies allow a call: a statement allows it, and none denies it (IAM user guide, evaluation logic)."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in as_list(document["Statement"])
        if _is_about(statement, call)
    }
    return effects == {"Allow"}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_about(statement: Mapping[str, Any], call: Call) -> bool:
    return (
        any(_matches(action.lower(), call.action.lower()) for action in as_list(statement["Action"]))
        and any(_matches(resource, call.resource) for resource in as_list(statement["Resource"]))
        and all(
            _OPERATORS[operator](call.context.get(key), as_list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None


def _is_like(value: str | None, patterns: list[str]) -> bool:
    return value is not None and any(_matches(pattern, value) for pattern in patterns)


_OPERATORS: Final[Mapping[str, Callable[[str | None, list[str]], bool]]] = {
    "Bool": lambda value, expected: value in expected,
    "StringEquals": lambda value, expected: value in expected,
    "StringLike": _is_like,
    "StringNotLike": lambda value, patterns: not _is_like(value, patterns),  # also true without the key
}
"""The operators that the template uses (IAM user guide, condition operators)."""


def _batch_calls(operation: str, body: Mapping[str, Any], arn: str, jobs: Any) -> Iterator[Call]:
    if operation == "submitjob":
        for name, kind in (("jobQueue", "job-queue"), ("jobDefinition", "job-definition")):
            yield Call("batch:SubmitJob", _arn(body[name], f"{arn}:{kind}/"))
        if body.get("tags"):
            tags = {f"aws:RequestTag/{key}": value for key, value in body["tags"].items()}
            for resource in (f"{arn}:job/new", _arn(body["jobDefinition"], f"{arn}:job-definition/")):
                yield Call("batch:TagResource", resource, tags)
    elif operation == "registerjobdefinition":
        container = body.get("containerProperties", {})
        keys = {"image": "batch:Image", "user": "batch:User", "privileged": "batch:Privileged"}
        context = {key: str(container[name]).replace("True", "true") for name, key in keys.items() if name in container}
        yield Call("batch:RegisterJobDefinition", f"{arn}:job-definition/{body['jobDefinitionName']}", context)
        for role in (container.get("jobRoleArn"), container.get("executionRoleArn")):
            if role:
                yield Call("iam:PassRole", role, {"iam:PassedToService": ECS_TASKS})
    elif operation == "terminatejob":
        job = jobs.get_job_by_id(body["jobId"])
        tags = jobs.list_tags_for_resource(job.arn) if job and ":" not in body["jobId"] else {}
        context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        yield Call("batch:TerminateJob", f"{arn}:job/{body['jobId']}", context)
    else:
        yield Call(f"batch:{operation}")


def _arn(name: str, prefix: str) -> str:
    return name if name.startswith("arn:") else prefix + name


_S3_ACTIONS: Final = {"HeadBucket": "ListBucket"}
"""Permissions that are not called like the operation (S3 API reference, HeadBucket)."""


def _calls(service: str, response: Any, resource: str) -> Iterator[Call]:
    """The permissions that a request needs."""
    operation, account, region = response._get_action(), response.current_account, response.region
    if service == "s3":
        keys = re.findall("<Key>(.*?)</Key>", response.raw_body.decode() if "?delete" in response.uri else "")
        for name in [f"{resource}/{unescape(key)}" for key in keys] or [resource]:
            yield Call(f"s3:{_S3_ACTIONS.get(operation, operation)}", name)
        source = response.headers.get("x-amz-copy-source")
        if source:
            yield Call("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/').partition('?')[0]}")
    elif service == "batch":
        body = json.loads(response.body or "{}")
        yield from _batch_calls(operation, body, f"arn:aws:batch:{region}:{account}", batch_backends[account][region])
    elif service == "logs":
        group = json.loads(response.body).get("logGroupName")
        ending = f"{group}:log-stream:any" if group else ""
        yield Call(f"logs:{operation}", f"arn:aws:logs:{region}:{account}:log-group:{ending}")
    elif service == "ecr":
        name = json.loads(response.body)["repositoryName"]
        yield Call(f"ecr:{operation}", f"arn:aws:ecr:{region}:{account}:repository/{name}")
    elif service == "iam":
        yield Call(f"iam:{operation}", f"arn:aws:iam::{account}:role/{response._get_param('RoleName')}")
    elif service != "sts":  # GetCallerIdentity needs no permission (STS API reference)
        yield Call(f"{service}:{operation}")


def _authorize(response: Any, _: type, resource: str = "*") -> None:
    """Deny a user's request if one of its calls is not allowed; in the place of moto's own check."""
    match = re.search(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/", response.headers.get("Authorization", ""))
    if match is None:
        return
    try:
        user = IAMUserAccessKey(response.current_account, "aws", match[1], {})
    except CreateAccessKeyFailure:
        return
    documents = [IAMPolicy(policy)._policy_json for policy in user.collect_policies()]
    for call in _calls(match[2], response, resource):
        if not is_allowed(documents, call):
            sys.stderr.write(f"denied: {user.arn}: {call}\n")
            raise S3AccessDeniedError if match[2] == "s3" else AccessDeniedError(user.arn, call.action)


def enforce_iam() -> None:
    """Let moto in this process check the permissions of users."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = _authorize  # type: ignore[method-assign, assignment]


SCRATCH_TAG: Final = f"{TAG}scratch"
"""The tag of jobs that the template's permissions go by."""


if __name__ == "__main__":
    enforce_iam()
    main(sys.argv[1:])
