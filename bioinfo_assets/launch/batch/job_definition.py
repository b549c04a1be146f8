"""Job definitions: one for each distinct set of what a submission cannot override, named by its hash and used again.

What can be overridden (command, variables, processors, memory, GPUs, tries, timeout) is told with each submission, so
that few definitions do for all jobs (AWS Batch API reference, ContainerOverrides).
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.job_options import JobOptions

_VOLUME: Final = "scratch"


@dataclass(frozen=True, slots=True)
class MachineConfig:
    """What definitions say of the machines jobs run on.

    Attributes:
        log_group: The CloudWatch log group.
        scratch_volume: A folder of the machine's disk, mounted at the same path; empty: none.
    """

    log_group: str
    scratch_volume: str


class JobDefinitions:
    """Finds or registers the definition for a job's options.

    Args:
        client: To Batch.
        machine: What the definitions say of machines.
    """

    def __init__(self, client: Client, machine: MachineConfig) -> None:
        self._client = client
        self._machine = machine
        self._known: SingleFlight[str] = SingleFlight()

    def of(self, options: JobOptions, image: str) -> str:
        """The definition for these options, as SubmitJob takes it.

        Raises:
            InputError: the given one is not there or not active.
        """
        if options.job_definition:
            return self._known.get(options.job_definition, self._given)
        name = definition_name(options, image, self._machine)
        return self._known.get(name, lambda name: self._made(name, options, image))

    def _given(self, name: str) -> str:
        found = self._client.definition(name)
        if found is None:
            raise InputError(f"job definition {name} is not there or not active: register it, or check its name")
        return found["jobDefinitionArn"]

    def _made(self, name: str, options: JobOptions, image: str) -> str:
        found = self._client.definition(name)
        if found is not None:
            return found["jobDefinitionArn"]
        return self._client.register({"jobDefinitionName": name, **definition_body(options, image, self._machine)})


def definition_name(options: JobOptions, image: str, machine: MachineConfig) -> str:
    """The name of the definition: equal for equal contents."""
    said = json.dumps(definition_body(options, image, machine), sort_keys=True)
    return f"{options.prefix}-{sha256(said.encode()).hexdigest()[:16]}"


def definition_body(options: JobOptions, image: str, machine: MachineConfig) -> dict[str, Any]:
    """A definition but for its name. Command, processors and memory stand there because Batch wants some."""
    linux: dict[str, Any] = {"initProcessEnabled": True}
    if options.shared_memory_mib is not None:
        linux["sharedMemorySize"] = options.shared_memory_mib
    container: dict[str, Any] = {
        "image": image,
        "command": ["true"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "1024"}],
        "linuxParameters": linux,
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": machine.log_group}},
    }
    if machine.scratch_volume:
        container["volumes"] = [{"name": _VOLUME, "host": {"sourcePath": machine.scratch_volume}}]
        container["mountPoints"] = [
            {"sourceVolume": _VOLUME, "containerPath": machine.scratch_volume, "readOnly": False}
        ]
    if options.job_role is not None:
        container["jobRoleArn"] = options.job_role
    if options.execution_role is not None:
        container["executionRoleArn"] = options.execution_role
    return {
        "type": "container",
        "containerProperties": container,
        "platformCapabilities": ["EC2"],
        "propagateTags": True,
    }
