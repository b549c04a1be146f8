"""Shows the provenance of one file: how it was made and from what, or what was made from it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.application.resolve import ResolvedFile, catalog_of
from bioinfo_assets.cli.progress_bar import reading_records
from bioinfo_assets.provenance.catalog import Branch, Catalog, Downstream, downstream_tree, find_downstream
from bioinfo_assets.provenance.lineage import TracedFile, TracedJob

MAX_LISTED_RESULTS: Final = 20
"""Results of one asset with branches of their own in a downstream tree; more become one branch with their number."""


def show_upstream(resolved: ResolvedFile, console: Console) -> None:
    """Print how a file was made, and the tree of its inputs."""
    for line in _describe(resolved):
        console.print(line, soft_wrap=True)
    job = resolved.file.producer
    if job is not None:
        tree = Tree(_job_line(job))
        _add_inputs(tree, job, {job.record_uri})
        console.print("\nmade from", soft_wrap=True)
        console.print(tree, soft_wrap=True)


def upstream_to_json(resolved: ResolvedFile) -> str:
    """Return a file and, by record, every job upstream of it, as JSON."""
    jobs: dict[str, object] = {}
    if resolved.file.producer is not None:
        _collect_jobs(resolved.file.producer, jobs)
    return json.dumps({"note": resolved.note or None, "file": _file_to_dict(resolved.file), "jobs": jobs}, indent=2)


def show_downstream(resolved: ResolvedFile, console: Console) -> None:
    """Print the tree of the results that were made from a file."""
    file = resolved.file
    if resolved.note:
        console.print(resolved.note, soft_wrap=True)
    with reading_records(), catalog_of(resolved.ledger) as catalog:
        tree = Tree(f"{file.uri} {file.digest}".rstrip())
        _add_branches(
            tree, downstream_tree(find_downstream(catalog, file.uri, file.content), MAX_LISTED_RESULTS), catalog
        )
    console.print(tree, soft_wrap=True)
    if not tree.children:
        console.print("no current result was made from it", soft_wrap=True)


def downstream_to_json(resolved: ResolvedFile) -> str:
    """Return a file and every result that was made from it, as JSON."""
    with reading_records(), catalog_of(resolved.ledger) as catalog:
        results = list(_results(find_downstream(catalog, resolved.file.uri, resolved.file.content), catalog))
    document = {"note": resolved.note or None, "file": _file_to_dict(resolved.file), "results": results}
    return json.dumps(document, indent=2)


def _file_to_dict(file: TracedFile) -> dict[str, object]:
    return {
        "uri": file.uri,
        "size": file.size,
        "sha256": file.sha256,
        "content": file.content,
        "made_by": file.producer.record_uri if file.producer else None,
        "source": file.observation.asset if file.observation else None,
        "note": file.note or None,
    }


def _describe(resolved: ResolvedFile) -> Iterator[str]:
    file = resolved.file
    if resolved.note:
        yield resolved.note
    yield file.uri
    yield f"  digest   {f'sha256:{file.sha256}' if file.sha256 else file.content or 'none'}"
    yield f"  bytes    {file.size}"
    if file.note:
        yield f"  note     {file.note}"
    if file.observation is not None:
        observation = file.observation
        yield f"  source   {observation.key.label}, as observed on {observation.observed:%Y-%m-%d %H:%M:%S} UTC"
    if file.producer is not None:
        yield from _describe_job(file.producer)


def _describe_job(job: TracedJob) -> Iterator[str]:
    record = job.record
    finished = f"{record.finished:%Y-%m-%d %H:%M:%S} UTC"
    if record.imported:
        yield f"  made     elsewhere; imported as {job.name}"
        yield f"  when     {finished}"
        yield f"  by       {record.user} on {record.host}"
    else:
        yield f"  made by  {job.name}, version {record.version}"
        yield f"  when     {finished}, in {record.wall_s:.1f} s"
        attempt = f", attempt {record.attempts}" if record.attempts > 1 else ""
        yield f"  by       {record.user} on {record.host}, {record.backend} job {record.job_id}{attempt}"
        yield f"  tools    {_tools(job)}"
    if record.image:
        yield f"  image    {record.image}"
    if record.copied_from:
        yield f"  copied   from the result of {record.copied_from}"
    for name, value in record.parameters.items():
        yield f"  {name} = {', '.join(map(str, value)) if isinstance(value, tuple | list) else value}"
    for warning in record.warnings:
        yield f"  warning  {warning}"
    yield f"  record   {job.record_uri}"
    if record.script:
        yield f"  script   {len(record.script.splitlines())} lines of bash: add --script to print them"


def _job_line(job: TracedJob) -> str:
    how = "imported" if job.record.imported else _tools(job)
    replaced = ", replaced since" if job.replaced else ""
    released = f", released on {job.record.released:%Y-%m-%d}" if job.record.released else ""
    return f"{job.name}  {job.record.finished:%Y-%m-%d %H:%M:%S}  {how}{replaced}{released}"


def _tools(job: TracedJob) -> str:
    return ", ".join(f"{tool} {version}" for tool, version in sorted(job.record.tools.items())) or "bash"


def _add_inputs(tree: Tree, job: TracedJob, shown: set[str]) -> None:
    """Add a job's inputs to its branch; a job that was shown before gets no branches again."""
    if job.untraced_scopes:
        tree.add(f"{len(job.inputs)} files of {job.untraced_scopes} samples: give one of them as FILE for its inputs")
        return
    producers = {file.producer.record_uri: file.producer for file in job.inputs if file.producer is not None}
    for uri, producer in producers.items():
        files = [file for file in job.inputs if file.producer is not None and file.producer.record_uri == uri]
        names = ", ".join(f"{file.name} {file.digest}".rstrip() for file in files)
        was_shown = uri in shown
        branch = tree.add(f"{names}\n{_job_line(producer)}{', as above' if was_shown else ''}")
        if not was_shown:
            shown.add(uri)
            _add_inputs(branch, producer, shown)
    for file in job.inputs:
        if file.producer is None:
            tree.add(f"{file.digest:8}  {file.uri}{f'  ({file.note})' if file.note else ''}")


def _collect_jobs(job: TracedJob, jobs: dict[str, object]) -> None:
    if job.record_uri in jobs:
        return
    record = job.record.model_dump(mode="json", exclude={"inputs"})
    jobs[job.record_uri] = {**record, "replaced": job.replaced, "inputs": [_file_to_dict(file) for file in job.inputs]}
    for file in job.inputs:
        if file.producer is not None:
            _collect_jobs(file.producer, jobs)


def _add_branches(tree: Tree, results: tuple[Branch, ...], catalog: Catalog) -> None:
    files = catalog.files_of([branch.results[0].id for branch in results if len(branch.results) == 1])
    for branch in results:
        first, count = branch.results[0], len(branch.results)
        label = f"{first.asset} of {first.scope if count == 1 else f'{count} samples'}"
        names = ", ".join(uri.rpartition("/")[2] for uri in files.get(first.id, ()))
        _add_branches(
            tree.add(f"{label}  {'as above' if branch.is_repeated else names}".rstrip()), branch.branches, catalog
        )


def _results(downstream: Downstream, catalog: Catalog) -> Iterator[dict[str, Any]]:
    files, inputs, direct = catalog.files_of(downstream.results), downstream.inputs(), set(downstream.direct)
    for number, result in downstream.results.items():
        yield {
            "asset": result.asset,
            "scope": result.scope,
            "time": result.time,
            "record": result.record,
            "files": files[number],
            "is_direct_input": number in direct,
            "inputs": [downstream.results[source].record for source in inputs[number]],
        }
