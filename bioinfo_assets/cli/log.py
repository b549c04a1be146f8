"""`bioinfo-assets log`: the provenance of a file, or all files that were read or written."""

import json as json_module
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.resolve import ResolvedFile, catalog_of, ledger_of, resolve_file
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.progress_bar import reading_records
from bioinfo_assets.cli.provenance_view import downstream_to_json, show_downstream, show_upstream, upstream_to_json
from bioinfo_assets.cli.tables import wide_console
from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.catalog import Entry
from bioinfo_assets.records.ledger import Ledger


def log(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="A path, an s3:// address, or at least eight digits of a digest.", show_default="all"
        ),
    ] = None,
    *,
    output_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where results are published; needed for a digest, and without FILE."),
    ] = None,
    down: Annotated[
        bool,
        typer.Option("--down", "--downstream", help="Show what was made from the file, not what it was made from."),
    ] = False,
    script: Annotated[bool, typer.Option("--script", help="Print the script that made the file.")] = False,
    past: Annotated[bool, typer.Option("--past", help="Without FILE: list replaced versions, too.")] = False,
    json: Json = False,
) -> None:
    """Show a file's provenance, back to FASTQs and reference; without FILE, list all files that were read or written.

    The provenance is read from the records next to the data, without Dagster.
    """
    if file is None:
        if output_path is None or down or script:
            raise InputError("give FILE to show its provenance, or only --output-path to list all files")
        _list_files(ledger_of(absolute_path(output_path)), past=past, as_json=json)
        return
    with reading_records():
        resolved = resolve_file(file, output_path)
    console = wide_console()
    if script:
        typer.echo(_script(resolved))
    elif json:
        typer.echo(downstream_to_json(resolved) if down else upstream_to_json(resolved))
    elif down:
        show_downstream(resolved, console)
    else:
        show_upstream(resolved, console)


def _script(resolved: ResolvedFile) -> str:
    job = resolved.file.producer
    if job is None or not job.record.script:
        raise InputError(f"{resolved.file.uri} was not made by a script: it is a source, or was imported")
    return job.record.script


def _list_files(ledger: Ledger, *, past: bool, as_json: bool) -> None:
    with ExitStack() as stack:
        with reading_records():
            catalog = stack.enter_context(catalog_of(ledger))
        versions = _file_versions(catalog.all_files(include_replaced=past))
        first = next(versions, None)
        if first is None:
            raise InputError(f"there are no records in {ledger.output_path}: check --output-path")
        write = sys.stdout.write  # line by line, since there may be a million
        render = _json_line if as_json else _text_line
        write(f"[\n{render(first)}" if as_json else render(first))
        for version in versions:
            write(f",\n{render(version)}" if as_json else render(version))
        if as_json:
            write("\n]\n")


def _json_line(version: dict[str, object]) -> str:
    return f"  {json_module.dumps(version)}"


def _text_line(version: dict[str, object]) -> str:
    digest = str(version["sha256"] or str(version["content"] or "").partition(":")[2])[:8]
    time = str(version["time"])[:19].replace("T", " ")
    return f"{digest:8}  {time}  {version['role']:2}  {version['uri']}\n"


def _file_versions(entries: Iterator[Entry]) -> Iterator[dict[str, object]]:
    """Merge the entries of each version of each file, which may be written, read, or both."""
    for _, same_file in groupby(entries, key=lambda entry: entry.uri):
        in_order = sorted(same_file, key=lambda entry: entry.time)
        versions: dict[tuple[str | None, str | None], list[Entry]] = {}
        for entry in in_order:
            if entry.role != "r":
                versions.setdefault((entry.content, entry.sha256), []).append(entry)
        for entry in in_order:
            if entry.role == "r":
                _version_that_was_read(versions, entry).append(entry)
        yield from map(_merge, versions.values())


def _version_that_was_read(versions: dict[tuple[str | None, str | None], list[Entry]], reader: Entry) -> list[Entry]:
    """The latest version with this content that was there when it was read; a new one if none has it."""
    same = [entries for (content, _), entries in versions.items() if content == reader.content]
    before = [entries for entries in same if entries[0].time <= reader.time]
    found = before[-1:] or same[:1]
    return found[0] if found else versions.setdefault((reader.content, reader.sha256), [])


def _merge(entries: list[Entry]) -> dict[str, object]:
    first = min(entries, key=lambda entry: "wsr".index(entry.role))
    is_read = any(entry.role == "r" for entry in entries)
    role = ("rw" if is_read else "w") if first.role == "w" else "r"
    sha256 = next((entry.sha256 for entry in entries if entry.sha256), None)
    return {
        "sha256": sha256,
        "content": first.content,
        "time": first.time,
        "role": role,
        "uri": first.uri,
        "size": first.size,
    }
