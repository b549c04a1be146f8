"""`bioinfo-assets import`: register a BAM or FASTQs from elsewhere as a result."""

import json as json_module
import shlex
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path, own_command
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.progress_bar import progress_bar
from bioinfo_assets.genomics.bam_header import parse_read_group
from bioinfo_assets.maintenance.imports import IMPORTABLE, Import, Imported, check_import, register
from bioinfo_assets.pipeline.graph import SHARED
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.storage.store import Store


def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="A BAM, followed by its index if that is elsewhere; or two FASTQs."),
    ],
    *,
    sample: Annotated[str, typer.Option(metavar="NAME", help="The sample, which may be new to the project.")],
    asset: Annotated[str, typer.Option("--as", metavar="ASSET", help=f"The asset: {', '.join(IMPORTABLE)}.")],
    output_path: OutputPath,
    read_group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="@RG", help=r"A read group of the FASTQs, '@RG\tID:…\tSM:…\tLB:…\tPL:…\tPU:…'; may be repeated."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a result computed by a job; its record moves to the history.")
    ] = False,
    json: Json = False,
) -> None:
    """Import a BAM or FASTQs from elsewhere as a result, with their checksums. The files stay where they are.

    First, the files are checked: that a BAM is intact, belongs to this sample, is sorted as required, indexed, and
    aligned to this project's reference; that FASTQs are paired, and the comments of their reads name known read groups.
    """
    ledger = Ledger(Store(), absolute_path(output_path))
    groups = tuple(parse_read_group(line) for line in read_group or ())
    request = Import(asset, sample, tuple(absolute_path(file) for file in files), groups)
    checked = check_import(ledger, request, replace=replace)
    with progress_bar(f"{asset} of {sample}", checked.size) as on_bytes:
        imported = register(ledger, checked, on_bytes)
    if json:
        typer.echo(json_module.dumps(_to_dict(imported), indent=2))
    else:
        _print_result(ledger, imported)


def _print_result(ledger: Ledger, imported: Imported) -> None:
    record = imported.record
    for warning in record.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{record.key.label} {'was imported' if imported.is_new else 'is already registered'}:")
    for file in record.outputs:
        typer.echo(f"  {file.uri} ({file.size:,} bytes, sha256 {file.sha256})")
    typer.echo(f"Next: {shlex.join([own_command(), *_next_command(ledger, record)])}")


def _next_command(ledger: Ledger, record: Record) -> list[str]:
    """The `run` command for everything downstream, including shared results that do not exist yet."""
    missing = [asset for asset in SHARED if ledger.read(ResultKey(asset, REFERENCES)) is None]
    select = [word for asset in (*missing, f"{record.asset}*") for word in ("--select", asset)]
    return ["run", "--output-path", ledger.output_path, *select, "--samples", record.scope]


def _to_dict(imported: Imported) -> dict[str, object]:
    record = imported.record
    return {
        "asset": record.asset,
        "sample": record.scope,
        "new": imported.is_new,
        "files": [
            {"key": file.key, "uri": file.uri, "size": file.size, "sha256": file.sha256} for file in record.outputs
        ],
        "data_version": record.data_version,
        "warnings": list(record.warnings),
    }
