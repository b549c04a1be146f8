"""`bioinfo-assets import`: a BAM or FASTQs that were made elsewhere, registered as a result."""

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
        typer.Argument(metavar="FILE...", help="A BAM, with its index if that lies elsewhere; or two FASTQs."),
    ],
    *,
    sample: Annotated[str, typer.Option(metavar="NAME", help="Of which sample; the project need not have it yet.")],
    asset: Annotated[str, typer.Option("--as", metavar="ASSET", help=f"As what: {', '.join(IMPORTABLE)}.")],
    output_path: OutputPath,
    read_group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="@RG", help=r"A read group of the FASTQs, '@RG\tID:…\tSM:…\tLB:…\tPL:…\tPU:…'; may be repeated."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where a job made this result; its record goes to the history.")
    ] = False,
    json: Json = False,
) -> None:
    """Register a BAM or FASTQs that were made elsewhere as a result, with their digests. The files stay where they are.

    Checked before: the BAM is whole, of this sample, in the right order, indexed, and aligned to this project's
    reference; FASTQs are pairs, and their comments tell read groups that are known.
    """
    ledger = Ledger(Store(), absolute_path(output_path))
    groups = tuple(parse_read_group(line) for line in read_group or ())
    asked = Import(asset, sample, tuple(absolute_path(file) for file in files), groups)
    checked = check_import(ledger, asked, replace=replace)
    with progress_bar(f"{asset} of {sample}", checked.size) as on_bytes:
        imported = register(ledger, checked, on_bytes)
    if json:
        typer.echo(json_module.dumps(_document(imported), indent=2))
        return
    _tell(ledger, imported)


def _tell(ledger: Ledger, imported: Imported) -> None:
    record = imported.record
    for warning in record.warnings:
        typer.echo(f"warning: {warning}", err=True)
    what = "is registered" if imported.is_new else "is there already"
    typer.echo(f"{record.key.label} {what}:")
    for file in record.outputs:
        typer.echo(f"  {file.uri} ({file.size:,} bytes, sha256 {file.sha256})")
    typer.echo(f"what is made of it: {shlex.join([own_command(), *_run(ledger, record)])}")


def _run(ledger: Ledger, record: Record) -> list[str]:
    """The command that goes on from here, with what all samples share where that is not there yet."""
    missing = [asset for asset in SHARED if ledger.read(ResultKey(asset, REFERENCES)) is None]
    chosen = [word for asset in (*missing, f"{record.asset}*") for word in ("--select", asset)]
    return ["run", "--output-path", ledger.output_path, *chosen, "--samples", record.scope]


def _document(imported: Imported) -> dict[str, object]:
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
