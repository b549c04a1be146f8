"""`bioinfo-assets verify`: check that all files are as they were recorded."""

import json as json_module
from contextlib import nullcontext
from typing import Annotated

import typer
from rich.filesize import decimal

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json, OutputPath, Samples
from bioinfo_assets.cli.progress_bar import progress_bar
from bioinfo_assets.maintenance.verification import Audit, Finding
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store


def verify(
    *,
    output_path: OutputPath,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its checksum.")] = False,
    samples: Samples = None,
    json: Json = False,
) -> None:
    """Verify results: show files that are missing, changed, or have no record. Nothing is written.

    Sizes and modification times (ETags of remote files) are compared, and checksums where the time has changed. With
    --deep, all checksums are compared, including those of FASTQs, reference and known sites. Files that were released
    by their retention are counted, and are no findings. Exit code 1 if there are findings.
    """
    audit, findings = Audit(Ledger(Store(), absolute_path(output_path)), deep=deep), []
    with progress_bar("reading") if deep else nullcontext() as audit.on_bytes:
        for finding in audit.findings(samples or ()):
            findings.append(finding)
            if not json:
                typer.echo(str(finding))
    if json:
        counts = {"checked": audit.checked, "released": audit.released}
        typer.echo(json_module.dumps({**counts, "findings": list(map(_to_dict, findings))}, indent=2))
    else:
        typer.echo(_summary(audit, len(findings)))
    if findings:
        raise typer.Exit(ExitCode.FAILED)


def _summary(audit: Audit, findings: int) -> str:
    checked = audit.checked
    how = "checked by checksum" if audit.deep else "checked"
    outcome = f"{findings} findings" if findings else "no problems found"
    summary = (
        f"{outcome}: {checked['records']} records and {checked['files']} files ({decimal(checked['bytes'])}) {how}"
    )
    released = audit.released
    if not released["files"]:
        return summary
    return f"{summary}; {released['files']} files ({decimal(released['bytes'])}) were released on purpose"


def _to_dict(finding: Finding) -> dict[str, object]:
    return {
        "scope": finding.scope,
        "asset": finding.asset or None,
        "uri": finding.uri,
        "problem": finding.problem.value,
        "message": finding.message or None,
    }
