"""Whether a sample is whose the samplesheet states: its lanes by its fingerprint, other samples by the report."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.pipeline.assessments import Assessment, Outcome, SampleResults, fail, numbers
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.steps.fingerprint import LOD_THRESHOLD, stated_person

_REPORT: Final = ResultKey("multiqc_report", COHORT)

_FOUND: Final = {
    "one person": "has the same genotypes, but the samplesheet lists different patients",
    "two people": "has other genotypes, but the samplesheet lists the same patient",
    "inconclusive": "is of the same patient, but has too few reads to be compared",
}
"""Words for what the report found of two samples."""


def assess_identity(results: SampleResults, record: Record) -> Assessment:
    """Whether the lanes of a sample are one person's, and whether it is whose the samplesheet states.

    Other samples are compared with it when the report is made.
    """
    figures = numbers(results, record, result_metrics.fingerprint_metrics)
    if not figures["sites"]:
        return Assessment(Outcome.UNKNOWN, "no reads at the variants of the haplotype map")
    lod, lanes = figures.get("lowest_lane_lod"), record.facts.get("lowest_lanes", "")
    if lod is not None and lod < LOD_THRESHOLD:
        return fail(f"read groups {lanes} are of two people (LOD {lod:.4g})", f"read groups {lanes}", figures)
    project, own = results.project, record.file("fingerprint")
    report = project.store.find(project.ledger.uri(_REPORT))
    compared = _Comparison() if report is None else _comparison(project.ledger, report.stamp)
    stated = stated_person(results.sample, project.sample(results.sample).patient)
    if (own.uri, own.content) not in compared.fingerprints or stated not in compared.people:
        return Assessment(Outcome.PENDING, "not compared with the other samples yet: the report does it", figures)
    found = compared.unexpected.get(results.sample, {})
    if found:
        return Assessment(Outcome.FAIL, "; ".join(found.values()), figures, tuple(found))
    unclear = list(compared.inconclusive.get(results.sample, ()))
    if lod is not None and lod < -LOD_THRESHOLD:
        unclear.append(f"read groups {lanes} have too few reads to be compared (LOD {lod:.4g})")
    if unclear:
        return Assessment(Outcome.UNKNOWN, "; ".join(unclear), figures)
    return Assessment(Outcome.PASS, f"as the samplesheet states, by {figures['sites']:.0f} variants", figures)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What the report has compared.

    Attributes:
        fingerprints: The addresses and contents of the fingerprints.
        people: Whose each sample was, by the samplesheet.
        unexpected: By sample, a sentence for each other one (with what it is) that is unexpectedly the same person's,
            or is not.
        inconclusive: By sample, a sentence for each one of the same patient with too few variants in common.
    """

    fingerprints: frozenset[tuple[str, str | None]] = frozenset()
    people: frozenset[object] = frozenset()
    unexpected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inconclusive: Mapping[str, Sequence[str]] = field(default_factory=dict)


@lru_cache(maxsize=2)  # of thousands of samples, each of which is looked up in it
def _comparison(ledger: Ledger, _: str) -> _Comparison:
    """Read what the report has compared.

    Args:
        ledger: The project's records.
        _: The stamp of the report's record.
    """
    report = ledger.read(_REPORT)
    if report is None or "identity" not in report.files:
        return _Comparison()
    unexpected: dict[str, dict[str, str]] = defaultdict(dict)
    inconclusive: dict[str, list[str]] = defaultdict(list)
    for line in ledger.store.read_small(report.file("identity").uri).decode().splitlines()[1:]:
        first, second, found, lod = line.split("\t")
        for sample, other in ((first, second), (second, first)):
            sentence = f"{other} {_FOUND[found]} (LOD {float(lod):.4g})"
            if found == "inconclusive":
                inconclusive[sample].append(sentence)
            else:
                unexpected[sample][f"{other}: {found}"] = sentence
    people = report.parameters.get("people")
    return _Comparison(
        frozenset((item.uri, item.content) for item in report.inputs),
        frozenset(people if isinstance(people, tuple) else ()),
        unexpected,
        inconclusive,
    )
