"""Quality control: what is checked of each sample, and which samples may go no further.

The outcome of a check depends on what it finds in the results of a sample (`assessments`), and on who has accepted a
sample that failed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.pipeline.assessments import (
    Assessment,
    Outcome,
    SampleResults,
    assess_contamination,
    assess_coverage,
    assess_duplicates,
    assess_identity,
    assess_insert_size,
    assess_intact_bam,
    assess_mapped,
    assess_reads_accounted_for,
    assess_sex,
    worst,
)
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.accepted_quality import Acceptance, read_acceptances
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import MARKED_BAM, RECALIBRATED_BAM
from bioinfo_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found in one sample.

    Attributes:
        check: The check.
        sample: The sample.
        outcome: The outcome.
        message: Why, in words with the figures.
        figures: The figures by name, for tables.
        data_version: Of the result that was checked; empty if there is none.
        acceptance: Who accepted the failure, if anybody has.
        samples: Other samples that it follows from, each with what it is to this one.
    """

    check: str
    sample: str
    outcome: Outcome
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
    data_version: str = ""
    acceptance: Acceptance | None = None
    samples: tuple[str, ...] = ()


def _always(_: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """A check of samples.

    Attributes:
        name: Its name, in settings and in Dagit.
        asset: The asset whose result it checks.
        description: What it checks.
        assess: Assesses the result of one sample.
        enabled: Whether the settings ask for it; a check of an asset that is off by default.
    """

    name: str
    asset: str
    description: str
    assess: Callable[[SampleResults, Record], Assessment]
    enabled: Callable[[Settings], bool] = _always


NOT_IN_REPORT: Final = frozenset({"intact_bam", "identity"})
"""The checks that the report's table leaves out: one reads each BAM, the other reads the report."""

QUALITY_CHECKS: Final[Mapping[str, QualityCheck]] = {
    check.name: check
    for check in (
        QualityCheck(
            "intact_bam",
            RECALIBRATED_BAM,
            "The final BAM is intact, and aligned to the current reference.",
            assess_intact_bam,
        ),
        QualityCheck(
            "reads_accounted_for",
            RECALIBRATED_BAM,
            "The reads of all read groups are in the final BAM, except for those that trimming dropped.",
            assess_reads_accounted_for,
        ),
        QualityCheck(
            "insert_size", "insert_size_metrics", "There are proper pairs, of the expected size.", assess_insert_size
        ),
        QualityCheck("mapped", "alignment_metrics", "Enough reads are aligned.", assess_mapped),
        QualityCheck("duplicates", MARKED_BAM, "Not too many reads are duplicates.", assess_duplicates),
        QualityCheck("coverage", "depth", "Mean depth, and the genome at depths of 10, 20 and 30.", assess_coverage),
        QualityCheck("sex", "depth", "The depths of X and Y are those of the sex in the samplesheet.", assess_sex),
        QualityCheck(
            "contamination",
            "contamination",
            "Hardly any of the sample is another person's.",
            assess_contamination,
            enabled=lambda settings: settings.contamination_sites is not None,
        ),
        QualityCheck(
            "identity",
            "fingerprint",
            "The lanes are one person's, and no sample is somebody else's than the samplesheet states.",
            assess_identity,
            enabled=lambda settings: settings.haplotype_map is not None,
        ),
    )
}
"""By name, in the order in which they are shown."""


def check_sample(project: Project, check: QualityCheck, sample: str, record: Record | None = None) -> Finding:
    """Check one sample.

    Args:
        project: The project.
        check: The check.
        sample: The sample.
        record: The result to check; the current one by default.
    """
    results = SampleResults(project, sample)
    try:
        record = record or results.record(check.asset)
        if record is None:
            return Finding(check.name, sample, Outcome.UNKNOWN, f"there is no {check.asset} yet")
        assessment = check.assess(results, record)
    except BioinfoAssetsError as problem:
        return Finding(check.name, sample, Outcome.UNKNOWN, str(problem))
    except result_metrics.PARSER_ERRORS as problem:
        return Finding(check.name, sample, Outcome.UNKNOWN, f"the metrics of {check.asset} cannot be read: {problem}")
    finding = Finding(
        check.name,
        sample,
        assessment.outcome,
        assessment.message,
        assessment.figures,
        record.data_version,
        samples=assessment.samples,
    )
    return _accepted(project, finding) if assessment.outcome is Outcome.FAIL else finding


def enabled_checks(settings: Settings) -> tuple[QualityCheck, ...]:
    """The checks that the settings ask for."""
    return tuple(check for check in QUALITY_CHECKS.values() if check.enabled(settings))


def check_samples(project: Project, samples: Sequence[str]) -> dict[str, list[Finding]]:
    """Check samples; returns the findings of each, in the order of the checks."""
    checks = enabled_checks(project.settings)

    def check_one(name: str) -> list[Finding]:
        return [check_sample(project, check, name) for check in checks]

    return dict(zip(samples, map_reads(project.ledger, check_one, samples), strict=True))


def quality_table(project: Project, samples: Sequence[str]) -> dict[str, dict[str, str]]:
    """The outcomes of samples for the report, by sample and then by check; overall first.

    The records are read one by one: those of ten thousand samples take hundreds of megabytes.
    """
    checks = [check for check in enabled_checks(project.settings) if check.name not in NOT_IN_REPORT]
    table = {}
    for sample in samples:
        found = [check_sample(project, check, sample) for check in checks]
        table[sample] = {"overall": overall(found).value, **{item.check: item.outcome.value for item in found}}
    return table


def overall(findings: Sequence[Finding]) -> Outcome:
    """The worst of several findings."""
    return worst(finding.outcome for finding in findings)


def _accepted(project: Project, finding: Finding) -> Finding:
    """A failure, or the same as accepted."""
    for acceptance in reversed(read_acceptances(project.ledger, finding.sample)):
        is_same = (acceptance.check, acceptance.data_version) == (finding.check, finding.data_version)
        if is_same and set(finding.samples) <= set(acceptance.samples):
            message = f"{finding.message}; accepted by {acceptance.by} on {acceptance.at:%Y-%m-%d}: {acceptance.reason}"
            return replace(finding, outcome=Outcome.ACCEPTED, message=message, acceptance=acceptance)
    return finding
