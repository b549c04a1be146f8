"""`bioinfo-assets log`: which files the work read and wrote, what made one of them, and what was made from it."""

import json as json_module
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.cli.found import Found, catalog_of, find, ledger_of
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.paths import absolute
from bioinfo_assets.errors import InputError
from bioinfo_assets.records.catalog import Catalog, Entry
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import TracedFile, TracedJob

MOST_ALIKE: Final = 20
"""Results of one asset that are named in a tree of what was made; of more, their number is told."""

WIDTH: Final = 4000
"""Of a line, so that none is cut off; a terminal wraps it."""


def log(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="A path, an s3:// address, or eight or more digits of a digest.", show_default="all"
        ),
    ] = None,
    *,
    output_path: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where results are; needed for a digest, and for all files.")
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Tell what was made from it instead.")] = False,
    script: Annotated[bool, typer.Option("--script", help="Print the script that made it, whole.")] = False,
    past: Annotated[bool, typer.Option("--past", help="With all files: those too that were replaced since.")] = False,
    json: Json = False,
) -> None:
    """Tell where a file is from, back to FASTQs and reference; without FILE, all files that were read or written.

    It is told from the records beside the data: Dagster is not asked.
    """
    console = Console(markup=False, highlight=False, width=WIDTH)
    if file is None:
        if output_path is None:
            raise InputError("give a file to tell of, or --output-path to tell of all files")
        _tell_all(ledger_of(absolute(output_path)), console, past=past, as_json=json)
        return
    found = find(file, output_path)
    if script:
        typer.echo(_script(found.file))
    elif down:
        _tell_down(found, console, as_json=json)
    elif json:
        typer.echo(json_module.dumps(_document(found), indent=2))
    else:
        _tell(found, console)


def _tell_all(ledger: Ledger, console: Console, *, past: bool, as_json: bool) -> None:
    with catalog_of(ledger) as catalog:
        lines = list(_merged(catalog.all_files(past=past)))
    if not lines:
        raise InputError(f"there are no records in {ledger.output_path}: check --output-path")
    if as_json:
        typer.echo(json_module.dumps(lines, indent=2))
        return
    for line in lines:
        digest = str(line["sha256"] or str(line["content"] or "").partition(":")[2])[:8]
        when = str(line["time"])[:19].replace("T", " ")
        console.print(f"{digest:8}  {when}  {line['role']:2}  {line['uri']}", soft_wrap=True)


def _merged(entries: Iterator[Entry]) -> Iterator[dict[str, object]]:
    """One line for each version of each file: written, read, or both; with the digest that is known best."""
    pending: dict[str, list[Entry]] = {}
    last = ""
    for entry in entries:
        if entry.uri != last:
            yield from map(_line, pending.values())
            pending, last = {}, entry.uri
        pending.setdefault(entry.content or "", []).append(entry)
    yield from map(_line, pending.values())


def _line(entries: list[Entry]) -> dict[str, object]:
    first = min(entries, key=lambda entry: "wsr".index(entry.role))
    read = any(entry.role == "r" for entry in entries)
    role = ("rw" if read else "w") if first.role == "w" else "r"
    sha256 = next((entry.sha256 for entry in entries if entry.sha256), None)
    return {
        "sha256": sha256,
        "content": first.content,
        "time": first.time,
        "role": role,
        "uri": first.uri,
        "size": first.size,
    }


def _tell(found: Found, console: Console) -> None:
    file = found.file
    for line in _head(found):
        console.print(line, soft_wrap=True)
    if file.maker is not None:
        tree = Tree(_told(file.maker))
        _grow(tree, file.maker, {file.maker.record_uri})
        console.print("\nmade from", soft_wrap=True)
        console.print(tree, soft_wrap=True)


def _head(found: Found) -> Iterator[str]:
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
        yield f"  source   {seen.asset} of {seen.subject}, as seen on {seen.observed:%Y-%m-%d %H:%M:%S} UTC"
    if file.maker is not None:
        yield from _how(file.maker)


def _how(job: TracedJob) -> Iterator[str]:
    record = job.record
    yield f"  made by  {job.name}, version {record.version}{', imported' if record.imported else ''}"
    yield f"  when     {record.finished:%Y-%m-%d %H:%M:%S} UTC, in {record.wall_s:.1f} s"
    tries = f", attempt {record.attempts}" if record.attempts > 1 else ""
    yield f"  by       {record.user} on {record.host}, {record.backend} job {record.job_id}{tries}"
    if record.image:
        yield f"  image    {record.image}"
    if record.copied_from:
        yield f"  copied   from what {record.copied_from} tells of"
    yield f"  tools    {', '.join(f'{tool} {version}' for tool, version in sorted(record.tools.items())) or 'bash'}"
    for name, value in record.parameters.items():
        yield f"  {name} = {', '.join(map(str, value)) if isinstance(value, tuple | list) else value}"
    for warning in record.warnings:
        yield f"  warning  {warning}"
    yield f"  record   {job.record_uri}"
    if record.script:
        yield "  script   add --script to see it"


def _told(job: TracedJob) -> str:
    record = job.record
    tools = ", ".join(f"{tool} {version}" for tool, version in sorted(record.tools.items()))
    replaced = ", replaced since" if job.past else ""
    return f"{job.name}  {record.finished:%Y-%m-%d %H:%M:%S}  {tools}{replaced}"


def _grow(tree: Tree, job: TracedJob, told: set[str]) -> None:
    """Adds what a job read to its branch; a job that was told before is named only."""
    if job.untraced:
        tree.add(f"{len(job.inputs)} files of {job.untraced} samples")
        return
    makers = {file.maker.record_uri: file.maker for file in job.inputs if file.maker is not None}
    for uri, maker in makers.items():
        files = [file for file in job.inputs if file.maker is not None and file.maker.record_uri == uri]
        again = ", as above" if uri in told else ""
        branch = tree.add(f"{', '.join(_named(file) for file in files)}\n{_told(maker)}{again}")
        if not again:
            told.add(uri)
            _grow(branch, maker, told)
    for file in job.inputs:
        if file.maker is None:
            tree.add(f"{file.digest:8}  {file.uri}{f'  ({file.note})' if file.note else ''}")


def _named(file: TracedFile) -> str:
    return f"{file.name} {file.digest}".rstrip()


def _tell_down(found: Found, console: Console, *, as_json: bool) -> None:
    with catalog_of(found.ledger) as catalog:
        made = _made_of(catalog, found.ledger, [found.file.uri], found.file.content, set())
    if as_json:
        typer.echo(json_module.dumps({"file": _file(found.file), "made": made}, indent=2))
        return
    if found.note:
        console.print(found.note, soft_wrap=True)
    tree = Tree(f"{found.file.uri} {found.file.digest}".rstrip())
    _grow_down(tree, made)
    console.print(tree, soft_wrap=True)
    if not made:
        console.print("nothing that is there now was made from it", soft_wrap=True)


def _made_of(
    catalog: Catalog, ledger: Ledger, uris: list[str], content: str | None, told: set[str]
) -> list[dict[str, Any]]:
    """The present results whose jobs read a file, each with what was made of it in turn."""
    readers = {e.record for e in catalog.readers(uris) if content is None or e.content in {None, content}}
    made = []
    for record in sorted(readers):
        again = record in told
        told.add(record)
        files = [entry.uri for entry in catalog.written_by(record)]
        subject, _, step = record.removesuffix(".json").rpartition("/records/")
        made.append(
            {
                "asset": step,
                "subject": subject.rpartition("/")[2],
                "record": record,
                "files": files,
                "again": again,
                "made": [] if again else _made_of(catalog, ledger, files, None, told),
            }
        )
    return made


def _grow_down(tree: Tree, made: list[dict[str, Any]]) -> None:
    by_asset: dict[str, list[dict[str, Any]]] = {}
    for one in made:
        by_asset.setdefault(one["asset"], []).append(one)
    for asset, results in by_asset.items():
        if len(results) > MOST_ALIKE:
            tree.add(f"{asset} of {len(results)} samples")
            continue
        for one in results:
            files = ", ".join(uri.rpartition("/")[2] for uri in one["files"])
            branch = tree.add(f"{asset} of {one['subject']}  {'as above' if one['again'] else files}")
            _grow_down(branch, one["made"])


def _script(file: TracedFile) -> str:
    if file.maker is None or not file.maker.record.script:
        raise InputError(f"no script made {file.uri}: it is a source, or was imported")
    return file.maker.record.script


def _document(found: Found) -> dict[str, object]:
    """A file, and by record's URI every job that led to it."""
    jobs: dict[str, object] = {}
    if found.file.maker is not None:
        _collect(found.file.maker, jobs)
    return {"note": found.note or None, "file": _file(found.file), "jobs": jobs}


def _collect(job: TracedJob, jobs: dict[str, object]) -> None:
    if job.record_uri in jobs:
        return
    told = job.record.model_dump(mode="json", exclude={"inputs"})
    jobs[job.record_uri] = {**told, "past": job.past, "inputs": [_file(file) for file in job.inputs]}
    for file in job.inputs:
        if file.maker is not None:
            _collect(file.maker, jobs)


def _file(file: TracedFile) -> dict[str, object]:
    return {
        "uri": file.uri,
        "size": file.size,
        "sha256": file.sha256,
        "content": file.content,
        "made_by": file.maker.record_uri if file.maker else None,
        "source": file.observation.asset if file.observation else None,
        "note": file.note or None,
    }
