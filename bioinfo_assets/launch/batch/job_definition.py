"""Job definitions: one for each distinct set of what a submission cannot override, named by its hash and reused.

What can be overridden (command, variables, CPUs, memory, GPUs, attempts, timeout) is set in each submission, so that a
few definitions serve all jobs (AWS Batch API reference, ContainerOverrides).
"""

import json
from hashlib import sha256
from typing import Any, Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.job import JobOptions

_VOLUME: Final = "scratch"


class JobDefinitions:
    """Finds or registers the definition for the options of a job.

    Args:
        client: Client for Batch.
        config: Log group and disk of the jobs.
    """

    def __init__(self, client: Client, config: BatchConfig) -> None:
        self._client = client
        self._config = config
        self._arns: SingleFlight[str] = SingleFlight()

    def definition_of(self, options: JobOptions, image: str) -> str:
        """Return the definition for these options, in the form that SubmitJob takes.

        Raises:
            InputError: the user's own definition does not exist or is not active.
        """
        if options.job_definition:
            return self._arns.get(options.job_definition, self._find_custom)
        name = definition_name(options, image, self._config)
        return self._arns.get(name, lambda name: self._find_or_register(name, options, image))

    def _find_custom(self, name: str) -> str:
        definition = self._client.definition(name)
        if definition is None:
            raise InputError(f"job definition {name} does not exist or is not active: register it, or check its name")
        return definition["jobDefinitionArn"]

    def _find_or_register(self, name: str, options: JobOptions, image: str) -> str:
        definition = self._client.definition(name)
        if definition is not None:
            return definition["jobDefinitionArn"]
        return self._client.register({"jobDefinitionName": name, **definition_body(options, image, self._config)})


def definition_name(options: JobOptions, image: str, config: BatchConfig) -> str:
    """The name of the definition, equal for equal contents."""
    body = json.dumps(definition_body(options, image, config), sort_keys=True)
    return f"{options.prefix}-{sha256(body.encode()).hexdigest()[:16]}"


def definition_body(options: JobOptions, image: str, config: BatchConfig) -> dict[str, Any]:
    """A definition without its name. It has a command, CPUs and memory only because Batch requires them."""
    linux: dict[str, Any] = {"initProcessEnabled": True}
    if options.shared_memory_mib is not None:
        linux["sharedMemorySize"] = options.shared_memory_mib
    container: dict[str, Any] = {
        "image": image,
        "command": ["true"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "1024"}],
        "linuxParameters": linux,
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": config.log_group}},
    }
    if config.scratch_volume:
        container["volumes"] = [{"name": _VOLUME, "host": {"sourcePath": config.scratch_volume}}]
        container["mountPoints"] = [
            {"sourceVolume": _VOLUME, "containerPath": config.scratch_volume, "readOnly": False}
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
