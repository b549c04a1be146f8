"""What is equal between the results of both chains; and where they differ, why.

A reason is not guessed: what is thought to make the difference is undone, and what is left is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alignments import Differences, compare
from benchmarks.controls import Pair
from benchmarks.tool_tables import other_cells, other_depths, picard_cells, recalibration_rows


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing compared.

    Attributes:
        what: The thing.
        equal: How much of it is equal.
        different: How much is not.
        reason: Why, as measured; empty where nothing differs.
    """

    what: str
    equal: str
    different: str = "-"
    reason: str = ""


def findings(pair: Pair) -> tuple[Finding, ...]:
    """Compares the results, and undoes what differs."""
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
    found = pair.final
    moved = found.ours - found.same_place, found.other - found.same_place
    values = _values(found)
    different = f"{moved[0]:,} / {moved[1]:,} elsewhere; other {values or 'values: none'}"
    reason = ""
    if any(moved) or values:
        left = pair.alike_aligned
        reason = (
            f"batches of 10 M bases, and of 100 M in ours: with -K and -Y for the seed's bwa "
            f"{left.other - left.same_place:,} are elsewhere, other {_values(left) or 'values: none'}"
        )
    return Finding(
        "records: name, flag but for duplicates, position, CIGAR",
        f"{found.same_place:,} of {found.ours:,}",
        different,
        reason,
    )


def _values(found: Differences) -> str:
    return ", ".join(f"{name} in {count:,}" for name, count in found.values.items() if count)


def _clipping(pair: Pair) -> Finding:
    found = pair.final
    if not found.clipping:
        return Finding("clipping", f"{found.same_place:,}")
    return Finding(
        "clipping",
        f"{found.same_place - found.clipping:,}",
        f"{found.clipping:,} soft in ours, hard in the seed's",
        f"-Y: with -K and -Y for the seed's bwa {pair.alike_aligned.clipping:,} differ",
    )


def _tags(pair: Pair) -> Finding:
    found = pair.final
    other = ", ".join(f"{tag} in {count:,}" for tag, count in sorted(found.tags.items()) if tag != "RG")
    counted = ", ".join(f"{tag} {found.same_place - found.tags[tag]:,}" for tag in ("NM", "MD", "UQ"))
    reason = f"RG differs in {found.tags['RG']:,}: a read group for each lane"
    if other:
        left = pair.alike_aligned
        reason += f"; with -K and -Y for the seed's bwa all but RG are equal in {left.same_tags:,} of {left.ours:,}"
    return Finding("tags", f"all but RG: {found.same_tags:,} of {found.same_place:,}; {counted}", other or "-", reason)


def _header(pair: Pair) -> Finding:
    ours, seeds = pair.header(pair.our("recalibrated_bam", "bam")), pair.header(pair.seeds("recalib.bam"))
    orders = " / ".join(" ".join(lines[0].split("\t")[2:]) for lines in (ours, seeds))
    return Finding(
        "header",
        "-",
        f"{orders}; read groups {len(ours) - 1} / {len(seeds) - 1}",
        "the seed tells MarkDuplicates that records sorted by coordinate are sorted by name (SEED.md, trap 1)",
    )


def _primary_duplicates(found: Differences) -> Finding:
    counts = found.duplicates
    return Finding(
        "duplicate flags, primary records",
        f"{counts['primary, both']:,} flagged by both, {counts['primary, neither']:,} by neither",
        f"{counts['primary, ours only']:,} by ours only, {counts['primary, seed only']:,} by the seed only",
    )


def _supplementary_duplicates(found: Differences) -> Finding:
    counts = found.duplicates
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
            for files in (pair.seeds, pair.alike)
        ]
        reason = (
            "the seed's one read group has no library, and optical duplicates are looked for within a read group: "
            f"our lanes as one read group: {counts[0]} differ; and -K and -Y for the seed's bwa: {counts[1]} differ"
        )
    return Finding("duplication metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _told(other), reason)


def _rows(pair: Pair) -> Finding:
    ours = recalibration_rows(pair.our("recalibrated_bam", "table"))
    seeds = recalibration_rows(pair.seeds("recalib.recal.table"))
    names = [name for name in seeds if name.startswith("RecalTable")]
    counts = ", ".join(f"{name[5:]} {len(ours[name]):,} / {len(seeds[name]):,}" for name in names)

    def left(bam: Path, files: Callable[[str], Path]) -> int:
        control, other = recalibration_rows(pair.table_of(bam)), recalibration_rows(files("recalib.recal.table"))
        return sum(len(other[name] - control[name]) for name in names)

    return Finding("rows of the recalibration table", "-", counts, f"a model for each lane; {pair.left(left)}")


def _qualities(pair: Pair) -> Finding:
    found = pair.final
    return Finding(
        "base qualities after recalibration",
        f"{found.bases - found.other_bases:,} of {found.bases:,} bases",
        f"{found.other_bases:,} bases in {found.other_qualities:,} records",
        pair.left(lambda bam, files: compare(bam, files("recalib.bam")).other_bases),
    )


def _alignment_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("alignment_metrics", "metrics"))
    other = other_cells(ours, picard_cells(pair.seeds("alignment_metrics.txt")))

    def left(bam: Path, files: Callable[[str], Path]) -> int:
        cells = pair.picard("CollectAlignmentSummaryMetrics", bam)
        return len(other_cells(cells, picard_cells(files("alignment_metrics.txt"))))

    reason = pair.left(left) if other else ""
    return Finding("alignment metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _told(other), reason)


def _insert_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("insert_size_metrics", "metrics"))
    other = other_cells(ours, picard_cells(pair.seeds("insert_metrics.txt")))
    reason = ""
    if other:
        left = other_cells(ours, picard_cells(pair.alike("insert_metrics.txt")))
        reason = f"-K and -Y for the seed's bwa: {len(left)} differ"
    return Finding("insert metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _told(other), reason)


def _depth(pair: Pair) -> Finding:
    differ, positions = other_depths(pair.our("depth", "depth"), pair.seeds("depth.txt"))
    reason = ""
    if differ:
        reason = pair.left(lambda bam, files: other_depths(pair.depth(bam), files("depth.txt"))[0])
    return Finding("depth", f"{positions - differ:,} of {positions:,} positions", f"{differ:,}", reason)


def _sizes(pair: Pair) -> Finding:
    files = {
        "mark_dup.bam": (pair.our("marked_bam", "bam"), pair.seeds("mark_dup.bam")),
        "recalib.bam": (pair.our("recalibrated_bam", "bam"), pair.seeds("recalib.bam")),
        "depth": (pair.our("depth", "depth"), pair.seeds("depth.txt")),
    }
    told = ", ".join(f"{name} {_mib(ours)} / {_mib(seeds)}" for name, (ours, seeds) in files.items())
    return Finding("sizes, MiB", "-", told, "depth is bgzipped in ours, plain text in the seed's")


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 1024**2:.1f}"


def _told(cells: dict[str, str]) -> str:
    return "; ".join(f"{name} {values}" for name, values in cells.items()) or "-"
