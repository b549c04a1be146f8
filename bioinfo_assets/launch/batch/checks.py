"""Checks of everything that jobs on AWS Batch need, before a run rather than by jobs that wait for ever.

Nothing is changed, except that a small file is written to each folder and deleted again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, ParamSpec
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProfileNotFound,
)

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.batch.console_links import DEFAULT_GROUP
from bioinfo_assets.launch.batch.images import ECR_IMAGE
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.storage.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef, JobDefinitionTypeDef

_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_ECS: Final = "ecs-tasks.amazonaws.com"
"""The service that assumes the roles of jobs (AWS Batch user guide, execution-IAM-role; ECS developer guide)."""
_ACCESS_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_OPTIONAL_CALLS: Final = frozenset({"DescribeImages", "DescribeLogGroups", "GetRole"})
"""Calls that only these checks make, so that lacking the permission is no fault."""

Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: What was checked: `credentials`, `queue`, `machines`, `job definition`, `image`, `log group`, `job role`,
            `execution role`, or a folder.
        ok: Whether jobs can use it; also True if it cannot be checked for lack of permission.
        message: Its state, or what is wrong and what to do.
    """

    name: str
    ok: bool
    message: str


def check_batch(
    options: JobOptions, log_group: str, folders: Sequence[str], session: boto3.Session | None = None
) -> Iterator[CheckResult]:
    """Check everything that jobs need; if the credentials are wrong, nothing else.

    Args:
        options: The options of jobs; a job definition in them takes precedence over the others.
        log_group: The log group of the definitions that this project registers.
        folders: Folders that are read and written: scratch and output.
        session: Credentials and region; None: those that boto3 finds.
    """
    try:
        aws = session or boto3.Session()
    except ProfileNotFound as error:
        yield CheckResult("credentials", ok=False, message=f"{error}: correct AWS_PROFILE")
        return
    identity = _check("credentials", _identity, aws)
    yield identity
    if not identity.ok:
        return
    yield _check("queue", _queue, aws, options.queue, options.share_identifier)
    if options.queue is not None:
        yield _check("machines", _machines, aws, options.queue)
    if options.job_definition is not None:
        definition = _check("job definition", _describe_definition, aws, options.job_definition)
        yield definition
        if definition.ok:
            options, log_group = _settings_of(_definition(aws, options.job_definition))
    yield _check("image", _image, aws, options.image)
    for folder in folders:
        yield _check(folder, _folder, folder)
    yield _check("log group", _log_group, aws, log_group)
    yield _check("job role", _role, aws, "job role", options.job_role)
    yield _check("execution role", _role, aws, "execution role", options.execution_role)


def _check(
    name: str, check: Callable[Arguments, str], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> CheckResult:
    try:
        return CheckResult(name, ok=True, message=check(*args, **kwargs))
    except BioinfoAssetsError as error:
        return CheckResult(name, ok=False, message=str(error))
    except ClientError as error:
        operation, answer = error.operation_name, error.response["Error"]
        if operation in _OPTIONAL_CALLS and answer.get("Code") in _ACCESS_DENIED:
            return CheckResult(name, ok=True, message=f"not checked: you have no permission for {operation}")
        message = f"AWS rejects {operation} ({answer.get('Message', error)}): check your credentials and permissions"
        return CheckResult(name, ok=False, message=message)
    except BotoCoreError as error:
        cause = str(error).rstrip(".")
        message = f"AWS cannot be reached ({cause}): check credentials, network and AWS_ENDPOINT_URL"
        return CheckResult(name, ok=False, message=message)


def _identity(session: boto3.Session) -> str:
    if session.region_name is None:
        raise InputError("no region is set: set AWS_DEFAULT_REGION, or region in the profile of AWS_PROFILE")
    if session.get_credentials() is None:
        raise InputError("there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    try:
        arn = session.client("sts", config=_CONFIG).get_caller_identity()["Arn"]
    except (EndpointConnectionError, ConnectTimeoutError):  # a private network may have an endpoint for Batch alone
        return f"found, in {session.region_name}; identity not checked: STS cannot be reached"
    return f"{arn} in {session.region_name}"


def _queue(session: boto3.Session, queue: str | None, share_identifier: str | None) -> str:
    if queue is None:
        raise InputError("no job queue is set: set jobs.queue to its name")
    client = session.client("batch", config=_CONFIG)
    queues = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
    if not queues:
        raise InputError(f"job queue {queue} does not exist in {session.region_name}: check jobs.queue and the region")
    about = queues[0]
    if about["state"] != "ENABLED":
        command = f"aws batch update-job-queue --job-queue {queue} --state ENABLED"
        raise InputError(f"job queue {queue} is {about['state'].lower()}: enable it ({command})")
    if about["status"] != "VALID":
        why = about.get("statusReason", "no reason given")
        raise InputError(f"job queue {queue} is {about['status'].lower()} ({why}): wait, or fix it")
    shares = "schedulingPolicyArn" in about
    if shares and share_identifier is None:
        raise InputError(f"job queue {queue} is a fair-share queue: set jobs.share_identifier")
    if share_identifier is not None and not shares:
        raise InputError(f"job queue {queue} is not a fair-share queue: unset jobs.share_identifier")
    return "enabled and valid"


def _machines(session: boto3.Session, queue: str) -> str:
    client = session.client("batch", config=_CONFIG)
    queues = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
    names = [item["computeEnvironment"] for about in queues for item in about["computeEnvironmentOrder"]]
    if not names:
        raise InputError(f"job queue {queue} has no compute environment: add one")
    environments = client.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]
    problems = {about["computeEnvironmentName"]: _problem(about) for about in environments}
    bad = "; ".join(f"compute environment {name} {problem}" for name, problem in problems.items() if problem)
    if all(problems.values()):
        raise InputError(f"job queue {queue} cannot start machines: {bad or 'its compute environments are gone'}")
    usable = ", ".join(name for name, problem in problems.items() if not problem)
    return f"{usable} can start machines" + (f"; but {bad}" if bad else "")


def _problem(about: "ComputeEnvironmentDetailTypeDef") -> str:
    """Why a compute environment cannot run jobs; empty if it can."""
    resources: Mapping[str, Any] = about.get("computeResources", {})
    if about.get("state") != "ENABLED":
        return "is disabled: enable it"
    if about.get("status") != "VALID":
        why = about.get("statusReason", "no reason given")
        return f"is {about.get('status', 'in no status').lower()} ({why}): fix it"
    if str(resources.get("type", "")).startswith("FARGATE"):
        return "is of type Fargate, but jobs mount a disk of their machine: use one of type EC2"
    if about.get("type") == "MANAGED" and resources.get("maxvCpus", 0) < 1:
        return "has a maximum of 0 vCPUs: raise its maxvCpus"
    return ""


def _definition(session: boto3.Session, name: str) -> "JobDefinitionTypeDef":
    client = session.client("batch", config=_CONFIG)
    if ":" in name:
        revisions = client.describe_job_definitions(jobDefinitions=[name])["jobDefinitions"]
    else:
        revisions = client.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
    if not revisions:
        raise InputError(
            f"job definition {name} does not exist in {session.region_name}: register it, or check its name"
        )
    active = [about for about in revisions if about.get("status") == "ACTIVE"]
    if not active:
        raise InputError(f"job definition {name} is no longer active: register a new revision")
    return max(active, key=lambda about: about["revision"])


def _describe_definition(session: boto3.Session, name: str) -> str:
    about = _definition(session, name)
    if "containerProperties" not in about:
        raise InputError(f"job definition {name} is not for a single container: register one that is")
    return f"revision {about['revision']} is active"


def _settings_of(definition: "JobDefinitionTypeDef") -> tuple[JobOptions, str]:
    """The options that a definition sets and submissions cannot override, and its log group."""
    container = definition.get("containerProperties", {})
    logs = container.get("logConfiguration", {}).get("options", {})
    options = JobOptions(
        image=container.get("image"),
        job_role=container.get("jobRoleArn"),
        execution_role=container.get("executionRoleArn"),
    )
    return options, logs.get("awslogs-group", DEFAULT_GROUP)


def _image(session: boto3.Session, image: str | None) -> str:
    if image is None:
        raise InputError("no container image is set: set jobs.image to what `make push` printed")
    match = ECR_IMAGE.fullmatch(image)
    if match is None:
        return "not checked: it is not in Amazon ECR"
    client = session.client("ecr", region_name=match["region"], config=_CONFIG)
    image_id: Any = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
    try:
        images = client.describe_images(
            registryId=match["account"], repositoryName=match["repository"], imageIds=[image_id]
        )["imageDetails"]
    except client.exceptions.RepositoryNotFoundException as error:
        raise InputError(f"the repository of image {image} does not exist: create it (`make create-repo`)") from error
    except client.exceptions.ImageNotFoundException as error:
        raise InputError(f"image {image} is not in its repository: push it (`make push`)") from error
    return images[0]["imageDigest"]


def _folder(folder: str) -> str:
    store, uri, data = Store(), join(folder, f"doctor-{uuid4().hex}"), b"Can this folder be written and read?\n"
    store.write_bytes(uri, data)
    try:
        if store.stat(uri).size != len(data) or store.read_bytes(uri) != data:
            raise InputError(f"{folder} does not return what was written to it: use another folder")
    finally:
        store.delete(uri)
    return "can be written and read"


def _log_group(session: boto3.Session, name: str) -> str:
    pages = session.client("logs", config=_CONFIG).get_paginator("describe_log_groups")
    groups = (group for page in pages.paginate(logGroupNamePrefix=name) for group in page["logGroups"])
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        command = f"aws logs create-log-group --log-group-name {name}"
        raise InputError(f"log group {name} does not exist in {session.region_name}: create it ({command})")
    days = group.get("retentionInDays")
    return f"logs are kept for {days} days" if days else "logs are kept, and billed, for ever: set a retention period"


def _role(session: boto3.Session, what: str, arn: str | None) -> str:
    if arn is None:
        return "not set: the role of the machines is used"
    if not re.fullmatch(r"arn:[^:]+:iam::\d{12}:role/.+", arn):
        raise InputError(f"{what} {arn} is not the ARN of a role, which looks like arn:aws:iam::123456789012:role/NAME")
    client = session.client("iam", config=_CONFIG)
    try:
        role = client.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except client.exceptions.NoSuchEntityException as error:
        raise InputError(f"{what} {arn} does not exist: create it, or correct its ARN") from error
    if role["Arn"] != arn:
        raise InputError(f"{what} {arn} does not exist, but {role['Arn']} does: correct its ARN")
    if not _trusts(role["AssumeRolePolicyDocument"]):
        raise InputError(f"{what} {arn} cannot be assumed by jobs: allow {_ECS} to assume it in its trust policy")
    return "jobs can assume it"


def _trusts(policy: Mapping[str, Any]) -> bool:
    """Whether a trust policy allows jobs to assume the role; its conditions are not evaluated."""
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _list(statement["Action"])
        and isinstance(statement["Principal"], dict)
        and _ECS in _list(statement["Principal"].get("Service", []))
        for statement in _list(policy["Statement"])
    )


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - policies hold one value or a list of them (IAM user guide)
    return value if isinstance(value, list) else [value]
