"""`bioinfo-assets qc`: the quality of all samples, and the decision to accept one that failed."""

import json as json_module
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.table import Column, Table
from rich.text import Text

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import open_project
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json, OutputPath, Samples
from bioinfo_assets.cli.tables import name_column, table_console
from bioinfo_assets.errors import InputError, did_you_mean
from bioinfo_assets.pipeline.assessments import Outcome
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.quality import QUALITY_CHECKS, Finding, check_sample, check_samples, overall
from bioinfo_assets.records.accepted_quality import Acceptance, add_acceptances
from bioinfo_assets.records.record import user_name
from bioinfo_assets.records.samples import sample_names

_STYLES: Final = {
    Outcome.PASS: "green",
    Outcome.PENDING: "dim",
    Outcome.UNKNOWN: "magenta",
    Outcome.WARN: "yellow",
    Outcome.ACCEPTED: "cyan",
    Outcome.FAIL: "bold red",
}


def qc(
    *,
    output_path: OutputPath,
    samples: Samples = None,
    accept: Annotated[
        str | None, typer.Option(metavar="CHECK", help="Accept that the samples failed this check; with --reason.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why they are accepted.")] = None,
    json: Json = False,
) -> None:
    """Show the quality of all samples: the outcome of each check, with limits from the settings in `[quality]`.

    With --accept, record who accepts samples that failed a check, and why. That holds for the result as it is: one with
    other content is checked again. Exit code 1 if a sample fails a check and is not accepted.
    """
    project, _ = open_project(absolute_path(output_path))
    names = _chosen(project, samples)
    if accept is not None:
        _accept(project, accept, names if samples else (), reason or "")
    elif reason is not None:
        raise InputError("--reason is for --accept: give the check that is accepted")
    findings = check_samples(project, names)
    if json:
        typer.echo(json_module.dumps([_to_dict(name, found) for name, found in findings.items()], indent=2))
    else:
        _show(findings)
    if any(overall(found) is Outcome.FAIL for found in findings.values()):
        raise typer.Exit(ExitCode.FAILED)


def _chosen(project: Project, samples: Sequence[str] | None) -> tuple[str, ...]:
    known, output_path = sample_names(project.ledger), project.settings.output_path
    if not known:  # or a mistyped path would pass
        raise InputError(f"there are no samples in {output_path}: check --output-path, or add some with `samples add`")
    for name in samples or ():
        if name not in known:
            raise InputError(f"there is no sample {name!r} in {output_path}: see `samples list`")
    return known if not samples else tuple(dict.fromkeys(samples))


def _accept(project: Project, name: str, samples: Sequence[str], reason: str) -> None:
    """Record that samples are accepted.

    Raises:
        InputError: the check does not exist, a sample has not failed it, or no sample or reason is given.
    """
    if name not in QUALITY_CHECKS:
        raise InputError(f"there is no check {name}: {did_you_mean(name, QUALITY_CHECKS, 'checks')}")
    if not samples or not reason.strip():
        raise InputError("--accept needs --samples, the samples that are accepted, and --reason, why they are")
    findings = [check_sample(project, QUALITY_CHECKS[name], sample) for sample in samples]
    for finding in findings:
        if finding.outcome is not Outcome.FAIL:
            raise InputError(
                f"{finding.sample} has not failed {name} ({finding.outcome.value}: {finding.message}): leave it out"
            )
    for finding in findings:
        acceptance = Acceptance(
            check=name,
            data_version=finding.data_version,
            by=user_name(),
            at=datetime.now(UTC),
            reason=reason.strip(),
            finding=finding.message,
            failures=finding.failures,
        )
        add_acceptances(project.ledger, finding.sample, [acceptance])


def _show(findings: Mapping[str, Sequence[Finding]]) -> None:
    checks = [finding.check for finding in next(iter(findings.values()), ())]
    columns = [Column(name.upper().replace("_", " "), overflow="fold") for name in checks]
    table = Table(name_column("SAMPLE"), *columns, box=None, pad_edge=False)
    for name, found in findings.items():
        cells = [Text(finding.outcome.value, _STYLES[finding.outcome]) for finding in found]
        table.add_row(name, *cells)
    console = table_console()
    console.print(table)
    for name, found in findings.items():
        for finding in found:
            if finding.outcome not in {Outcome.PASS, Outcome.PENDING}:
                console.print(f"{name}: {finding.check}: {finding.message}", soft_wrap=True)


def _to_dict(name: str, found: Sequence[Finding]) -> dict[str, object]:
    return {
        "sample": name,
        "outcome": overall(found).value,
        "checks": [
            {
                "check": finding.check,
                "asset": QUALITY_CHECKS[finding.check].asset,
                "outcome": finding.outcome.value,
                "message": finding.message,
                "figures": dict(finding.figures),
                "accepted": finding.acceptance.model_dump(mode="json") if finding.acceptance else None,
            }
            for finding in found
        ],
    }
