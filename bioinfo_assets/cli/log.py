"""`bioinfo-assets log`: which files the work read and wrote, what made one of them, and what was made from it."""

import json as json_module
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Annotated, Final

import typer
from rich.console import Console

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.resolve_file import ResolvedFile, catalog_of, ledger_of, resolve_file
from bioinfo_assets.cli.downstream_view import downstream_document, show_downstream
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.progress_bar import reading_records
from bioinfo_assets.cli.provenance_view import provenance_document, show_provenance
from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.catalog import Entry
from bioinfo_assets.records.ledger import Ledger

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
    if file is None:
        if output_path is None or down or script:
            raise InputError("give a file to tell of; or --output-path alone, to tell of all files")
        _tell_all(ledger_of(absolute_path(output_path)), past=past, as_json=json)
        return
    with reading_records():
        found = resolve_file(file, output_path)
    console = Console(markup=False, highlight=False, width=WIDTH)
    if script:
        typer.echo(_script(found))
    elif down and json:
        typer.echo(downstream_document(found))
    elif down:
        show_downstream(found, console)
    elif json:
        typer.echo(json_module.dumps(provenance_document(found), indent=2))
    else:
        show_provenance(found, console)


def _script(found: ResolvedFile) -> str:
    if found.file.producer is None or not found.file.producer.record.script:
        raise InputError(f"no script made {found.file.uri}: it is a source, or was imported")
    return found.file.producer.record.script


def _tell_all(ledger: Ledger, *, past: bool, as_json: bool) -> None:
    with ExitStack() as stack:
        with reading_records():
            catalog = stack.enter_context(catalog_of(ledger))
        lines = _lines(catalog.all_files(include_replaced=past))
        first = next(lines, None)
        if first is None:
            raise InputError(f"there are no records in {ledger.output_path}: check --output-path")
        write = sys.stdout.write  # a line at a time: there may be a million
        told = _json_of if as_json else _text_of
        write(f"[\n{told(first)}" if as_json else told(first))
        for line in lines:
            write(f",\n{told(line)}" if as_json else told(line))
        if as_json:
            write("\n]\n")


def _json_of(line: dict[str, object]) -> str:
    return f"  {json_module.dumps(line)}"


def _text_of(line: dict[str, object]) -> str:
    digest = str(line["sha256"] or str(line["content"] or "").partition(":")[2])[:8]
    when = str(line["time"])[:19].replace("T", " ")
    return f"{digest:8}  {when}  {line['role']:2}  {line['uri']}\n"


def _lines(entries: Iterator[Entry]) -> Iterator[dict[str, object]]:
    """One for each version of each file: written, read, or both; with the digest that is known best."""
    for _, same_file in groupby(entries, key=lambda entry: entry.uri):
        versions: dict[str, list[Entry]] = {}
        for entry in sorted(same_file, key=lambda entry: entry.time):
            versions.setdefault(entry.content or "", []).append(entry)
        yield from map(_line, versions.values())


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
