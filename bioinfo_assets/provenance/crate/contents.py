"""The contents of a crate: the crate itself, the workflow, its run as a whole, and every job."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.provenance.crate.actions import COMPLETED, Actions, describe_person
from bioinfo_assets.provenance.crate.entities import Entities, Ref, format_time, local_id
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.crate.steps import describe_steps
from bioinfo_assets.provenance.lineage import TracedJob

NO_LICENSE: Final = "http://rightsstatements.org/vocab/CNE/1.0/"
"""States that the license of the data is undetermined ("Copyright Not Evaluated")."""

_PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)

_PYTHON: Final = "https://www.python.org/"

_FOLDERS: Final = """\
This is a Workflow Run RO-Crate (profile Provenance Run Crate 0.5, https://w3id.org/ro/wfrun/provenance/0.5).

- `ro-crate-metadata.json` describes every run: inputs and outputs with digests, times, user and container image.
- `workflow` contains the source file that defines the steps and their dependencies.
- `scripts` contains the bash script of every run.
- `records` contains the complete record of every run.
- `data`, if present, contains copies of reports, metrics and logs. The metadata give the addresses of all other files.
"""


@dataclass(frozen=True, slots=True)
class CrateRequest:
    """What to put into a crate.

    Attributes:
        scopes: The scopes whose results it describes: samples, and the scope of the report on all samples.
        name: The crate's title.
        workflow: The source file that defines the steps and their dependencies.
        version: The version of the project that the workflow belongs to.
        license: The address of the license of the crate's contents.
        with_small_files: Whether to copy small results into it.
    """

    scopes: tuple[str, ...]
    name: str
    workflow: Path
    version: str
    license: str = NO_LICENSE
    with_small_files: bool = False


def describe_contents(entities: Entities, files: Files, jobs: tuple[TracedJob, ...], request: CrateRequest) -> None:
    """Describe jobs, each after those upstream of it, with everything they refer to; and write the metadata."""
    plan = describe_steps(entities, (job.record for job in jobs))
    actions = Actions(entities, files)
    job_actions = [actions.describe(job) for job in jobs]
    controls = [actions.describe_control(job, action) for job, action in zip(jobs, job_actions, strict=True)]
    workflow = _describe_workflow(entities, files, request, plan)
    run = _describe_run(entities, files, jobs, workflow)
    _describe_orchestration(entities, jobs, run, controls)
    _add_readme(entities, request.name, _description(jobs))
    entities.write(
        {
            "name": request.name,
            "description": _description(jobs),
            "license": _describe_license(entities, request.license),
            "datePublished": format_time(max(job.record.finished for job in jobs)),
            "author": _describe_people(entities, jobs),
            "conformsTo": [
                entities.describe(page, "CreativeWork", {"name": name, "version": version})
                for page, name, version in _PROFILES
            ],
            "mainEntity": workflow,
            "mentions": [run, *job_actions],
        }
    )


def _add_readme(entities: Entities, name: str, description: str) -> None:
    text = f"# {name}\n\n{description}\n\n{_FOLDERS}"
    properties = {"name": "README.md", "about": {"@id": "./"}, "encodingFormat": "text/markdown"}
    entities.add_file("README.md", text.encode(), properties)


def _describe_workflow(entities: Entities, files: Files, request: CrateRequest, plan: dict[str, object]) -> Ref:
    language = entities.describe(_PYTHON, "ComputerLanguage", {"name": "Python", "url": _PYTHON})
    inputs = [
        entities.describe(local_id("inputs", asset), "FormalParameter", {"name": asset, "additionalType": "File"})
        for asset in files.sources
    ]
    properties = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "bioinfo-assets",
        "description": "From FASTQs to recalibrated BAMs, metrics and a report: the steps and their dependencies.",
        "version": request.version,
        "programmingLanguage": language,
        "encodingFormat": files.describe_format(request.workflow.name),
        "input": inputs,
        **plan,
    }
    return entities.add_file(f"workflow/{request.workflow.name}", request.workflow.read_bytes(), properties)


def _describe_run(entities: Entities, files: Files, jobs: Iterable[TracedJob], workflow: Ref) -> Ref:
    """The run of the workflow as a whole: from the sources to all current results."""
    properties = {
        "name": "run of bioinfo-assets",
        "description": "All jobs together; each job is also described by an action of its own.",
        "instrument": workflow,
        "object": [ref for refs in files.sources.values() for ref in refs],
        "result": [files.describe_output(job, file) for job in jobs if not job.replaced for file in job.record.outputs],
        **_span(entities, jobs),
    }
    return entities.describe(local_id("run"), "CreateAction", properties)


def _describe_orchestration(entities: Entities, jobs: Iterable[TracedJob], run: Ref, controls: list[Ref]) -> None:
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
        "startTime": format_time(min(record.started for record in records)),
        "endTime": format_time(max(record.finished for record in records)),
        "actionStatus": COMPLETED,
        "agent": _describe_people(entities, jobs),
    }


def _describe_people(entities: Entities, jobs: Iterable[TracedJob]) -> list[Ref]:
    return [describe_person(entities, user) for user in sorted({job.record.user for job in jobs})]


def _describe_license(entities: Entities, address: str) -> Ref:
    if address != NO_LICENSE:
        return entities.describe(address, "CreativeWork", {"name": address, "url": address})
    text = "The license of these data has not been determined: contact whoever provided them."
    return entities.describe(address, "CreativeWork", {"name": "Copyright Not Evaluated", "description": text})


def _description(jobs: Iterable[TracedJob]) -> str:
    records = [job.record for job in jobs]
    scopes = {record.scope for record in records}
    return (
        f"{len(records)} runs of {len({record.asset for record in records})} steps on {len(scopes)} scopes, recorded"
        " by bioinfo-assets, with their inputs, outputs, scripts and tool versions."
    )
