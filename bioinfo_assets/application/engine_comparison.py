"""Comparison of a sample's results by the native engine with the results of the originals, GATK and Picard among them.

The originals run here, on the inputs that were recorded. Their results stay in a scratch folder, which is deleted.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bioinfo_assets.application.file_difference import first_difference
from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.backend_config import default_scratch, tool_folders
from bioinfo_assets.launch.job import Job, Output
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.pipeline.graph import GRAPH, PER_SAMPLE, parents_of, result_key
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.reuse import difference
from bioinfo_assets.records.samples import load_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets.storage.store import local_path


@dataclass(frozen=True, slots=True)
class EngineComparison:
    """What the comparison of one result found.

    Attributes:
        key: The result.
        problem: The first difference, or why the original could not be run; empty if the results are equal.
    """

    key: ResultKey
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.key.label}: {self.problem or 'equal'}"


def compare_with_originals(project: Project, sample: str) -> Iterator[EngineComparison]:
    """Compute a sample's results of the native engine by the originals, and compare the contents of their files.

    Yields:
        The comparison of each result, in the order of the graph.

    Raises:
        InputError: There is no such sample, no result of it is the native engine's, or one is out of date.
        ResourceError: A tool is missing.
    """
    records = _native_records(project, sample)
    jobs = {record.key: _original_job(project, record) for record in records}
    settings = project.settings
    chosen = local_path(settings.scratch) if settings.scratch else None  # that of AWS Batch is in S3
    scratch = chosen or default_scratch(settings.output_path)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="verify-", dir=scratch) as folder:
        yield from _compare_all(project, records, jobs, Path(folder))


def _native_records(project: Project, sample: str) -> list[Record]:
    load_sample(project.ledger, sample)
    found = [project.ledger.read(ResultKey(asset, sample)) for asset in PER_SAMPLE]
    records = [record for record in found if record is not None and "bioinfo-assets-engine" in record.tools]
    if not records:
        raise InputError(
            f"no result of a sample {sample!r} was computed by the native engine: set engine to native and run it first"
        )
    return records


def _original_job(project: Project, record: Record) -> Job:
    """The job of a result by the originals, with the inputs that were recorded.

    Raises:
        InputError: The result is not what a run with the native engine would compute now.
    """
    stale = difference(record, _job_by(project, record.key, Engine.NATIVE), record.tools)
    if stale:
        raise InputError(f"{record.key.label} is out of date, because of its {stale}: run {record.scope} first")
    return _job_by(project, record.key, Engine.GATK)


def _job_by(project: Project, key: ResultKey, engine: Engine) -> Job:
    settings = project.settings.model_copy(update={"engine": engine.value, "steps": {}})
    chosen = Project(settings)
    records = {
        parent: RecordSet.read(project.ledger, parent, [result_key(parent, key.scope).scope])
        for parent in parents_of(key.asset)
    }
    sources = Sources(chosen)
    sources.use_recorded_reads(key.scope)
    return GRAPH[key.asset].build(Upstream(chosen, sources, records, lambda: Aligner.BWA), key.scope)


def _compare_all(
    project: Project, records: list[Record], jobs: Mapping[ResultKey, Job], folder: Path
) -> Iterator[EngineComparison]:
    """Run the jobs, as many at the same time as this machine has CPUs and memory for, and compare each as it ends."""
    settings, tools = project.settings, tool_folders(project.settings)
    backend = LocalBackend(folder, project.store, settings.cpus, settings.memory_mib, tools)
    path = os.pathsep.join([*map(str, tools), os.environ.get("PATH", os.defpath)])
    with closing(backend), closing(Watcher(backend)) as watcher:
        for job in jobs.values():
            backend.tool_versions(job.tools)
        handles = {key: watcher.submit(job) for key, job in jobs.items()}
        for record in records:
            status = handles[record.key].wait()
            yield EngineComparison(record.key, _problem(project, record, jobs[record.key], status, path))


def _problem(project: Project, record: Record, job: Job, status: Status, path: str) -> str:
    if status.report is None or status.state is not State.SUCCEEDED:
        return f"the original failed: {status.reason}"
    files = {file.key: file for file in status.report.files}
    for output in job.outputs:
        recorded = next((file for file in record.outputs if file.key == output.key), None)
        if recorded is None or recorded.content != files[output.key].content:
            return _file_difference(project, recorded, output, Path(files[output.key].path), path)
    ours, theirs = record.facts, status.report.facts
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            return f"the fact {name} is {ours.get(name, 'missing')}, and {theirs.get(name, 'missing')} by the original"
    return ""


def _file_difference(project: Project, recorded: FileRecord | None, output: Output, original: Path, path: str) -> str:
    """A sentence about the first difference of a file from that of the original."""
    if recorded is None:
        return f"{output.local} was not published"
    if recorded.released is not None:
        return f"{output.local} differs, by its digest: its file was released, so that the place is not known"
    published = local_path(recorded.uri)
    if published is None:
        published = original.with_name(f"published.{output.local}")
        project.store.fetch(recorded.uri, published)
    found = first_difference(published, original, output.canonical or "cat", path)
    return f"{output.local} differs: {found or 'its bytes, although all lines of its text are equal'}"
