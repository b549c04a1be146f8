"""Quality control: what is checked of each sample, and which samples may go no further.

A check reads the records of a sample and the tables of its metrics. Its outcome depends on them, on the limits in the
settings, and on who has accepted a sample that failed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.bam_header import contig_difference, parse_sam_header
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.genomics.sex_chromosomes import sex_depths
from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_metrics import Metrics
from bioinfo_assets.quality_settings import AtLeast, AtMost
from bioinfo_assets.records.accepted_quality import Acceptance, read_acceptances
from bioinfo_assets.records.bam_files import read_bam_header
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import (
    ALIGNED_BAM,
    MARKED_BAM,
    MERGED_READS,
    RECALIBRATED_BAM,
    REFERENCE_INDEX,
    REFERENCES,
    TRIMMED_READS,
    ResultKey,
)
from bioinfo_assets.storage.store import Store


class Outcome(StrEnum):
    """The outcome of a check, from good to bad; the worst of a sample counts."""

    PASS = "pass"  # noqa: S105 - no password
    UNKNOWN = "unknown"
    """There is no result to check, or it was imported without the facts that the check needs."""

    WARN = "warn"
    ACCEPTED = "accepted"
    """It failed, and somebody has accepted it."""

    FAIL = "fail"


_ORDER: Final = tuple(Outcome)


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
    """

    check: str
    sample: str
    outcome: Outcome
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
    data_version: str = ""
    acceptance: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class _Assessment:
    outcome: Outcome
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleResults:
    """The results of one sample, for its checks.

    Attributes:
        project: The project.
        sample: The sample.
    """

    project: Project
    sample: str

    def record(self, asset: str) -> Record | None:
        """The record of one of its results."""
        return self.project.ledger.read(ResultKey(asset, self.sample))


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """A check of samples.

    Attributes:
        name: Its name, in settings and in Dagit.
        asset: The asset whose result it checks.
        description: What it checks.
        assess: Assesses the result of one sample.
    """

    name: str
    asset: str
    description: str
    assess: Callable[[SampleResults, Record], _Assessment]


def _intact_bam(results: SampleResults, record: Record) -> _Assessment:
    project = results.project
    bam = record.file("bam")
    if bam.is_released:
        return _Assessment(Outcome.PASS, "released; it was intact when it was compared with its CRAM")
    damage = project.ledger.check_files(record).damage
    if damage:
        return _Assessment(Outcome.FAIL, damage)
    try:
        header = read_bam_header(project.store, bam.uri)
    except InputError as problem:
        return _Assessment(Outcome.FAIL, str(problem))
    contigs = _contigs(project)
    if not contigs:
        return _Assessment(Outcome.UNKNOWN, "the reference has no index to compare with")
    difference = contig_difference(header.contigs, contigs)
    if difference:
        return _Assessment(Outcome.FAIL, f"not aligned to the reference of this project: {difference}")
    return _Assessment(Outcome.PASS, f"intact, and aligned to the {len(header.contigs)} contigs of this reference")


def _contigs(project: Project) -> tuple[Contig, ...]:
    """The contigs of the reference; empty if it is not indexed yet."""
    index = project.ledger.read(ResultKey(REFERENCE_INDEX, REFERENCES))
    return _read_contigs(project.store, index.file("dict").uri, index.data_version) if index else ()


@lru_cache(maxsize=4)  # of thousands of samples, each of which is compared with them
def _read_contigs(store: Store, dictionary: str, _: str) -> tuple[Contig, ...]:
    return parse_sam_header(store.read_small(dictionary).decode()).contigs


def _reads_accounted_for(results: SampleResults, record: Record) -> _Assessment:
    """Compare the counts that the steps reported, from the FASTQs to the final BAM."""
    records = {asset: results.record(asset) for asset in (MERGED_READS, TRIMMED_READS, ALIGNED_BAM, MARKED_BAM)}
    records[RECALIBRATED_BAM] = record
    facts: dict[str, Mapping[str, int]] = {}
    for asset, found in records.items():
        if found is None or found.imported:
            return _Assessment(Outcome.UNKNOWN, f"{asset} was not computed here, so its reads were not counted")
        facts[asset] = {name: int(text) for name, text in found.facts.items() if text.isdecimal()}
    try:
        pairs, kept = facts[MERGED_READS]["pairs"], facts[TRIMMED_READS]["pairs_out"]
        by_group = sum(value for name, value in facts[MERGED_READS].items() if name.startswith("pairs."))
        final = facts[RECALIBRATED_BAM]["records"]
        compared = (
            ("read pairs of all read groups", by_group, "merged pairs", pairs),
            ("merged pairs", pairs, "pairs that were trimmed", facts[TRIMMED_READS]["pairs_in"]),
            ("reads that trimming kept", 2 * kept, "primary records that were aligned", facts[ALIGNED_BAM]["primary"]),
            ("aligned records", facts[ALIGNED_BAM]["records"], "marked records", facts[MARKED_BAM]["records"]),
            ("marked records", facts[MARKED_BAM]["records"], "records of the final BAM", final),
        )
    except KeyError as missing:
        return _Assessment(Outcome.UNKNOWN, f"an earlier version did not count {missing.args[0]}")
    for first, count, second, other in compared:
        if count != other:
            return _Assessment(Outcome.FAIL, f"{count} {first}, but {other} {second}")
    figures = {"pairs": pairs, "pairs_kept": kept, "records": final}
    return _Assessment(
        Outcome.PASS, f"{pairs} pairs, {pairs - kept} dropped by trimming, {final} final records", figures
    )


def _numbers(results: SampleResults, record: Record, read: Callable[[Store, Record], Metrics]) -> Mapping[str, float]:
    """The numbers in the metrics of a result."""
    found = read(results.project.store, record)
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _insert_size(results: SampleResults, record: Record) -> _Assessment:
    if record.facts.get("has_insert_metrics") == "no":
        return _Assessment(Outcome.FAIL, "there are no proper pairs")
    median = _numbers(results, record, result_metrics.insert_sizes).get("median_insert_size")
    quality = results.project.settings.quality
    return _assess_figures(
        [
            ("median insert size", median, quality.insert_size),
            ("median insert size", median, quality.insert_size_at_most),
        ]
    )


def _mapped(results: SampleResults, record: Record) -> _Assessment:
    fraction = _numbers(results, record, result_metrics.alignment_metrics).get("frac_pf_reads_aligned")
    return _assess_figures([("aligned reads", fraction, results.project.settings.quality.mapped)])


def _duplicates(results: SampleResults, record: Record) -> _Assessment:
    fraction = _numbers(results, record, result_metrics.duplication_metrics).get("frac_duplication")
    return _assess_figures([("duplicates", fraction, results.project.settings.quality.duplicates)])


def _coverage(results: SampleResults, record: Record) -> _Assessment:
    figures = _numbers(results, record, result_metrics.depth_metrics)
    quality = results.project.settings.quality
    return _assess_figures(
        [
            ("mean depth", figures.get("mean_depth"), quality.mean_depth),
            ("genome at 10x", figures.get("frac_10x"), quality.covered_10x),
            ("genome at 20x", figures.get("frac_20x"), quality.covered_20x),
            ("genome at 30x", figures.get("frac_30x"), quality.covered_30x),
        ]
    )


def _sex(results: SampleResults, record: Record) -> _Assessment:
    project = results.project
    given = project.sample(results.sample).sex
    summary = project.store.read_small(record.file("summary").uri).decode()
    depths = sex_depths(summary, {contig.name: contig.length for contig in _contigs(project)})
    if depths is None:
        outcome = Outcome.UNKNOWN if given else Outcome.PASS
        return _Assessment(outcome, "there is no depth of autosomes, X and Y to see it in")
    words = f"{depths.karyotype} by depth (X {depths.x:.2f} and Y {depths.y:.2f} of the autosomes)"
    figures = {"x_depth": depths.x, "y_depth": depths.y}
    if given is None:
        return _Assessment(Outcome.PASS, f"{words}; the samplesheet does not give it", figures)
    if depths.karyotype != given:
        return _Assessment(Outcome.FAIL, f"{words}, but {given} in the samplesheet", figures)
    return _Assessment(Outcome.PASS, f"{words}, as in the samplesheet", figures)


INTACT_BAM: Final = "intact_bam"

QUALITY_CHECKS: Final[Mapping[str, QualityCheck]] = {
    check.name: check
    for check in (
        QualityCheck(
            "intact_bam",
            RECALIBRATED_BAM,
            "The final BAM is intact, and aligned to the current reference.",
            _intact_bam,
        ),
        QualityCheck(
            "reads_accounted_for",
            RECALIBRATED_BAM,
            "The reads of all read groups are in the final BAM, except for those that trimming dropped.",
            _reads_accounted_for,
        ),
        QualityCheck(
            "insert_size", "insert_size_metrics", "There are proper pairs, of the expected size.", _insert_size
        ),
        QualityCheck("mapped", "alignment_metrics", "Enough reads are aligned.", _mapped),
        QualityCheck("duplicates", MARKED_BAM, "Not too many reads are duplicates.", _duplicates),
        QualityCheck("coverage", "depth", "Mean depth, and the genome at depths of 10, 20 and 30.", _coverage),
        QualityCheck("sex", "depth", "The depths of X and Y are those of the sex in the samplesheet.", _sex),
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
        check.name, sample, assessment.outcome, assessment.message, assessment.figures, record.data_version
    )
    return _accepted(project, finding) if assessment.outcome is Outcome.FAIL else finding


def check_samples(project: Project, samples: Sequence[str]) -> dict[str, list[Finding]]:
    """Check samples; returns the findings of each, in the order of the checks."""
    return {name: [check_sample(project, check, name) for check in QUALITY_CHECKS.values()] for name in samples}


def quality_table(project: Project, samples: Sequence[str]) -> dict[str, dict[str, str]]:
    """The outcomes of samples for the report, by sample and then by check; overall first.

    Without the check of the BAM itself, which is read for it. The records are read one by one: those of ten thousand
    samples take hundreds of megabytes.
    """
    checks = [check for check in QUALITY_CHECKS.values() if check.name != INTACT_BAM]
    table = {}
    for sample in samples:
        found = [check_sample(project, check, sample) for check in checks]
        table[sample] = {"overall": overall(found).value, **{item.check: item.outcome.value for item in found}}
    return table


def overall(findings: Sequence[Finding]) -> Outcome:
    """The worst of several findings."""
    return max((finding.outcome for finding in findings), key=_ORDER.index, default=Outcome.PASS)


def _accepted(project: Project, finding: Finding) -> Finding:
    """A failure, or the same as accepted."""
    for acceptance in reversed(read_acceptances(project.ledger, finding.sample)):
        if (acceptance.check, acceptance.data_version) == (finding.check, finding.data_version):
            message = f"{finding.message}; accepted by {acceptance.by} on {acceptance.at:%Y-%m-%d}: {acceptance.reason}"
            return replace(finding, outcome=Outcome.ACCEPTED, message=message, acceptance=acceptance)
    return finding


def _assess_figures(assessment: Sequence[tuple[str, float | None, AtLeast | AtMost]]) -> _Assessment:
    """Assess figures by their limits; the worst counts, and all are named."""
    outcome, words, figures = Outcome.PASS, [], {}
    for name, value, limits in assessment:
        if value is None:
            return _Assessment(Outcome.UNKNOWN, f"there is no {name}")
        figures[name] = value
        own, text = _assess(name, value, limits)
        outcome = max(outcome, own, key=_ORDER.index)
        words.append(text)
    return _Assessment(outcome, ", ".join(dict.fromkeys(words)), figures)


def _assess(name: str, value: float, limits: AtLeast | AtMost) -> tuple[Outcome, str]:
    text = f"{name} {value:.4g}"
    for outcome, limit in ((Outcome.FAIL, limits.fail), (Outcome.WARN, limits.warn)):
        if limit is not None and limits.is_broken(value, limit):
            return outcome, f"{text} is {limits.words} {limit:g}"
    return Outcome.PASS, text
