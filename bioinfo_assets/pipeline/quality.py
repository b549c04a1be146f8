"""Quality control: what is checked of each sample, and which samples may go no further.

The outcome of a check depends on what it finds in the results of a sample (`assessments`), and on who has accepted a
sample that failed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.pipeline.assessments import (
    Assessment,
    Outcome,
    SampleResults,
    assess_contamination,
    assess_coverage,
    assess_duplicates,
    assess_insert_size,
    assess_intact_bam,
    assess_mapped,
    assess_reads_accounted_for,
    assess_sex,
    worst,
)
from bioinfo_assets.pipeline.identity import assess_identity
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
        failures: What failed (see `Assessment`).
    """

    check: str
    sample: str
    outcome: Outcome
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
    data_version: str = ""
    acceptance: Acceptance | None = None
    failures: tuple[str, ...] = ()


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


def check_sample(project: Project, check: QualityCheck, sample: str) -> Finding:
    """Check the current result of one sample."""
    return _check(SampleResults(project, sample), check)


def assess_record(project: Project, check: QualityCheck, sample: str, record: Record) -> Finding:
    """Check a result of one sample.

    Raises:
        BioinfoAssetsError: it cannot be assessed, because something cannot be read.
    """
    return _assess(SampleResults(project, sample), check, record)


def _check(results: SampleResults, check: QualityCheck) -> Finding:
    try:
        record = results.record(check.asset)
        if record is None:
            return Finding(check.name, results.sample, Outcome.PENDING, f"there is no {check.asset} yet")
        return _assess(results, check, record)
    except BioinfoAssetsError as problem:
        return Finding(check.name, results.sample, Outcome.UNKNOWN, str(problem))


def _assess(results: SampleResults, check: QualityCheck, record: Record) -> Finding:
    try:
        found = check.assess(results, record)
    except result_metrics.PARSER_ERRORS as problem:
        raise InputError(f"the metrics of {check.asset} cannot be read: {problem}") from problem
    finding = Finding(
        check.name,
        results.sample,
        found.outcome,
        found.message,
        found.figures,
        record.data_version,
        failures=found.failures,
    )
    return _accepted(results.project, finding) if found.outcome is Outcome.FAIL else finding


def enabled_checks(settings: Settings) -> tuple[QualityCheck, ...]:
    """The checks that the settings ask for."""
    return tuple(check for check in QUALITY_CHECKS.values() if check.enabled(settings))


def check_samples(project: Project, samples: Sequence[str]) -> dict[str, list[Finding]]:
    """Check samples; returns the findings of each, in the order of the checks."""
    return dict(_check_samples(project, enabled_checks(project.settings), samples))


def _check_samples(
    project: Project, checks: Iterable[QualityCheck], samples: Sequence[str]
) -> Iterator[tuple[str, list[Finding]]]:
    """Check samples one by one: the records of ten thousand take hundreds of megabytes."""

    def check_one(name: str) -> list[Finding]:
        results = SampleResults(project, name)
        return [_check(results, check) for check in checks]

    return zip(samples, map_reads(project.ledger, check_one, samples), strict=True)


def quality_table(project: Project, samples: Sequence[str]) -> dict[str, dict[str, str]]:
    """The outcomes of samples for the report, by sample and then by check; overall first."""
    checks = [check for check in enabled_checks(project.settings) if check.name not in NOT_IN_REPORT]
    return {
        sample: {"overall": overall(found).value, **{item.check: item.outcome.value for item in found}}
        for sample, found in _check_samples(project, checks, samples)
    }


def overall(findings: Sequence[Finding]) -> Outcome:
    """The worst of several findings."""
    return worst(finding.outcome for finding in findings)


def _accepted(project: Project, finding: Finding) -> Finding:
    """A failure, or the same as accepted."""
    for acceptance in reversed(read_acceptances(project.ledger, finding.sample)):
        is_same = (acceptance.check, acceptance.data_version) == (finding.check, finding.data_version)
        if is_same and set(finding.failures) <= set(acceptance.failures):
            message = f"{finding.message}; accepted by {acceptance.by} on {acceptance.at:%Y-%m-%d}: {acceptance.reason}"
            return replace(finding, outcome=Outcome.ACCEPTED, message=message, acceptance=acceptance)
    return finding
