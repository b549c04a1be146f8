"""Writes a crate: everything into a folder beside the target first, which is then put into its place whole."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.crate.actions import DONE, Actions, person
from bioinfo_assets.records.crate.entities import Entities, Ref
from bioinfo_assets.records.crate.files import Files
from bioinfo_assets.records.crate.iri import local_id
from bioinfo_assets.records.crate.jobs import jobs_of
from bioinfo_assets.records.crate.steps import describe_steps
from bioinfo_assets.records.crate.times import time_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import TracedJob

NO_LICENSE: Final = "http://rightsstatements.org/vocab/CNE/1.0/"
"""Says that nobody has said under which license the data are ("Copyright Not Evaluated")."""

_PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)

_PYTHON: Final = "https://www.python.org/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a crate is to be of.

    Attributes:
        subjects: Whose results it is of: samples, and the report over all of them.
        name: What it is called.
        workflow: The source file that says what is made from what.
        version: Of the project that the workflow is a file of.
        license: The address of the license of what is in the crate.
        with_data: Whether small results are copied into it.
    """

    subjects: tuple[str, ...]
    name: str
    workflow: Path
    version: str
    license: str = NO_LICENSE
    with_data: bool = False


def write_crate(ledger: Ledger, wanted: Wanted, target: Path) -> int:
    """Writes a crate to a folder, or to a ZIP file where the target's name ends so; gives the number of its runs.

    Raises:
        InputError: a subject has no results, or the target is there already. Nothing was written.
    """
    if target.exists():
        raise InputError(f"{target} is there already: remove it, or give another name")
    jobs = jobs_of(ledger, wanted.subjects)
    with _built(target) as folder:
        entities = Entities(folder)
        _describe(entities, Files(entities, ledger, copied=wanted.with_data), jobs, wanted)
    return len(jobs)


@contextmanager
def _built(target: Path) -> Iterator[Path]:
    """A folder to build in; it becomes the target once it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        folder = temporary / "crate"
        folder.mkdir()
        yield folder
        if target.suffix == ".zip":
            folder = _zipped(folder, temporary / "crate.zip")
        folder.rename(target)
    finally:
        shutil.rmtree(temporary)


def _zipped(folder: Path, target: Path) -> Path:
    """A ZIP file of a folder, the same bytes for the same files: times are left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
    return target


def _describe(entities: Entities, files: Files, jobs: tuple[TracedJob, ...], wanted: Wanted) -> None:
    plan = describe_steps(entities, (job.record for job in jobs))
    actions = Actions(entities, files)
    done = [actions.of(job) for job in jobs]
    workflow = _workflow(entities, files, wanted, plan)
    run = _whole_run(entities, files, jobs, workflow)
    _organize(entities, jobs, run, [actions.control(job, action) for job, action in zip(jobs, done, strict=True)])
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


def _workflow(entities: Entities, files: Files, wanted: Wanted, plan: dict[str, object]) -> Ref:
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
    versions = sorted({job.record.project for job in jobs})
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
    subjects = {record.subject for record in records}
    return (
        f"{len(records)} runs of {len({record.step for record in records})} steps on {len(subjects)} subjects, recorded"
        " by bioinfo-assets: what was made, from what, by which script, with which versions of tools."
    )
