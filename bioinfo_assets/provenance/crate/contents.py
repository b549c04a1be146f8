"""What a crate says: of itself, of the workflow, of its run as a whole, and of every job."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.provenance.crate.actions import DONE, Actions, person
from bioinfo_assets.provenance.crate.entities import Entities, Ref
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.crate.iri import local_id
from bioinfo_assets.provenance.crate.steps import describe_steps
from bioinfo_assets.provenance.crate.times import time_of
from bioinfo_assets.provenance.lineage import TracedJob

NO_LICENSE: Final = "http://rightsstatements.org/vocab/CNE/1.0/"
"""Says that nobody has said under which license the data are ("Copyright Not Evaluated")."""

_PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)

_PYTHON: Final = "https://www.python.org/"

_FOLDERS: Final = """\
This is a Workflow Run RO-Crate (profile Provenance Run Crate 0.5, https://w3id.org/ro/wfrun/provenance/0.5).

- `ro-crate-metadata.json` describes every run: what it read and wrote, with digests, when, by whom, in which image.
- `workflow` has the file that says what is made from what.
- `scripts` has the bash script of every run, as it was run.
- `records` has all that was recorded of every run.
- `data`, if it is here, has copies of reports, metrics and logs. All other files are where the metadata say.
"""


@dataclass(frozen=True, slots=True)
class CrateRequest:
    """What a crate is to be of.

    Attributes:
        scopes: Whose results it is of: samples, and the report over all of them.
        name: What it is called.
        workflow: The source file that says what is made from what.
        version: Of the project that the workflow is a file of.
        license: The address of the license of what is in the crate.
        with_small_files: Whether small results are copied into it.
    """

    scopes: tuple[str, ...]
    name: str
    workflow: Path
    version: str
    license: str = NO_LICENSE
    with_small_files: bool = False


def describe(entities: Entities, files: Files, jobs: tuple[TracedJob, ...], wanted: CrateRequest) -> None:
    """Describes jobs, each after those upstream of it, and all that they have to do with; completes the crate."""
    plan = describe_steps(entities, (job.record for job in jobs))
    actions = Actions(entities, files)
    done = [actions.of(job) for job in jobs]
    workflow = _workflow(entities, files, wanted, plan)
    run = _whole_run(entities, files, jobs, workflow)
    _organize(entities, jobs, run, [actions.control(job, action) for job, action in zip(jobs, done, strict=True)])
    _readme(entities, wanted.name, _description(jobs))
    entities.complete(
        {
            "name": wanted.name,
            "description": _description(jobs),
            "license": _license(entities, wanted.license),
            "datePublished": time_of(max(job.record.finished for job in jobs)),
            "author": _people(entities, jobs),
            "conformsTo": _profiles(entities),
            "mainEntity": workflow,
            "mentions": [run, *done],
        }
    )


def _readme(entities: Entities, name: str, description: str) -> None:
    text = f"# {name}\n\n{description}\n\n{_FOLDERS}"
    properties = {"name": "README.md", "about": {"@id": "./"}, "encodingFormat": "text/markdown"}
    entities.enclose("README.md", text.encode(), properties)


def _workflow(entities: Entities, files: Files, wanted: CrateRequest, plan: dict[str, object]) -> Ref:
    language = entities.describe(_PYTHON, "ComputerLanguage", {"name": "Python", "url": _PYTHON})
    properties = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "bioinfo-assets",
        "description": "From FASTQs to recalibrated BAMs, metrics and a report: what is made from what.",
        "version": wanted.version,
        "programmingLanguage": language,
        "encodingFormat": files.format(wanted.workflow.name),
        "input": [_input(entities, asset) for asset in files.sources],
        **plan,
    }
    return entities.enclose(f"workflow/{wanted.workflow.name}", wanted.workflow.read_bytes(), properties)


def _input(entities: Entities, asset: str) -> Ref:
    properties = {"name": asset, "additionalType": "File"}
    return entities.describe(local_id("inputs", asset), "FormalParameter", properties)


def _whole_run(entities: Entities, files: Files, jobs: Iterable[TracedJob], workflow: Ref) -> Ref:
    """The run of the workflow as a whole: from the sources to all that was made of them and is still in use."""
    properties = {
        "name": "run of bioinfo-assets",
        "description": "All jobs together; each is told of by an action of its own.",
        "instrument": workflow,
        "object": [ref for refs in files.sources.values() for ref in refs],
        "result": [files.made(job, file) for job in jobs if not job.past for file in job.record.outputs],
        **_span(entities, jobs),
    }
    return entities.describe(local_id("run"), "CreateAction", properties)


def _organize(entities: Entities, jobs: Iterable[TracedJob], run: Ref, controls: list[Ref]) -> None:
    versions = sorted({job.record.software for job in jobs})
    engine = entities.describe(
        local_id("bioinfo-assets", *versions),
        "SoftwareApplication",
        {"name": "bioinfo-assets", "version": ", ".join(versions)},
    )
    properties = {
        "name": f"bioinfo-assets {', '.join(versions)}",
        "instrument": engine,
        "object": controls,
        "result": run,
        **_span(entities, jobs),
    }
    entities.describe(local_id("organize"), "OrganizeAction", properties)


def _span(entities: Entities, jobs: Iterable[TracedJob]) -> dict[str, object]:
    records = [job.record for job in jobs]
    return {
        "startTime": time_of(min(record.started for record in records)),
        "endTime": time_of(max(record.finished for record in records)),
        "actionStatus": DONE,
        "agent": _people(entities, jobs),
    }


def _people(entities: Entities, jobs: Iterable[TracedJob]) -> list[Ref]:
    return [person(entities, user) for user in sorted({job.record.user for job in jobs})]


def _profiles(entities: Entities) -> list[Ref]:
    return [entities.describe(page, "CreativeWork", {"name": name, "version": of}) for page, name, of in _PROFILES]


def _license(entities: Entities, address: str) -> Ref:
    if address != NO_LICENSE:
        return entities.describe(address, "CreativeWork", {"name": address, "url": address})
    said = "Nobody has said under which license these data are: ask whoever gave them to you."
    return entities.describe(address, "CreativeWork", {"name": "Copyright Not Evaluated", "description": said})


def _description(jobs: Iterable[TracedJob]) -> str:
    records = [job.record for job in jobs]
    scopes = {record.scope for record in records}
    return (
        f"{len(records)} runs of {len({record.asset for record in records})} steps on {len(scopes)} scopes, recorded"
        " by bioinfo-assets: what was made, from what, by which script, with which versions of tools."
    )
