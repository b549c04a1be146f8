"""`bioinfo-assets verify`: is everything still as it was recorded?"""

import json as json_module
from contextlib import nullcontext
from typing import Annotated

import typer
from rich.filesize import decimal

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.progress_bar import progress_bar
from bioinfo_assets.maintenance.verification import Audit, Finding
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store


def verify(
    *,
    output_path: OutputPath,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its digest.")] = False,
    samples: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="These samples only; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what is missing, changed, or has no record. Nothing is written.

    Sizes and times are compared (of remote files, ETags), and the bytes of files with another time; with --deep the
    bytes of all, of FASTQs, reference and known sites too. Exit code 1 if something was found.
    """
    audit, found = Audit(Ledger(Store(), absolute_path(output_path)), deep=deep), []
    with progress_bar("reading") if deep else nullcontext() as audit.on_bytes:
        for finding in audit.findings(samples or ()):
            found.append(finding)
            if not json:
                typer.echo(str(finding))
    if json:
        typer.echo(json_module.dumps({"checked": audit.checked, "found": list(map(_document, found))}, indent=2))
    else:
        typer.echo(_summary(audit, len(found)))
    if found:
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _summary(audit: Audit, findings: int) -> str:
    seen = audit.checked
    how = "read and compared" if audit.deep else "looked at"
    said = f"{findings} found" if findings else "all is well"
    return f"{said}: {seen['records']} records and {seen['files']} files ({decimal(seen['bytes'])}) were {how}"


def _document(finding: Finding) -> dict[str, object]:
    return {
        "scope": finding.scope,
        "asset": finding.asset or None,
        "uri": finding.uri,
        "problem": finding.problem.value,
        "message": finding.message or None,
    }
