"""`bioinfo-assets verify`: check that all files are as they were recorded, or as the original programs make them."""

import json as json_module
from contextlib import nullcontext
from typing import Annotated, Literal

import typer
from rich.filesize import decimal

from bioinfo_assets.application.engine_comparison import EngineComparison, compare_with_originals
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import open_project
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json, OutputPath, Samples
from bioinfo_assets.cli.progress_bar import progress_bar
from bioinfo_assets.errors import InputError
from bioinfo_assets.maintenance.verification import Audit, Finding
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store


def verify(
    *,
    sample: Annotated[
        str | None, typer.Argument(metavar="SAMPLE", help="The sample of --against.", show_default=False)
    ] = None,
    output_path: OutputPath,
    against: Annotated[
        Literal["gatk"] | None,
        typer.Option(
            help="Compute SAMPLE's results of the native engine again with GATK, Picard and samtools, on this machine, "
            "and compare their contents.",
            show_default=False,
        ),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its checksum.")] = False,
    samples: Samples = None,
    json: Json = False,
) -> None:
    """Verify results: show files that are missing, changed, or have no record. Nothing is written.

    Sizes and modification times (ETags of remote files) are compared, and checksums where the time has changed. With
    --deep, all checksums are compared, including those of FASTQs, reference and known sites. Files that were released
    by their retention are counted, but are not findings. Exit code 1 if there are findings.

    With --against gatk, no files are checked: the native engine's results of a sample are compared with those of the
    programs that it replaces. Exit code 1 if one differs.
    """
    if (sample is None) != (against is None):
        raise InputError("give --against gatk and SAMPLE together; to check files of some samples, give --samples")
    if sample is not None:
        if samples or deep:
            raise InputError("--samples and --deep are not for --against, which compares one sample: leave them out")
        _compare(absolute_path(output_path), sample, json=json)
        return
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


def _compare(output_path: str, sample: str, *, json: bool) -> None:
    compared: list[EngineComparison] = []
    for comparison in compare_with_originals(open_project(output_path)[0], sample):
        compared.append(comparison)
        if not json:
            typer.echo(str(comparison))
    if json:
        rows = [
            {"asset": item.key.asset, "scope": item.key.scope, "message": item.problem or None} for item in compared
        ]
        typer.echo(json_module.dumps({"compared": rows}, indent=2))
    if any(item.problem for item in compared):
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
