"""The actions of a crate: one for each job, with its inputs and outputs, times, user and resource usage."""

import json
import re
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.job import Parameter
from bioinfo_assets.provenance.crate.entities import Entities, Ref, format_time, local_id
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.crate.steps import parameter_id, step_id, tool_id
from bioinfo_assets.provenance.lineage import TracedJob
from bioinfo_assets.records.record import Record

COMPLETED: Final = "http://schema.org/CompletedActionStatus"

_SECONDS: Final = "https://qudt.org/vocab/unit/SEC"
_MEBIBYTES: Final = "https://qudt.org/vocab/unit/MebiBYTE"

_USAGE: Final = (
    ("wall time", "wall_s", "https://en.wikipedia.org/wiki/Elapsed_real_time", _SECONDS),
    ("processor time", "cpu_s", "https://en.wikipedia.org/wiki/CPU_time", _SECONDS),
    ("peak memory", "peak_memory_mib", "https://en.wikipedia.org/wiki/Resident_set_size", _MEBIBYTES),
)
"""Measured resources: name, field of the record, definition of the quantity, and its unit (QUDT)."""

_IMAGE_REFERENCE: Final = re.compile(
    r"(?:(?P<registry>[^/]+[.:][^/]*|localhost)/)?(?P<name>[^:@]+)(?::(?P<tag>[^@]+))?(?:@sha256:(?P<sha256>[0-9a-f]{64}))?"
)
"""A reference to an image (https://pkg.go.dev/github.com/distribution/reference): the first part is a registry if it
has a dot or a port; otherwise the registry is Docker Hub."""

_DOCKER_IMAGE: Final = "https://w3id.org/ro/terms/workflow-run#DockerImage"


@dataclass
class Actions:
    """The actions of a crate.

    Attributes:
        entities: Where they are described.
        files: The inputs and outputs of the jobs.
    """

    entities: Entities
    files: Files

    def describe(self, job: TracedJob) -> Ref:
        """Describe a job as an action; the jobs upstream must have been described before."""
        record, name = job.record, _record_name(job)
        inputs = [*map(self.files.describe_input, job.inputs)]
        properties = {
            "name": record.key.label,
            "description": _description(record),
            "instrument": {"@id": tool_id(record)},
            "object": [*inputs, *self._parameters(record, name), *self._script(record, name)],
            "result": [self.files.describe_output(job, file) for file in record.outputs],
            "startTime": format_time(record.started),
            "endTime": format_time(record.finished),
            "actionStatus": COMPLETED,
            "agent": describe_person(self.entities, record.user),
            "containerImage": self._image(record.image),
            "resourceUsage": self._usage(record, name),
            "subjectOf": self._record(record, name),
        }
        return self.entities.describe(local_id("runs", record.scope, name), "CreateAction", properties)

    def describe_control(self, job: TracedJob, action: Ref) -> Ref:
        """Describe that an action carried out a step of the workflow."""
        properties = {
            "name": f"running {job.record.key.label}",
            "instrument": {"@id": step_id(job.record.asset)},
            "object": action,
            "actionStatus": COMPLETED,
        }
        return self.entities.describe(f"{action['@id']}/control", "ControlAction", properties)

    def _parameters(self, record: Record, name: str) -> list[Ref]:
        return [
            self.entities.describe(
                local_id("runs", record.scope, name, "parameters", parameter),
                "PropertyValue",
                {
                    "name": parameter,
                    "value": _parameter_text(value),
                    "exampleOfWork": {"@id": parameter_id(record.asset, parameter)},
                },
            )
            for parameter, value in sorted(record.parameters.items())
        ]

    def _script(self, record: Record, name: str) -> list[Ref]:
        if not record.script:
            return []
        properties = {
            "name": f"script of {record.key.label}",
            "description": "The bash script of this run.",
            "encodingFormat": self.files.describe_format("script.sh"),
        }
        return [self.entities.add_file(f"scripts/{name}-{record.scope}.sh", record.script.encode(), properties)]

    def _record(self, record: Record, name: str) -> Ref:
        properties = {
            "name": f"record of {record.key.label}",
            "description": "The complete record of this run, with digests of the files' canonical forms.",
            "encodingFormat": self.files.describe_format("record.json"),
            "about": {"@id": local_id("runs", record.scope, name)},
        }
        data = record.model_dump_json(indent=2).encode() + b"\n"  # with full addresses: a crate leaves its project
        return self.entities.add_file(f"records/{record.scope}/{name}.json", data, properties)

    def _usage(self, record: Record, name: str) -> list[Ref]:
        measured = ((what, getattr(record, field), page, unit) for what, field, page, unit in _USAGE)
        return [
            self.entities.describe(
                local_id("runs", record.scope, name, "usage", what),
                "PropertyValue",
                {"name": what, "propertyID": page, "unitCode": unit, "value": str(value)},
            )
            for what, value, page, unit in measured
            if value is not None
        ]

    def _image(self, image: str) -> Ref | None:
        if not image:
            return None
        properties = {"additionalType": {"@id": _DOCKER_IMAGE}, **parse_image(image)}
        return self.entities.describe(local_id("images", image), "ContainerImage", properties)


def describe_person(entities: Entities, user: str) -> Ref:
    """Describe who ran something."""
    return entities.describe(local_id("people", user), "Person", {"name": user})


def parse_image(image: str) -> dict[str, str | None]:
    """Split a container image's reference into the profile's terms.

    >>> parse_image("localhost:5000/genomics/tools:2@sha256:" + 64 * "a")["registry"]
    'localhost:5000'
    >>> parse_image("ubuntu")
    {'registry': 'docker.io', 'name': 'ubuntu', 'tag': None, 'sha256': None}
    """
    match = _IMAGE_REFERENCE.fullmatch(image)
    parts = match.groupdict() if match else {"registry": None, "name": image, "tag": None, "sha256": None}
    return parts | {"registry": parts["registry"] or "docker.io"}


def _record_name(job: TracedJob) -> str:
    """The name of the record's file, which is unique among current and replaced results of a scope."""
    return job.record_uri.rpartition("/")[2].removesuffix(".json")


def _description(record: Record) -> str:
    if record.imported:
        return f"Files that were not computed here; imported by {record.user}."
    text = f"Job {record.job_id} on the backend {record.backend}, started {record.attempts} time(s)."
    return f"{text} Its files were copied from {record.copied_from}." if record.copied_from else text


def _parameter_text(value: Parameter) -> str:
    return value if isinstance(value, str) else json.dumps(value)
