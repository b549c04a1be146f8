"""Checks of everything that jobs on AWS Batch need, before a run rather than by jobs that wait for ever.

Nothing is changed, except that a small file is written to each folder and deleted again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, ParamSpec
from uuid import uuid4

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProfileNotFound,
)

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.batch.check_image import check_image, check_platform
from bioinfo_assets.launch.batch.check_machines import (
    CONFIG,
    check_largest_job,
    check_machines,
    check_quota,
    has_closed_metadata,
)
from bioinfo_assets.launch.batch.console_links import DEFAULT_GROUP
from bioinfo_assets.launch.job import JobOptions, Resources
from bioinfo_assets.storage.aws_session import new_session
from bioinfo_assets.storage.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

_S3: Final = "s3://"
_ECS: Final = "ecs-tasks.amazonaws.com"
"""The service that assumes the roles of jobs (AWS Batch user guide, execution-IAM-role; ECS developer guide)."""
_ACCESS_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_OPTIONAL_CALLS: Final = frozenset(
    {"DescribeImages", "DescribeLogGroups", "GetRole"}
    | {"BatchGetImage", "GetDownloadUrlForLayer"}
    | {"DescribeInstanceTypes", "DescribeLaunchTemplateVersions", "GetServiceQuota"}
)
"""Calls that only these checks make, so that lacking the permission is no fault."""

Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: What was checked: `credentials`, `queue`, `machines`, `largest job`, `vCPU quota`, `job definition`,
            `image`, `image platform`, `log group`, `job role`, `execution role`, a folder, or a bucket.
        ok: Whether jobs can use it; also True if it cannot be checked for lack of permission.
        message: Its state, or what is wrong and what to do.
    """

    name: str
    ok: bool
    message: str


def check_batch(
    options: JobOptions,
    log_group: str,
    folders: Sequence[str],
    session: boto3.Session | None = None,
    *,
    inputs: Sequence[str] = (),
    largest_job: Resources | None = None,
) -> Iterator[CheckResult]:
    """Check everything that jobs need; if the credentials are wrong, nothing else.

    Args:
        options: The options of jobs; a job definition in them takes precedence over the others.
        log_group: The log group of the definitions that this project registers.
        folders: Folders that are read and written: scratch and output.
        session: Credentials and region; None: those that boto3 finds.
        inputs: Files that jobs read; the regions of their buckets are checked.
        largest_job: Resources of the largest job that a run may submit to the queue; None: they are not checked.
    """
    try:
        aws = session or new_session()
    except ProfileNotFound as error:
        yield CheckResult("credentials", ok=False, message=f"{error}: correct AWS_PROFILE")
        return
    identity = _check("credentials", _identity, aws)
    yield identity
    if not identity.ok:
        return
    yield _check("queue", _queue, aws, options.queue, options.share_identifier)
    queue = None
    if options.queue is not None:
        machines = _check("machines", check_machines, aws, options.queue)
        yield machines
        queue = options.queue if machines.ok else None
    if queue is not None and largest_job is not None:
        yield _check("largest job", check_largest_job, aws, queue, largest_job)
        yield _check("vCPU quota", check_quota, aws, queue, largest_job)
    if options.job_definition is not None:
        definition = _check("job definition", _describe_definition, aws, options.job_definition)
        yield definition
        if definition.ok:
            options, log_group = _settings_of(_definition(aws, options.job_definition))
    image = _check("image", check_image, aws, options.image)
    yield image
    if image.ok and options.image is not None:
        yield _check("image platform", check_platform, aws, options.image)
    for folder in folders:
        yield _check(folder, _folder, folder)
    for bucket in dict.fromkeys(_bucket_of(uri) for uri in (*folders, *inputs) if uri.startswith(_S3)):
        yield _check(f"{_S3}{bucket}", _bucket, aws, bucket)
    yield _check("log group", _log_group, aws, log_group)
    yield _check("job role", _job_role, aws, options.job_role, queue)
    yield _check("execution role", _role, aws, "execution role", options.execution_role)


def _check(
    name: str, check: Callable[Arguments, str], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> CheckResult:
    try:
        return CheckResult(name, ok=True, message=check(*args, **kwargs))
    except BioinfoAssetsError as error:
        return CheckResult(name, ok=False, message=str(error))
    except ClientError as error:
        operation, answer = error.operation_name, error.response.get("Error")
        if answer is None:  # such as that of a server that is only for S3
            message = f"the answer to {operation} is not of AWS: check AWS_ENDPOINT_URL, which may be for S3 alone"
            return CheckResult(name, ok=False, message=message)
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
        arn = session.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    except (EndpointConnectionError, ConnectTimeoutError):  # a private network may have an endpoint for Batch alone
        return f"found, in {session.region_name}; identity not checked: STS cannot be reached"
    return f"{arn} in {session.region_name}"


def _queue(session: boto3.Session, queue: str | None, share_identifier: str | None) -> str:
    if queue is None:
        raise InputError("no job queue is set: set jobs.queue to its name")
    client = session.client("batch", config=CONFIG)
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


def _definition(session: boto3.Session, name: str) -> "JobDefinitionTypeDef":
    client = session.client("batch", config=CONFIG)
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


def _folder(folder: str) -> str:
    store, uri, data = Store(), join(folder, f"doctor-{uuid4().hex}"), b"Can this folder be written and read?\n"
    store.write_bytes(uri, data)
    try:
        if store.stat(uri).size != len(data) or store.read_bytes(uri) != data:
            raise InputError(f"{folder} does not return what was written to it: use another folder")
    finally:
        store.delete(uri)
    return "can be written and read"


def _bucket_of(uri: str) -> str:
    return uri.removeprefix(_S3).partition("/")[0]


def _bucket(session: boto3.Session, bucket: str) -> str:
    client = session.client("s3", config=CONFIG)
    try:
        headers = client.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:  # the region is in a refusal too (S3 API reference, HeadBucket)
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            raise InputError(f"bucket {bucket} does not exist: create it, or check its name") from error
    region = headers.get("x-amz-bucket-region")
    if region is None:
        return "not checked: S3 does not return the region of the bucket"
    if region != session.region_name:
        raise InputError(
            f"bucket {bucket} is in {region}, but jobs run in {session.region_name}, where tools cannot read it: "
            f"use a bucket in {session.region_name}, or a queue in {region}"
        )
    return f"is in {region}"


def _log_group(session: boto3.Session, name: str) -> str:
    pages = session.client("logs", config=CONFIG).get_paginator("describe_log_groups")
    groups = (group for page in pages.paginate(logGroupNamePrefix=name) for group in page["logGroups"])
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        command = f"aws logs create-log-group --log-group-name {name}"
        raise InputError(f"log group {name} does not exist in {session.region_name}: create it ({command})")
    days = group.get("retentionInDays")
    return f"logs are kept for {days} days" if days else "logs are kept, and billed, for ever: set a retention period"


def _job_role(session: boto3.Session, arn: str | None, queue: str | None) -> str:
    if arn is None and queue is not None and has_closed_metadata(session, queue):
        raise InputError(
            f"no job role is set, and the machines of {queue} keep their own role from jobs, so that jobs cannot "
            "use S3: set jobs.job_role (the output JobRoleArn of deploy/batch.yaml)"
        )
    return _role(session, "job role", arn)


def _role(session: boto3.Session, what: str, arn: str | None) -> str:
    if arn is None:
        return "not set: the role of the machines is used"
    if not re.fullmatch(r"arn:[^:]+:iam::\d{12}:role/.+", arn):
        raise InputError(f"{what} {arn} is not the ARN of a role, which looks like arn:aws:iam::123456789012:role/NAME")
    client = session.client("iam", config=CONFIG)
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
