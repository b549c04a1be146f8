"""Compare the results of both chains, and explain the differences.

Reasons are measured: the supposed cause of a difference is removed, and the differences that are left are counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alignments import Differences, compare
from benchmarks.controls import Pair
from benchmarks.tool_tables import other_cells, other_depths, picard_cells, recalibration_rows


@dataclass(frozen=True, slots=True)
class Finding:
    """The comparison of one property.

    Attributes:
        what: The property.
        equal: How much of it is equal.
        different: How much is not.
        reason: The measured reason; empty where nothing differs.
    """

    what: str
    equal: str
    different: str = "-"
    reason: str = ""


def findings(pair: Pair) -> tuple[Finding, ...]:
    """Compare the results, and run controls where they differ."""
    return (
        _records(pair),
        _clipping(pair),
        _tags(pair),
        _header(pair),
        _primary_duplicates(pair.final),
        _supplementary_duplicates(pair.final),
        _duplication_metrics(pair),
        _rows(pair),
        _qualities(pair),
        _alignment_metrics(pair),
        _insert_metrics(pair),
        _depth(pair),
        _sizes(pair),
    )


def _records(pair: Pair) -> Finding:
    final = pair.final
    moved = final.ours - final.same_place, final.other - final.same_place
    values = _values(final)
    different = f"{moved[0]:,} / {moved[1]:,} elsewhere; other {values or 'values: none'}"
    reason = ""
    if any(moved) or values:
        left = pair.aligned_with_our_options
        reason = (
            f"batches of 10 M bases, and of 100 M in ours: with -K and -Y for the seed's bwa "
            f"{left.other - left.same_place:,} are elsewhere, other {_values(left) or 'values: none'}"
        )
    return Finding(
        "records: name, flag but for duplicates, position, CIGAR",
        f"{final.same_place:,} of {final.ours:,}",
        different,
        reason,
    )


def _values(differences: Differences) -> str:
    return ", ".join(f"{name} in {count:,}" for name, count in differences.values.items() if count)


def _clipping(pair: Pair) -> Finding:
    final = pair.final
    if not final.clipping:
        return Finding("clipping", f"{final.same_place:,}")
    return Finding(
        "clipping",
        f"{final.same_place - final.clipping:,}",
        f"{final.clipping:,} soft in ours, hard in the seed's",
        f"-Y: with -K and -Y for the seed's bwa {pair.aligned_with_our_options.clipping:,} differ",
    )


def _tags(pair: Pair) -> Finding:
    final = pair.final
    other = ", ".join(f"{tag} in {count:,}" for tag, count in sorted(final.tags.items()) if tag != "RG")
    counts = ", ".join(f"{tag} {final.same_place - final.tags[tag]:,}" for tag in ("NM", "MD", "UQ"))
    reason = f"RG differs in {final.tags['RG']:,}: a read group for each lane"
    if other:
        left = pair.aligned_with_our_options
        reason += f"; with -K and -Y for the seed's bwa all but RG are equal in {left.same_tags:,} of {left.ours:,}"
    return Finding("tags", f"all but RG: {final.same_tags:,} of {final.same_place:,}; {counts}", other or "-", reason)


def _header(pair: Pair) -> Finding:
    ours, seeds = pair.header(pair.our("recalibrated_bam", "bam")), pair.header(pair.seeds("recalib.bam"))
    orders = " / ".join(" ".join(lines[0].split("\t")[2:]) for lines in (ours, seeds))
    return Finding(
        "header",
        "-",
        f"{orders}; read groups {len(ours) - 1} / {len(seeds) - 1}",
        "the seed runs MarkDuplicates on records sorted by coordinate as if they were sorted by name (SEED.md, trap 1)",
    )


def _primary_duplicates(differences: Differences) -> Finding:
    counts = differences.duplicates
    return Finding(
        "duplicate flags, primary records",
        f"{counts['primary, both']:,} flagged by both, {counts['primary, neither']:,} by neither",
        f"{counts['primary, ours only']:,} by ours only, {counts['primary, seed only']:,} by the seed only",
    )


def _supplementary_duplicates(differences: Differences) -> Finding:
    counts = differences.duplicates
    ours, seeds = counts["supplementary, ours only"], counts["supplementary, seed only"]
    return Finding(
        "duplicate flags, supplementary records",
        f"{counts['supplementary, both']:,} flagged by both, {counts['supplementary, neither']:,} by neither",
        f"{ours:,} by ours only, {seeds:,} by the seed only",
        f"{counts['supplementary, as primary']:,} of ours have a primary record that is flagged" if ours else "",
    )


def _duplication_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("marked_bam", "metrics"))
    other = other_cells(ours, picard_cells(pair.seeds("mark_dup.markdup.metrics.txt")))
    reason = ""
    if other:
        control = pair.duplication_as_one_group()
        counts = [
            len(other_cells(control, picard_cells(files("mark_dup.markdup.metrics.txt"))))
            for files in (pair.seeds, pair.with_our_options)
        ]
        reason = (
            "the seed's one read group has no library, and optical duplicates are searched within a read group: "
            f"our lanes as one read group: {counts[0]} differ; and -K and -Y for the seed's bwa: {counts[1]} differ"
        )
    return Finding(
        "duplication metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _describe_cells(other), reason
    )


def _rows(pair: Pair) -> Finding:
    ours = recalibration_rows(pair.our("recalibrated_bam", "table"))
    seeds = recalibration_rows(pair.seeds("recalib.recal.table"))
    names = [name for name in seeds if name.startswith("RecalTable")]
    counts = ", ".join(f"{name[5:]} {len(ours[name]):,} / {len(seeds[name]):,}" for name in names)

    def left(bam: Path, files: Callable[[str], Path]) -> int:
        control, other = recalibration_rows(pair.table_of(bam)), recalibration_rows(files("recalib.recal.table"))
        return sum(len(other[name] - control[name]) for name in names)

    return Finding(
        "rows of the recalibration table", "-", counts, f"a model for each lane; {pair.count_by_control(left)}"
    )


def _qualities(pair: Pair) -> Finding:
    final = pair.final
    return Finding(
        "base qualities after recalibration",
        f"{final.bases - final.other_bases:,} of {final.bases:,} bases",
        f"{final.other_bases:,} bases in {final.other_qualities:,} records",
        pair.count_by_control(lambda bam, files: compare(bam, files("recalib.bam")).other_bases),
    )


def _alignment_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("alignment_metrics", "metrics"))
    other = other_cells(ours, picard_cells(pair.seeds("alignment_metrics.txt")))

    def left(bam: Path, files: Callable[[str], Path]) -> int:
        cells = pair.picard("CollectAlignmentSummaryMetrics", bam)
        return len(other_cells(cells, picard_cells(files("alignment_metrics.txt"))))

    reason = pair.count_by_control(left) if other else ""
    return Finding(
        "alignment metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _describe_cells(other), reason
    )


def _insert_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("insert_size_metrics", "metrics"))
    other = other_cells(ours, picard_cells(pair.seeds("insert_metrics.txt")))
    reason = ""
    if other:
        left = other_cells(ours, picard_cells(pair.with_our_options("insert_metrics.txt")))
        reason = f"-K and -Y for the seed's bwa: {len(left)} differ"
    return Finding("insert metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _describe_cells(other), reason)


def _depth(pair: Pair) -> Finding:
    differ, positions = other_depths(pair.our("depth", "depth"), pair.seeds("depth.txt"))
    reason = ""
    if differ:
        reason = pair.count_by_control(lambda bam, files: other_depths(pair.depth(bam), files("depth.txt"))[0])
    return Finding("depth", f"{positions - differ:,} of {positions:,} positions", f"{differ:,}", reason)


def _sizes(pair: Pair) -> Finding:
    files = {
        "mark_dup.bam": (pair.our("marked_bam", "bam"), pair.seeds("mark_dup.bam")),
        "recalib.bam": (pair.our("recalibrated_bam", "bam"), pair.seeds("recalib.bam")),
        "depth": (pair.our("depth", "depth"), pair.seeds("depth.txt")),
    }
    sizes = ", ".join(f"{name} {_mib(ours)} / {_mib(seeds)}" for name, (ours, seeds) in files.items())
    return Finding("sizes, MiB", "-", sizes, "depth is bgzipped in ours, plain text in the seed's")


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 1024**2:.1f}"


def _describe_cells(cells: dict[str, str]) -> str:
    return "; ".join(f"{name} {values}" for name, values in cells.items()) or "-"
