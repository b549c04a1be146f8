"""Quality control as checks of assets: one for each kind, with a table of all samples."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import (
    MAX_NAMED,
    MAX_ROWS,
    are_left_to_sensor,
    current_project,
    report_check,
)
from bioinfo_assets.pipeline.assessments import Outcome
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.quality import QUALITY_CHECKS, Finding, QualityCheck, check_sample, enabled_checks
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import sample_names

_COLUMNS: Final = dg.TableSchema(
    columns=[
        dg.TableColumn("sample", "string"),
        dg.TableColumn("outcome", "string"),
        dg.TableColumn("message", "string"),
    ]
)

_REPORTED: Final = {Outcome.FAIL: "fail", Outcome.WARN: "warn", Outcome.UNKNOWN: "cannot be assessed"}
"""The outcomes that are not passed, in the order in which they are shown, with their words."""


def quality_results(project: Project, checks: Sequence[QualityCheck] = ()) -> Iterator[dg.AssetCheckResult]:
    """What checks report of all samples of a project; all that the settings ask for if none are given."""
    names = sample_names(project.ledger)
    for check in checks or enabled_checks(project.settings):
        yield _result(check, list(map_reads(project.ledger, partial(check_sample, project, check), names)))


def report_quality(instance: dg.DagsterInstance, project: Project) -> None:
    """Report the checks of all samples to Dagster where they have changed.

    Raises:
        BioinfoAssetsError: the samples cannot be read.
    """
    for result in quality_results(project):
        report_check(instance, result)


def _result(check: QualityCheck, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """One check of all samples: an error if one fails, a warning if one is at a limit or cannot be assessed."""
    counts = Counter(finding.outcome for finding in findings)
    reported = [finding for outcome in _REPORTED for finding in findings if finding.outcome is outcome]
    others = [finding for finding in findings if finding.outcome not in _REPORTED]
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(check.asset),
        check_name=check.name,
        passed=not reported,
        severity=dg.AssetCheckSeverity.ERROR if counts[Outcome.FAIL] else dg.AssetCheckSeverity.WARN,
        description=_sentence(counts, reported),
        metadata={
            **{outcome.value: dg.MetadataValue.int(counts[outcome]) for outcome in Outcome},
            "samples": dg.MetadataValue.table(
                records=[
                    dg.TableRecord({"sample": item.sample, "outcome": item.outcome.value, "message": item.message})
                    for item in [*reported, *others][:MAX_ROWS]
                ],
                schema=_COLUMNS,
            ),
        },
    )


def _sentence(counts: Mapping[Outcome, int], reported: Sequence[Finding]) -> str:
    count = sum(counts.values())
    if not reported:
        pending = counts[Outcome.PENDING]
        return f"{count - pending} of {count} samples passed or were accepted" + (
            f"; {pending} have no result yet" if pending else ""
        )
    named = "; ".join(f"{item.sample} ({item.message})" for item in reported[:MAX_NAMED])
    more = f"; and {len(reported) - MAX_NAMED} more" if len(reported) > MAX_NAMED else ""
    parts = [f"{counts[outcome]} of {count} {verb}" for outcome, verb in _REPORTED.items() if counts[outcome]]
    return f"{', '.join(parts)}: {named}{more}"


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(check.name, asset=check.asset, description=check.description)
        for check in QUALITY_CHECKS.values()
    ],
    can_subset=True,
    config_schema={},
)
def quality(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.AssetCheckResult]:
    """Check all samples, with the limits that the settings have now."""
    project = current_project(project)
    if are_left_to_sensor(context.run, project):
        return
    selected = [QUALITY_CHECKS[key.name] for key in context.selected_asset_check_keys]
    yield from quality_results(project, selected)
