"""What was done: an action for each job, with what it read and wrote, when, by whom, and what it took."""

import json
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.job import Parameter
from bioinfo_assets.provenance.crate.entities import Entities, Ref
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.crate.image import image_of
from bioinfo_assets.provenance.crate.iri import local_id
from bioinfo_assets.provenance.crate.steps import parameter_id, step_id, tool_id
from bioinfo_assets.provenance.crate.times import time_of
from bioinfo_assets.provenance.lineage import TracedJob
from bioinfo_assets.records.record import Record

DONE: Final = "http://schema.org/CompletedActionStatus"

_SECONDS: Final = "https://qudt.org/vocab/unit/SEC"
_MEBIBYTES: Final = "https://qudt.org/vocab/unit/MebiBYTE"

_USAGE: Final = (
    ("wall time", "wall_s", "https://en.wikipedia.org/wiki/Elapsed_real_time", _SECONDS),
    ("processor time", "cpu_s", "https://en.wikipedia.org/wiki/CPU_time", _SECONDS),
    ("peak memory", "peak_memory_mib", "https://en.wikipedia.org/wiki/Resident_set_size", _MEBIBYTES),
)
"""What a job took: its name, the record's field, what the quantity is, and its unit (QUDT)."""


@dataclass
class Actions:
    """The actions of a crate.

    Attributes:
        entities: Where they are described.
        files: What the jobs read and wrote.
    """

    entities: Entities
    files: Files

    def of(self, job: TracedJob) -> Ref:
        """The action of a job; it is to come after the actions upstream of it."""
        record, name = job.record, _name_of(job)
        properties = {
            "name": f"{record.key.label}",
            "description": _description(record),
            "instrument": {"@id": tool_id(record)},
            "object": [*map(self.files.read, job.inputs), *self._parameters(record, name), *self._script(record, name)],
            "result": [self.files.made(job, file) for file in record.outputs],
            "startTime": time_of(record.started),
            "endTime": time_of(record.finished),
            "actionStatus": DONE,
            "agent": person(self.entities, record.user),
            "containerImage": image_of(self.entities, record.image),
            "resourceUsage": self._usage(record, name),
            "subjectOf": self._record(record, name),
        }
        return self.entities.describe(local_id("runs", record.scope, name), "CreateAction", properties)

    def control(self, job: TracedJob, action: Ref) -> Ref:
        """That a step of the workflow was carried out by an action."""
        properties = {
            "name": f"running {job.record.asset} of {job.record.scope}",
            "instrument": {"@id": step_id(job.record.asset)},
            "object": action,
            "actionStatus": DONE,
        }
        return self.entities.describe(f"{action['@id']}/control", "ControlAction", properties)

    def _parameters(self, record: Record, name: str) -> list[Ref]:
        return [
            self.entities.describe(
                local_id("runs", record.scope, name, "parameters", given),
                "PropertyValue",
                {"name": given, "value": _text(value), "exampleOfWork": {"@id": parameter_id(record.asset, given)}},
            )
            for given, value in sorted(record.parameters.items())
        ]

    def _script(self, record: Record, name: str) -> list[Ref]:
        if not record.script:
            return []
        properties = {
            "name": f"script of {record.key.label}",
            "description": "The bash script as it was run.",
            "encodingFormat": self.files.format("script.sh"),
        }
        return [self.entities.enclose(f"scripts/{name}-{record.scope}.sh", record.script.encode(), properties)]

    def _record(self, record: Record, name: str) -> Ref:
        properties = {
            "name": f"record of {record.key.label}",
            "description": "Everything that bioinfo-assets recorded of this run, with digests of canonical forms.",
            "encodingFormat": self.files.format("record.json"),
            "about": {"@id": local_id("runs", record.scope, name)},
        }
        data = record.model_dump_json(indent=2).encode() + b"\n"
        return self.entities.enclose(f"records/{record.scope}/{name}.json", data, properties)

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


def person(entities: Entities, user: str) -> Ref:
    """Who ran something."""
    return entities.describe(local_id("people", user), "Person", {"name": user})


def _name_of(job: TracedJob) -> str:
    """The name of its record, which is another for each result that was replaced."""
    return job.record_uri.rpartition("/")[2].removesuffix(".json")


def _description(record: Record) -> str:
    if record.imported:
        return f"Made elsewhere and registered here by {record.user}."
    said = f"Job {record.job_id} on the backend {record.backend}, started {record.attempts} time(s)."
    return f"{said} Its files were copied from {record.copied_from}." if record.copied_from else said


def _text(value: Parameter) -> str:
    return value if isinstance(value, str) else json.dumps(value)
