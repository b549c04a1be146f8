"""What each quality check finds in the results of a sample.

An assessment reads the records of a sample, the tables of its metrics, and the limits in the settings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import contig_difference, parse_sam_header
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.genomics.sex_chromosomes import sex_depths
from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_metrics import Metrics
from bioinfo_assets.quality_settings import AtLeast, AtMost
from bioinfo_assets.records.bam_files import read_bam_header
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import (
    ALIGNED_BAM,
    MARKED_BAM,
    MERGED_READS,
    RECALIBRATED_BAM,
    RECALIBRATED_CRAM,
    REFERENCE_INDEX,
    REFERENCES,
    TRIMMED_READS,
    ResultKey,
)
from bioinfo_assets.storage.store import Store

MAX_HETEROZYGOUS_RATIO: Final = 1.3
"""GATK's estimate of contamination is too low from a fifth on: two people in equal parts seem to be one. In reads of
two simulated people the ratio is below it up to a tenth, and above it from a fifth on (steps/test_contamination.py)."""


class Outcome(StrEnum):
    """The outcome of a check, from good to bad; the worst of a sample counts."""

    PASS = "pass"  # noqa: S105 - no password
    PENDING = "pending"
    """There is no result to check yet."""

    UNKNOWN = "unknown"
    """There is one, but it cannot be assessed: it is damaged, has too few reads, or was imported without its facts."""

    WARN = "warn"
    ACCEPTED = "accepted"
    """It failed, and somebody has accepted it."""

    FAIL = "fail"


_ORDER: Final = tuple(Outcome)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes; `pass` if there are none."""
    return max(outcomes, key=_ORDER.index, default=Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a check found.

    Attributes:
        outcome: The outcome.
        message: Why, in words with the figures.
        figures: The figures by name.
        failures: What failed: figures by name, other samples with what they are to this one, or a damage in words.
            Whoever accepts a failure accepts these and no others.
    """

    outcome: Outcome
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleResults:
    """The results of one sample, for its checks. Each record is read once.

    Attributes:
        project: The project.
        sample: The sample.
    """

    project: Project
    sample: str
    _records: dict[str, Record | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def record(self, asset: str) -> Record | None:
        """The record of one of its results."""
        if asset not in self._records:
            self._records[asset] = self.project.ledger.read(ResultKey(asset, self.sample))
        return self._records[asset]


def fail(message: str, failure: str, figures: Mapping[str, float] | None = None) -> Assessment:
    """A failure of one thing."""
    return Assessment(Outcome.FAIL, message, figures or {}, (failure,))


def assess_intact_bam(results: SampleResults, record: Record) -> Assessment:
    """Whether the final BAM is intact, and aligned to the current reference."""
    project = results.project
    bam = record.file("bam")
    if bam.is_released:
        return _assess_released_bam(bam.content, results.record(RECALIBRATED_CRAM))
    checked = project.ledger.check_files(record)
    if checked.damage:
        return fail(checked.damage, checked.damage)
    project.ledger.refresh_stamps(record, checked.record)
    try:
        header = read_bam_header(project.store, bam.uri)
    except InputError as problem:
        return fail(str(problem), str(problem))
    contigs = _contigs(project)
    if not contigs:
        return Assessment(Outcome.UNKNOWN, "the reference has no index to compare with")
    difference = contig_difference(header.contigs, contigs)
    if difference:
        return fail(f"not aligned to the reference of this project: {difference}", difference)
    return Assessment(Outcome.PASS, f"intact, and aligned to the {len(header.contigs)} contigs of this reference")


def _assess_released_bam(content: str | None, cram: Record | None) -> Assessment:
    if cram is None or content not in {item.content for item in cram.inputs}:
        return Assessment(Outcome.UNKNOWN, "released, and there is no CRAM that it was compared with")
    return Assessment(Outcome.PASS, "released; it was intact when it was compared with its CRAM")


def _contigs(project: Project) -> tuple[Contig, ...]:
    """The contigs of the reference; empty if it is not indexed yet."""
    index = project.ledger.read(ResultKey(REFERENCE_INDEX, REFERENCES))
    return _read_contigs(project.store, index.file("dict").uri, index.data_version) if index else ()


@lru_cache(maxsize=4)  # of thousands of samples, each of which is compared with them
def _read_contigs(store: Store, dictionary: str, _: str) -> tuple[Contig, ...]:
    return parse_sam_header(store.read_small(dictionary).decode()).contigs


def assess_reads_accounted_for(results: SampleResults, record: Record) -> Assessment:
    """Compare the counts that the steps reported, from the FASTQs to the final BAM."""
    records = {asset: results.record(asset) for asset in (MERGED_READS, TRIMMED_READS, ALIGNED_BAM, MARKED_BAM)}
    records[RECALIBRATED_BAM] = record
    facts: dict[str, Mapping[str, int]] = {}
    for asset, found in records.items():
        if found is None or found.imported:
            return Assessment(Outcome.UNKNOWN, f"{asset} was not computed here, so its reads were not counted")
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
        return Assessment(Outcome.UNKNOWN, f"an earlier version did not count {missing.args[0]}")
    for first, count, second, other in compared:
        if count != other:
            return fail(f"{count} {first}, but {other} {second}", first)
    figures = {"pairs": pairs, "pairs_kept": kept, "records": final}
    return Assessment(
        Outcome.PASS, f"{pairs} pairs, {pairs - kept} dropped by trimming, {final} final records", figures
    )


def numbers(results: SampleResults, record: Record, read: Callable[[Store, Record], Metrics]) -> Mapping[str, float]:
    """The numbers in the metrics of a result."""
    found = read(results.project.store, record)
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def assess_insert_size(results: SampleResults, record: Record) -> Assessment:
    """Whether there are proper pairs of the expected size."""
    if record.facts.get("has_insert_metrics") == "no":
        return fail("there are no proper pairs", "proper pairs")
    median = numbers(results, record, result_metrics.insert_sizes).get("median_insert_size")
    quality = results.project.settings.quality
    return _assess_figures(
        [
            ("median insert size", median, quality.insert_size),
            ("median insert size", median, quality.insert_size_at_most),
        ]
    )


def assess_mapped(results: SampleResults, record: Record) -> Assessment:
    """Whether enough reads are aligned."""
    fraction = numbers(results, record, result_metrics.alignment_metrics).get("frac_pf_reads_aligned")
    return _assess_figures([("aligned reads", fraction, results.project.settings.quality.mapped)])


def assess_duplicates(results: SampleResults, record: Record) -> Assessment:
    """Whether not too many reads are duplicates."""
    fraction = numbers(results, record, result_metrics.duplication_metrics).get("frac_duplication")
    return _assess_figures([("duplicates", fraction, results.project.settings.quality.duplicates)])


def assess_coverage(results: SampleResults, record: Record) -> Assessment:
    """Mean depth, and the genome at depths of 10, 20 and 30."""
    figures = numbers(results, record, result_metrics.depth_metrics)
    quality = results.project.settings.quality
    return _assess_figures(
        [
            ("mean depth", figures.get("mean_depth"), quality.mean_depth),
            ("genome at 10x", figures.get("frac_10x"), quality.covered_10x),
            ("genome at 20x", figures.get("frac_20x"), quality.covered_20x),
            ("genome at 30x", figures.get("frac_30x"), quality.covered_30x),
        ]
    )


def assess_contamination(results: SampleResults, record: Record) -> Assessment:
    """Whether hardly any of the sample is another person's, by GATK's estimate and by the heterozygous sites."""
    figures = numbers(results, record, result_metrics.contamination_metrics)
    estimate, error = figures["contamination"], figures["contamination_error"]
    if not error < 1:  # NaN too
        return Assessment(Outcome.UNKNOWN, "no variants with enough reads to estimate contamination")
    limits = results.project.settings.quality.contamination
    smallest = min((limit for limit in (limits.warn, limits.fail) if limit is not None), default=1.0)
    if error > smallest and not limits.is_broken(estimate, smallest):
        words = f"contamination {estimate:.4g} has a standard error of {error:.4g}, above the limit of {smallest:g}"
        return Assessment(Outcome.UNKNOWN, words, {"contamination": estimate})
    found = _assess_figures([("contamination", estimate, limits)])
    ratio = figures.get("heterozygous_ratio", 1.0)
    if ratio <= MAX_HETEROZYGOUS_RATIO or found.outcome is not Outcome.PASS:
        return found
    words = f"{found.message}, but heterozygous sites are {ratio:.2f} times as frequent as expected: perhaps a mixture"
    return Assessment(Outcome.WARN, words, {**found.figures, "heterozygous_ratio": ratio})


def assess_sex(results: SampleResults, record: Record) -> Assessment:
    """Whether the depths of X and Y are those of the sex in the samplesheet."""
    project = results.project
    given = project.sample(results.sample).sex
    summary = project.store.read_small(record.file("summary").uri).decode()
    depths = sex_depths(summary, {contig.name: contig.length for contig in _contigs(project)})
    if depths is None:
        outcome = Outcome.UNKNOWN if given else Outcome.PASS
        return Assessment(
            outcome, "the sex cannot be inferred: the reference has no autosomes, X and Y, or there are too few reads"
        )
    words = f"{depths.karyotype} by depth (X {depths.x:.2f} and Y {depths.y:.2f} of the autosomes)"
    figures = {"x_depth": depths.x, "y_depth": depths.y}
    if given is None:
        return Assessment(Outcome.PASS, f"{words}; the samplesheet does not give it", figures)
    if depths.karyotype != given:
        return fail(f"{words}, but {given} in the samplesheet", f"{depths.karyotype} and not {given}", figures)
    return Assessment(Outcome.PASS, f"{words}, as in the samplesheet", figures)


def _assess_figures(assessment: Sequence[tuple[str, float | None, AtLeast | AtMost]]) -> Assessment:
    """Assess figures by their limits; the worst counts, and all are named."""
    outcomes: dict[str, Outcome] = {}
    words, figures = [], {}
    for name, value, limits in assessment:
        if value is None:
            return Assessment(Outcome.UNKNOWN, f"there is no {name}")
        figures[name] = value
        outcome, text = _assess(name, value, limits)
        outcomes[name] = worst((outcome, outcomes.get(name, Outcome.PASS)))
        words.append(text)
    failures = tuple(name for name, outcome in outcomes.items() if outcome is Outcome.FAIL)
    return Assessment(worst(outcomes.values()), ", ".join(dict.fromkeys(words)), figures, failures)


def _assess(name: str, value: float, limits: AtLeast | AtMost) -> tuple[Outcome, str]:
    text = f"{name} {value:.4g}"
    for outcome, limit in ((Outcome.FAIL, limits.fail), (Outcome.WARN, limits.warn)):
        if limit is not None and limits.is_broken(value, limit):
            return outcome, f"{text} is {limits.words} {limit:g}"
    return Outcome.PASS, text
