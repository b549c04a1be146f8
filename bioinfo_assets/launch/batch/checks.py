"""Is all there that jobs on AWS Batch need? Asked before a run rather than told by jobs that wait for ever.

Nothing is changed but for one small file in each place, which is removed again.
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
from bioinfo_assets.launch.batch.images import IN_ECR
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.storage.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef, JobDefinitionTypeDef

_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_ECS: Final = "ecs-tasks.amazonaws.com"
"""Who gives jobs their roles (AWS Batch user guide, execution-IAM-role; ECS developer guide, task-iam-roles)."""
_FORBIDDEN: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_MAY_BE_FORBIDDEN: Final = frozenset({"DescribeImages", "DescribeLogGroups", "GetRole"})
"""Calls that nothing but these checks needs."""

Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found of one thing.

    Attributes:
        name: The thing: `credentials`, `queue`, `machines`, `job definition`, `image`, `log group`, `job role`,
            `execution role`, or a place.
        is_well: Whether jobs can do with it; also where nobody may look at it.
        says: What it is like, or what is wrong and what to do, in a sentence.
    """

    name: str
    is_well: bool
    says: str


def check_batch(
    options: JobOptions, log_group: str, places: Sequence[str], session: boto3.Session | None = None
) -> Iterator[CheckResult]:
    """Looks at all that jobs need; at credentials only where those are wrong.

    Args:
        options: How jobs run. With a job definition, what that says counts.
        log_group: The log group of the definitions that are made.
        places: Folders that are read and written: scratch, and where results are published.
        session: Credentials and region; those that boto3 finds if None.
    """
    try:
        aws = session or boto3.Session()
    except ProfileNotFound as error:
        yield CheckResult("credentials", is_well=False, says=f"{error}: correct AWS_PROFILE")
        return
    identity = _check("credentials", _identity, aws)
    yield identity
    if not identity.is_well:
        return
    yield _check("queue", _queue, aws, options.queue, options.share_identifier)
    if options.queue is not None:
        yield _check("machines", _machines, aws, options.queue)
    if options.job_definition is not None:
        definition = _check("job definition", _definition_told, aws, options.job_definition)
        yield definition
        if definition.is_well:
            options, log_group = _as_defined(_definition(aws, options.job_definition))
    yield _check("image", _image, aws, options.image)
    for place in places:
        yield _check(place, _place, place)
    yield _check("log group", _log_group, aws, log_group)
    yield _check("job role", _role, aws, "job role", options.job_role)
    yield _check("execution role", _role, aws, "execution role", options.execution_role)


def _check(name: str, look: Callable[Given, str], *args: Given.args, **named: Given.kwargs) -> CheckResult:
    try:
        return CheckResult(name, is_well=True, says=look(*args, **named))
    except BioinfoAssetsError as error:
        return CheckResult(name, is_well=False, says=str(error))
    except ClientError as error:
        operation, told = error.operation_name, error.response["Error"]
        if operation in _MAY_BE_FORBIDDEN and told.get("Code") in _FORBIDDEN:
            return CheckResult(name, is_well=True, says=f"not checkable: you may not call {operation}")
        says = f"AWS refuses {operation} ({told.get('Message', error)}): check your credentials and their rights"
        return CheckResult(name, is_well=False, says=says)
    except BotoCoreError as error:
        wrong = str(error).rstrip(".")
        says = f"AWS cannot be asked ({wrong}): check credentials, network and AWS_ENDPOINT_URL"
        return CheckResult(name, is_well=False, says=says)


def _identity(session: boto3.Session) -> str:
    if session.region_name is None:
        raise InputError("no region is set: set AWS_DEFAULT_REGION, or region in the profile of AWS_PROFILE")
    if session.get_credentials() is None:
        raise InputError("there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    try:
        arn = session.client("sts", config=_CONFIG).get_caller_identity()["Arn"]
    except (EndpointConnectionError, ConnectTimeoutError):  # a network without a way to STS may have one to Batch
        return f"there are some, in {session.region_name}; whose is not checkable: STS cannot be reached"
    return f"{arn} in {session.region_name}"


def _queue(session: boto3.Session, queue: str | None, share_identifier: str | None) -> str:
    if queue is None:
        raise InputError("no job queue is set: set jobs.queue to its name")
    client = session.client("batch", config=_CONFIG)
    found = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
    if not found:
        raise InputError(f"job queue {queue} is not in {session.region_name}: check jobs.queue and the region")
    about = found[0]
    if about["state"] != "ENABLED":
        command = f"aws batch update-job-queue --job-queue {queue} --state ENABLED"
        raise InputError(f"job queue {queue} is {about['state'].lower()} and takes no jobs: enable it ({command})")
    if about["status"] != "VALID":
        why = about.get("statusReason", "no reason is given")
        raise InputError(f"job queue {queue} is {about['status'].lower()} ({why}): wait, or correct it")
    shares = "schedulingPolicyArn" in about
    if shares and share_identifier is None:
        raise InputError(f"job queue {queue} shares its machines fairly: set jobs.share_identifier")
    if share_identifier is not None and not shares:
        raise InputError(f"job queue {queue} takes no share identifier: unset jobs.share_identifier")
    return "enabled and valid"


def _machines(session: boto3.Session, queue: str) -> str:
    client = session.client("batch", config=_CONFIG)
    queues = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
    names = [one["computeEnvironment"] for about in queues for one in about["computeEnvironmentOrder"]]
    if not names:
        raise InputError(f"job queue {queue} has no compute environment: give it one")
    found = client.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]
    told = {about["computeEnvironmentName"]: _problem(about) for about in found}
    bad = "; ".join(f"compute environment {name} {problem}" for name, problem in told.items() if problem)
    if all(told.values()):
        raise InputError(f"job queue {queue} can start no machine: {bad or 'its compute environments are gone'}")
    well = ", ".join(name for name, problem in told.items() if not problem)
    return f"{well} can start machines" + (f"; but {bad}" if bad else "")


def _problem(about: "ComputeEnvironmentDetailTypeDef") -> str:
    """What keeps a compute environment from running jobs; empty: nothing."""
    resources: Mapping[str, Any] = about.get("computeResources", {})
    if about.get("state") != "ENABLED":
        return "is disabled: enable it"
    if about.get("status") != "VALID":
        why = about.get("statusReason", "no reason is given")
        return f"is {about.get('status', 'in no state').lower()} ({why}): correct it"
    if str(resources.get("type", "")).startswith("FARGATE"):
        return "is Fargate, and jobs mount a disk of their machine: take one of EC2"
    if about.get("type") == "MANAGED" and resources.get("maxvCpus", 0) < 1:
        return "may have 0 vCPUs: raise its maxvCpus"
    return ""


def _definition(session: boto3.Session, name: str) -> "JobDefinitionTypeDef":
    client = session.client("batch", config=_CONFIG)
    if ":" in name:
        found = client.describe_job_definitions(jobDefinitions=[name])["jobDefinitions"]
    else:
        found = client.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
    if not found:
        raise InputError(f"job definition {name} is not in {session.region_name}: register it, or check its name")
    active = [about for about in found if about.get("status") == "ACTIVE"]
    if not active:
        raise InputError(f"job definition {name} is no longer active: register a new revision")
    return max(active, key=lambda about: about["revision"])


def _definition_told(session: boto3.Session, name: str) -> str:
    about = _definition(session, name)
    if "containerProperties" not in about:
        raise InputError(f"job definition {name} is not of one container: register one that is")
    return f"revision {about['revision']} is active"


def _as_defined(definition: "JobDefinitionTypeDef") -> tuple[JobOptions, str]:
    """What of the things to check a definition says, and its log group: submissions cannot override those."""
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
    place = IN_ECR.fullmatch(image)
    if place is None:
        return "not checkable: it is not in Amazon ECR"
    client = session.client("ecr", region_name=place["region"], config=_CONFIG)
    wanted: Any = {"imageDigest": place["digest"]} if place["digest"] else {"imageTag": place["tag"] or "latest"}
    try:
        found = client.describe_images(
            registryId=place["account"], repositoryName=place["repository"], imageIds=[wanted]
        )["imageDetails"]
    except client.exceptions.RepositoryNotFoundException as error:
        raise InputError(f"there is no repository for image {image}: make it (`make create-repo`)") from error
    except client.exceptions.ImageNotFoundException as error:
        raise InputError(f"image {image} is not in its repository: push it (`make push`)") from error
    return found[0]["imageDigest"]


def _place(place: str) -> str:
    store, uri, data = Store(), join(place, f"doctor-{uuid4().hex}"), b"Is this place written and read?\n"
    store.write_bytes(uri, data)
    try:
        if store.stat(uri).size != len(data) or store.read_bytes(uri) != data:
            raise InputError(f"{place} gives another file than was written there: take another place")
    finally:
        store.delete(uri)
    return "can be written and read"


def _log_group(session: boto3.Session, name: str) -> str:
    pages = session.client("logs", config=_CONFIG).get_paginator("describe_log_groups")
    groups = (group for page in pages.paginate(logGroupNamePrefix=name) for group in page["logGroups"])
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        command = f"aws logs create-log-group --log-group-name {name}"
        raise InputError(f"log group {name} is not in {session.region_name}: make it ({command})")
    days = group.get("retentionInDays")
    return f"lines are kept for {days} days" if days else "lines are kept and paid for ever: a retention would end that"


def _role(session: boto3.Session, what: str, arn: str | None) -> str:
    if arn is None:
        return "none is set: that of the machines is used"
    if not re.fullmatch(r"arn:[^:]+:iam::\d{12}:role/.+", arn):
        raise InputError(f"{what} {arn} is not the ARN of a role: it looks like arn:aws:iam::123456789012:role/NAME")
    client = session.client("iam", config=_CONFIG)
    try:
        role = client.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except client.exceptions.NoSuchEntityException as error:
        raise InputError(f"{what} {arn} is not there: make it, or correct its ARN") from error
    if role["Arn"] != arn:
        raise InputError(f"{what} {arn} is not there, but {role['Arn']} is: correct its ARN")
    if not _trusts(role["AssumeRolePolicyDocument"]):
        raise InputError(f"{what} {arn} cannot be given to jobs: let {_ECS} assume it, in its trust policy")
    return "jobs can be given it"


def _trusts(policy: Mapping[str, Any]) -> bool:
    """Whether a trust policy lets jobs be given the role; its conditions are not looked at."""
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _list(statement["Action"])
        and isinstance(statement["Principal"], dict)
        and _ECS in _list(statement["Principal"].get("Service", []))
        for statement in _list(policy["Statement"])
    )


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - policies hold one thing or a list of them (IAM user guide)
    return value if isinstance(value, list) else [value]
