"""Checks of the machines behind a job queue: compute environments, instance types, quotas, and the largest job."""

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Resources

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef

CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
"""For clients that check: an AWS that does not answer is reported within a minute."""

USABLE_MEMORY: Final = 0.95
"""The part of a machine's memory that jobs can have; the rest is the system's and the agent's, some 5 % (AWS Batch user
guide, memory-management)."""

_QUOTAS: Final = {"SPOT": ("L-34B43A08", "spot"), "EC2": ("L-1216C47A", "on-demand")}
"""By the type of a compute environment, the quota of vCPUs in standard instances (Service Quotas, Amazon EC2)."""
_STANDARD_FAMILIES: Final = frozenset("acdhimrtz")
"""First letters of the instance types that these quotas count (EC2 user guide, ec2-on-demand-instances)."""
_BUNDLES: Final = frozenset({"optimal", "default_x86_64", "default_arm64"})
"""Names of groups of instance families, with machines of all sizes (AWS Batch API reference, ComputeResource)."""
_OTHER_TYPES: Final = {
    "FARGATE": "Fargate",
    "FARGATE_SPOT": "Fargate",
    "ECS_MANAGED_INSTANCES": "ECS Managed Instances",
}
"""Types of compute environments whose platform is not EC2, the only one of our job definitions."""
_METADATA_ADDRESS: Final = "169.254.169.254"


def check_machines(session: boto3.Session, queue: str) -> str:
    """Return which compute environments of a queue can start machines for jobs.

    Raises:
        InputError: none can.
    """
    environments = _environments(session, queue)
    problems = {about["computeEnvironmentName"]: _problem(about) for about in environments}
    bad = "; ".join(f"compute environment {name} {problem}" for name, problem in problems.items() if problem)
    if all(problems.values()):
        raise InputError(f"job queue {queue} cannot start machines: {bad or 'its compute environments are gone'}")
    usable = ", ".join(name for name, problem in problems.items() if not problem)
    return f"{usable} can start machines" + (f"; but {bad}" if bad else "")


def check_largest_job(session: boto3.Session, queue: str, job: Resources) -> str:
    """Return the instance types of a queue that have room for a job.

    Raises:
        InputError: there are none, so that the job would wait for a machine in vain.
    """
    needs = f"the largest job asks for {job.cpus} vCPUs and {job.memory_mib} MiB"
    advice = "use larger machines, or set vcpus and memory_mib for its step"
    usable = _usable(session, queue)
    roomy = [about for about in usable if _resources(about).get("maxvCpus", job.cpus) >= job.cpus]
    if usable and not roomy:
        maximum = max(_resources(about)["maxvCpus"] for about in usable)
        raise InputError(f"{needs}, but job queue {queue} starts at most {maximum} vCPUs: raise maxvCpus, or {advice}")
    names = {name for about in roomy for name in _resources(about).get("instanceTypes", ())}
    if names & _BUNDLES or not names:
        return f"{needs}; instance types are chosen by AWS Batch"
    fitting = [about["InstanceType"] for about in _describe_types(session, names) if _fits(about, job)]
    if not fitting:
        raise InputError(f"{needs}, but no x86_64 type in {', '.join(sorted(names))} has that many: {advice}")
    return f"{needs}; it fits {', '.join(sorted(fitting)[:3])}" + (" and others" if len(fitting) > 3 else "")


def check_quota(session: boto3.Session, queue: str, job: Resources) -> str:
    """Return the account's quotas of vCPUs for the machines of a queue.

    Raises:
        InputError: a quota is smaller than the largest job.
    """
    client: Any = session.client("service-quotas", config=CONFIG)
    texts = []
    for kind, maximum in _limits(_usable(session, queue)).items():
        code, name = _QUOTAS[kind]
        try:
            quota = client.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
        except client.exceptions.NoSuchResourceException:
            texts.append(f"not checked: there is no quota {code} in {session.region_name}")
            continue
        where = f"Service Quotas, Amazon EC2, {code}"
        if quota < job.cpus:
            raise InputError(
                f"the account may run {quota:.0f} {name} vCPUs, and the largest job asks for {job.cpus}: request more "
                f"({where})"
            )
        texts.append(f"{quota:.0f} {name} vCPUs" + (f" of the queue's {maximum} ({where})" if quota < maximum else ""))
    return "; ".join(texts) or "no quota of standard instances applies"


def has_closed_metadata(session: boto3.Session, queue: str) -> bool:
    """Whether a queue's machines keep their role from jobs, as those of deploy/batch.yaml do.

    That is so if their launch template forbids answers beyond the machine or blocks the address of the metadata
    (AWS Batch user guide, imds-compute-environments).
    """
    client: Any = session.client("ec2", config=CONFIG)
    for about in _usable(session, queue):
        launch = _resources(about).get("launchTemplate", {})
        names = {"launchTemplateId": "LaunchTemplateId", "launchTemplateName": "LaunchTemplateName"}
        selection = {names[key]: value for key, value in launch.items() if key in names}
        if not selection:
            continue
        answer = client.describe_launch_template_versions(**selection, Versions=[launch.get("version") or "$Default"])
        for version in answer["LaunchTemplateVersions"]:
            data = version["LaunchTemplateData"]
            options = data.get("MetadataOptions", {})
            if options.get("HttpPutResponseHopLimit") == 1 or options.get("HttpEndpoint") == "disabled":
                return True
            if _METADATA_ADDRESS.encode() in b64decode(data.get("UserData", "")):
                return True
    return False


def _environments(session: boto3.Session, queue: str) -> "Sequence[ComputeEnvironmentDetailTypeDef]":
    client = session.client("batch", config=CONFIG)
    queues = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
    names = [item["computeEnvironment"] for about in queues for item in about["computeEnvironmentOrder"]]
    if not names:
        raise InputError(f"job queue {queue} has no compute environment: add one")
    return client.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]


def _usable(session: boto3.Session, queue: str) -> "list[ComputeEnvironmentDetailTypeDef]":
    return [about for about in _environments(session, queue) if not _problem(about)]


def _resources(about: "ComputeEnvironmentDetailTypeDef") -> Mapping[str, Any]:
    resources: Mapping[str, Any] = about.get("computeResources", {})
    return resources


def _problem(about: "ComputeEnvironmentDetailTypeDef") -> str:
    """Why a compute environment cannot run jobs; empty if it can."""
    resources = _resources(about)
    kind = str(resources.get("type", ""))
    if about.get("state") != "ENABLED":
        return "is disabled: enable it"
    if about.get("status") != "VALID":
        why = about.get("statusReason", "no reason given")
        return f"is {about.get('status', 'in no status').lower()} ({why}): fix it"
    if about.get("containerOrchestrationType") == "EKS":
        return "runs jobs on Amazon EKS, but they are containers for Amazon ECS: use one with ECS on EC2"
    if kind in _OTHER_TYPES:
        return f"is of type {_OTHER_TYPES[kind]}, but jobs mount a disk of their machine: use one of type EC2"
    if about.get("type") == "MANAGED" and resources.get("maxvCpus", 0) < 1:
        return "has a maximum of 0 vCPUs: raise its maxvCpus"
    return ""


def _describe_types(session: boto3.Session, names: Iterable[str]) -> list[Mapping[str, Any]]:
    """The descriptions of instance types, given by name or by family."""
    client: Any = session.client("ec2", config=CONFIG)
    patterns = sorted(name if "." in name else f"{name}.*" for name in names)
    pages = client.get_paginator("describe_instance_types").paginate(
        Filters=[{"Name": "instance-type", "Values": patterns}]
    )
    return [about for page in pages for about in page["InstanceTypes"]]


def _fits(about: Mapping[str, Any], job: Resources) -> bool:
    return (
        "x86_64" in about["ProcessorInfo"]["SupportedArchitectures"]
        and about["VCpuInfo"]["DefaultVCpus"] >= job.cpus
        and about["MemoryInfo"]["SizeInMiB"] * USABLE_MEMORY >= job.memory_mib
    )


def _limits(environments: "Iterable[ComputeEnvironmentDetailTypeDef]") -> dict[str, int]:
    """By type of compute environment, the maximum of vCPUs in standard instances that they start together."""
    limits: dict[str, int] = {}
    for resources in map(_resources, environments):
        types = resources.get("instanceTypes", ())
        if resources.get("type") in _QUOTAS and any(
            name[0] in _STANDARD_FAMILIES or name in _BUNDLES for name in types
        ):
            limits[resources["type"]] = limits.get(resources["type"], 0) + resources.get("maxvCpus", 0)
    return limits
