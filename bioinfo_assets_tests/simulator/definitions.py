"""Job definitions, and the settings of a job that is submitted with one."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bioinfo_assets_tests.simulator import retry
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.job import Settings, Shape

MAX_TAGS: Final = 50
MIN_TIMEOUT_S: Final = 60
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
MAX_OVERRIDES_LENGTH: Final = 8192
# What Batch adds to the overrides of each task: its own variables with their values.
ADDED_LENGTH: Final = 300

Request = Mapping[str, Any]


class Definitions:
    """All revisions of all job definitions."""

    def __init__(self, account: str) -> None:
        self._prefix = f"arn:aws:batch:us-east-1:{account}:job-definition/"
        self._revisions: dict[str, list[Shape]] = {}

    def register(self, request: Request) -> Shape:
        """Register a revision, even if its content is that of an earlier one."""
        name = request["jobDefinitionName"]
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
            raise ApiError(f"Job definition name {name} is not valid.")
        if request["type"] != "container" or "containerProperties" not in request:
            raise ApiError("The simulator supports only definitions of type container with containerProperties.")
        check_common(request)
        container = request["containerProperties"]
        if not container.get("image"):
            raise ApiError("Container properties should have an image.")
        if not container.get("command"):
            raise ApiError("The simulator has no images and needs a command.")
        if not {"VCPU", "MEMORY"} <= requirements(container).keys():
            raise ApiError("Container properties should contain requirements of VCPU and MEMORY.")
        environment(container)
        revisions = self._revisions.setdefault(name, [])
        revision = len(revisions) + 1
        arn = f"{self._prefix}{name}:{revision}"
        identity = {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}
        revisions.append(
            {
                "tags": {},
                "parameters": {},
                **request,
                **identity,
                "status": "ACTIVE",
                "containerOrchestrationType": "ECS",
            }
        )
        return identity

    def deregister(self, reference: str) -> None:
        found = self._find(reference)
        if found is None:
            raise ApiError(f"Job definition {reference} does not exist.")
        found["status"] = "INACTIVE"

    def active(self, reference: str) -> Shape:
        """The definition for `name`, `name:revision`, or an ARN with or without the revision."""
        found = self._find(reference)
        if found is None:
            raise ApiError(f"Job definition {reference} does not exist.")
        if found["status"] != "ACTIVE":
            raise ApiError(f"Job definition {reference} is not active.")
        return found

    def describe(self, request: Request) -> list[Shape]:
        references = request.get("jobDefinitions")
        if references is not None:
            if len(references) > 100:
                raise ApiError("At most 100 job definitions can be described at once.")
            found = [self._find_exact(reference) for reference in references]
            return [definition for definition in found if definition is not None]
        name, status = request.get("jobDefinitionName"), request.get("status")
        return [
            definition
            for its_name, revisions in sorted(self._revisions.items())
            for definition in reversed(revisions)
            if name in {None, its_name} and status in {None, definition["status"]}
        ]

    def _find_exact(self, reference: str) -> Shape | None:
        name, _, revision = reference.removeprefix(self._prefix).partition(":")
        revisions = self._revisions.get(name, [])
        if not revision.isdigit() or not 1 <= int(revision) <= len(revisions):
            return None
        return revisions[int(revision) - 1]

    def _find(self, reference: str) -> Shape | None:
        name, _, revision = reference.removeprefix(self._prefix).partition(":")
        if revision:
            return self._find_exact(reference)
        revisions = self._revisions.get(name, [])
        active = [definition for definition in revisions if definition["status"] == "ACTIVE"]
        latest = active or revisions
        return latest[-1] if latest else None


def settings(definition: Shape, request: Request) -> Settings:
    """The settings of a job: the definition with the overrides of the request.

    Resource requirements are merged by type. The deprecated `vcpus` and `memory` overrides are accepted and have no
    effect (User Guide, "Can't override job definition resource requirements").
    """
    container, overrides = definition["containerProperties"], request.get("containerOverrides", {})
    parameters = {**definition["parameters"], **request.get("parameters", {})}
    command = overrides.get("command") or container.get("command", [])
    share = {"shareIdentifier": request.get("shareIdentifier")}
    priority = request.get("schedulingPriorityOverride", definition.get("schedulingPriority"))
    if share["shareIdentifier"] is not None and priority is None:  # message as in nextflow-io/nextflow#3505
        raise ApiError("Either schedulingPriority in job definition or schedulingPriorityOverride should be specified.")
    return Settings(
        command=tuple(_substitute(word, parameters) for word in command),
        environment=environment(container) | environment(overrides),
        requirements=requirements(container)
        | requirements({"resourceRequirements": [], **overrides}, deprecated=False),
        container=container,
        retry=request.get("retryStrategy") or definition.get("retryStrategy") or {"attempts": 1},
        timeout=request.get("timeout") or definition.get("timeout") or {},
        definition=definition["jobDefinitionName"],
        task_error=_task_error(definition, request),
        share=share | {"schedulingPriority": priority},
        tags=dict(request.get("tags", {})),
        parameters=parameters,
    )


def check_common(request: Request) -> None:
    """Reject what both RegisterJobDefinition and SubmitJob reject."""
    retry.check(request.get("retryStrategy", {}))
    if request.get("timeout", {}).get("attemptDurationSeconds", MIN_TIMEOUT_S) < MIN_TIMEOUT_S:
        raise ApiError("Job timeout must be at least 60 seconds.")
    if len(request.get("tags", {})) > MAX_TAGS:
        raise ApiError("At most 50 tags are allowed.")


def environment(container: Request) -> dict[str, str]:
    """The variables of containerProperties or containerOverrides."""
    found = {variable["name"]: variable.get("value", "") for variable in container.get("environment", [])}
    for name in found:
        if name.startswith("AWS_BATCH"):
            raise ApiError(f"Environment variable {name} must not start with AWS_BATCH.")
    return found


def requirements(container: Request, *, deprecated: bool = True) -> dict[str, str]:
    """VCPU, MEMORY and GPU of containerProperties or containerOverrides."""
    old = {"VCPU": container.get("vcpus"), "MEMORY": container.get("memory")} if deprecated else {}
    found = {kind: str(value) for kind, value in old.items() if value is not None}
    found |= {item["type"]: item["value"] for item in container.get("resourceRequirements", [])}
    for kind, value in found.items():
        if kind not in {"VCPU", "MEMORY", "GPU"} or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            raise ApiError(f"Resource requirement {kind}={value} is not valid.")
    if "MEMORY" in found and (not found["MEMORY"].isdigit() or int(found["MEMORY"]) < 4):
        raise ApiError("MEMORY must be at least 4 MiB.")
    return found


def _task_error(definition: Shape, request: Request) -> str:
    """An error that is reported only when the job is to start; empty if there is none."""
    overrides = request.get("containerOverrides", {})
    if len(json.dumps(overrides, separators=(",", ":"))) + ADDED_LENGTH > MAX_OVERRIDES_LENGTH:
        return f"Container Overrides length must be at most {MAX_OVERRIDES_LENGTH}"
    propagates = request.get("propagateTags", definition.get("propagateTags", False))
    if propagates and len({**definition["tags"], **request.get("tags", {})}) > MAX_TAGS:
        return f"Tags can not be more than {MAX_TAGS}"
    return ""


def _substitute(word: str, parameters: Mapping[str, str]) -> str:
    return parameters.get(word.removeprefix("Ref::"), word) if word.startswith("Ref::") else word
