"""What is told of one file: how it was made, and all that it was made from."""

from collections.abc import Iterator

from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.application.resolve_file import ResolvedFile
from bioinfo_assets.provenance.lineage import TracedFile, TracedJob


def show_provenance(found: ResolvedFile, console: Console) -> None:
    """Prints what made a file, and the tree of what it was made from."""
    for line in _head(found):
        console.print(line, soft_wrap=True)
    if found.file.producer is not None:
        tree = Tree(_told(found.file.producer))
        _grow(tree, found.file.producer, {found.file.producer.record_uri})
        console.print("\nmade from", soft_wrap=True)
        console.print(tree, soft_wrap=True)


def provenance_document(found: ResolvedFile) -> dict[str, object]:
    """A file, and by record's URI every job that led to it."""
    jobs: dict[str, object] = {}
    if found.file.producer is not None:
        _collect(found.file.producer, jobs)
    return {"note": found.note or None, "file": file_document(found.file), "jobs": jobs}


def file_document(file: TracedFile) -> dict[str, object]:
    """A file by itself."""
    return {
        "uri": file.uri,
        "size": file.size,
        "sha256": file.sha256,
        "content": file.content,
        "made_by": file.producer.record_uri if file.producer else None,
        "source": file.observation.asset if file.observation else None,
        "note": file.note or None,
    }


def _head(found: ResolvedFile) -> Iterator[str]:
    file = found.file
    if found.note:
        yield found.note
    yield file.uri
    yield f"  digest   {f'sha256:{file.sha256}' if file.sha256 else file.content or 'none of its own'}"
    yield f"  bytes    {file.size}"
    if file.note:
        yield f"  note     {file.note}"
    if file.observation is not None:
        seen = file.observation
        yield f"  source   {seen.key.label}, as seen on {seen.observed:%Y-%m-%d %H:%M:%S} UTC"
    if file.producer is not None:
        yield from _how(file.producer)


def _how(job: TracedJob) -> Iterator[str]:
    record = job.record
    when = f"{record.finished:%Y-%m-%d %H:%M:%S} UTC"
    if record.imported:
        yield f"  made     elsewhere; registered as {job.name}"
        yield f"  when     {when}"
        yield f"  by       {record.user} on {record.host}"
    else:
        yield f"  made by  {job.name}, version {record.version}"
        yield f"  when     {when}, in {record.wall_s:.1f} s"
        tries = f", attempt {record.attempts}" if record.attempts > 1 else ""
        yield f"  by       {record.user} on {record.host}, {record.backend} job {record.job_id}{tries}"
        yield f"  tools    {_tools(job)}"
    if record.image:
        yield f"  image    {record.image}"
    if record.copied_from:
        yield f"  copied   from what {record.copied_from} tells of"
    for name, value in record.parameters.items():
        yield f"  {name} = {', '.join(map(str, value)) if isinstance(value, tuple | list) else value}"
    for warning in record.warnings:
        yield f"  warning  {warning}"
    yield f"  record   {job.record_uri}"
    if record.script:
        yield f"  script   {len(record.script.splitlines())} lines of bash: add --script to see them"


def _told(job: TracedJob) -> str:
    how = "made elsewhere" if job.record.imported else _tools(job)
    replaced = ", replaced since" if job.replaced else ""
    return f"{job.name}  {job.record.finished:%Y-%m-%d %H:%M:%S}  {how}{replaced}"


def _tools(job: TracedJob) -> str:
    return ", ".join(f"{tool} {version}" for tool, version in sorted(job.record.tools.items())) or "bash"


def _grow(tree: Tree, job: TracedJob, told: set[str]) -> None:
    """Adds what a job read to its branch; a job that was told before is named only."""
    if job.untraced_scopes:
        tree.add(f"{len(job.inputs)} files of {job.untraced_scopes} samples: ask for one of them")
        return
    makers = {file.producer.record_uri: file.producer for file in job.inputs if file.producer is not None}
    for uri, maker in makers.items():
        files = [file for file in job.inputs if file.producer is not None and file.producer.record_uri == uri]
        again = ", as above" if uri in told else ""
        branch = tree.add(
            f"{', '.join(f'{file.name} {file.digest}'.rstrip() for file in files)}\n{_told(maker)}{again}"
        )
        if not again:
            told.add(uri)
            _grow(branch, maker, told)
    for file in job.inputs:
        if file.producer is None:
            tree.add(f"{file.digest:8}  {file.uri}{f'  ({file.note})' if file.note else ''}")


def _collect(job: TracedJob, jobs: dict[str, object]) -> None:
    if job.record_uri in jobs:
        return
    told = job.record.model_dump(mode="json", exclude={"inputs"})
    jobs[job.record_uri] = {**told, "past": job.replaced, "inputs": [file_document(file) for file in job.inputs]}
    for file in job.inputs:
        if file.producer is not None:
            _collect(file.producer, jobs)
