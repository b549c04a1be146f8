"""What is equal between the results of both chains; and where they differ, why.

A reason is not guessed: the one thing that is thought to make the difference is undone, and what is left is counted.
"""

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.alignments import Differences, compare
from benchmarks.bench import Bench
from benchmarks.ours import Ours
from benchmarks.tool_tables import Cells, other_cells, other_depths, picard_cells, recalibration_rows


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


@dataclass(frozen=True)
class Pair:
    """The results of both chains.

    Attributes:
        bench: Where both ran.
        ours: Our chain.
        fasta: The seed's reference.
    """

    bench: Bench
    ours: Ours
    fasta: Path

    def our(self, step: str, key: str) -> Path:
        """A file of ours."""
        return Path(self.ours.made[step][key].uri)

    def seeds(self, suffix: str) -> Path:
        """A file of the seed's."""
        return self.bench.plain / f"{self.ours.sample}.{suffix}"

    @cached_property
    def final(self) -> Differences:
        """Between the recalibrated BAMs."""
        return compare(self.our("recalibrated_bam", "bam"), self.seeds("recalib.bam"))

    @cached_property
    def alike_aligned(self) -> Differences:
        """Between our alignment and that of the seed's bwa with our two options, in one read group."""
        made = self.seeds("control.aln.bam")
        fastqs = shlex.join(str(self.seeds(f"cutadapt.{read}.fastq.gz")) for read in (1, 2))
        self._script(f"bwa mem -K 100000000 -Y {shlex.quote(str(self.fasta))} {fastqs} | samtools view -b -o {made} -")
        return compare(self.our("aligned_bam", "bam"), made)

    @cached_property
    def one_group(self) -> Path:
        """Our marked BAM, recalibrated as one read group like the seed's."""
        group = f"@RG\\tID:{self.ours.sample}\\tSM:{self.ours.sample}\\tPL:illumina"
        marked = shlex.quote(str(self.our("marked_bam", "bam")))
        made = self.seeds("control1.mark_dup.bam")
        self._script(f"samtools addreplacerg -w -m overwrite_all -r $'{group}' -O bam -o {made} {marked}")
        return self._recalibrated(made)

    @cached_property
    def unflagged(self) -> Path:
        """The same, with no supplementary record flagged as a duplicate."""
        source, made = self.seeds("control1.mark_dup.bam"), self.seeds("control2.mark_dup.bam")
        awk = """BEGIN { FS = OFS = "\\t" } !/^@/ && int($2 / 2048) % 2 && int($2 / 1024) % 2 { $2 -= 1024 } 1"""
        self._script(f"samtools view -h {source} | awk {shlex.quote(awk)} | samtools view -b -o {made} -")
        return self._recalibrated(made)

    @cached_property
    def control(self) -> Path:
        """Our BAM with all undone that the seed does not do after aligning."""
        supplementary = self.final.duplicates["supplementary, ours only"]
        return self.unflagged if supplementary and self.one_group else self.one_group

    def table_of(self, bam: Path) -> Path:
        """The recalibration table of a control."""
        return bam.with_suffix(".table")

    def _recalibrated(self, marked: Path) -> Path:
        made = marked.with_suffix(".recalib.bam")
        sites = shlex.join(word for vcf in self.ours.reads.known_sites for word in ("--known-sites", str(vcf)))
        self._script(
            f"samtools index {marked}\n"
            f"gatk BaseRecalibrator --input {marked} --reference {self.fasta} {sites} --use-original-qualities"
            f" --output {self.table_of(made)}\n"
            f"gatk ApplyBQSR --input {marked} --reference {self.fasta} --bqsr-recal-file {self.table_of(made)}"
            f" --output {made} --static-quantized-quals 10 --static-quantized-quals 20 --static-quantized-quals 30"
            " --use-original-qualities\n"
            f"samtools index {made}"
        )
        return made

    def picard(self, tool: str, bam: Path) -> Cells:
        """The cells of a metrics tool on a BAM."""
        table = bam.with_suffix(f".{tool}.txt")
        self._script(f"picard {tool} --INPUT {bam} --OUTPUT {table} --REFERENCE_SEQUENCE {self.fasta}")
        return picard_cells(table)

    def depth(self, bam: Path) -> Path:
        """The depth of a BAM."""
        table = bam.with_suffix(".depth")
        self._script(f"samtools depth -a {bam} > {table}")
        return table

    def header(self, bam: Path) -> list[str]:
        """A BAM's header lines of sort order and read groups."""
        text = self.seeds("header.txt")
        self._script(f"samtools view -H {shlex.quote(str(bam))} | grep -E '^@(HD|RG)' > {text}")
        return text.read_text().splitlines()

    def _script(self, text: str) -> None:
        self.bench.script("a control", f"set -euo pipefail\n{text}")


def findings(pair: Pair) -> tuple[Finding, ...]:
    """Compares the results, and undoes what differs."""
    return (
        _records(pair),
        _clipping(pair),
        _tags(pair),
        _header(pair),
        _primary_duplicates(pair.final),
        _supplementary_duplicates(pair.final),
        _cells("duplication metrics", pair, "marked_bam", "mark_dup.markdup.metrics.txt"),
        _rows(pair),
        _qualities(pair),
        _alignment_metrics(pair),
        _cells("insert metrics", pair, "insert_size_metrics", "insert_metrics.txt"),
        _depth(pair),
        _sizes(pair),
    )


def _records(pair: Pair) -> Finding:
    found = pair.final
    moved = found.ours - found.same_place, found.other - found.same_place
    values = ", ".join(f"{name} of {count:,}" for name, count in found.values.items() if count)
    different = f"{moved[0]:,} / {moved[1]:,} elsewhere; {values or 'no mapping quality, mate or base'} differs"
    reason = ""
    if any(moved) or values:
        left = pair.alike_aligned
        rest = ", ".join(f"{name} of {count:,}" for name, count in left.values.items() if count) or "none"
        reason = (
            f"batches of bases (-K 100000000): the seed's bwa command with -K and -Y has "
            f"{left.other - left.same_place:,} records elsewhere than ours, other values: {rest}"
        )
    return Finding(
        "records: name, flag but for duplicates, position, CIGAR",
        f"{found.same_place:,} of {found.ours:,}",
        different,
        reason,
    )


def _clipping(pair: Pair) -> Finding:
    found = pair.final
    if not found.clipping:
        return Finding("clipping", f"{found.same_place:,}")
    reason = f"-Y: with it the seed's bwa command leaves {pair.alike_aligned.clipping:,}"
    return Finding(
        "clipping",
        f"{found.same_place - found.clipping:,}",
        f"{found.clipping:,} soft in ours, hard in the seed's",
        reason,
    )


def _tags(pair: Pair) -> Finding:
    found = pair.final
    other = ", ".join(f"{tag} in {count:,}" for tag, count in sorted(found.tags.items()) if tag != "RG")
    counted = ", ".join(f"{tag} {found.same_place - found.tags[tag]:,}" for tag in ("NM", "MD", "UQ"))
    reason = f"RG differs in {found.tags['RG']:,}: a read group for each lane"
    if other:
        left = pair.alike_aligned
        reason += (
            f"; after the seed's bwa with -K and -Y all tags but RG are equal in {left.same_tags:,} of {left.ours:,}"
        )
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


def _cells(what: str, pair: Pair, step: str, suffix: str) -> Finding:
    ours, seeds = picard_cells(pair.our(step, "metrics")), picard_cells(pair.seeds(suffix))
    other = other_cells(ours, seeds)
    return Finding(what, f"{len(ours) - len(other)} of {len(ours)} cells", _told(other))


def _rows(pair: Pair) -> Finding:
    ours = recalibration_rows(pair.our("recalibrated_bam", "table"))
    seeds = recalibration_rows(pair.seeds("recalib.recal.table"))
    control = recalibration_rows(pair.table_of(pair.one_group))
    names = [name for name in seeds if name.startswith("RecalTable")]
    counts = ", ".join(f"{name[5:]} {len(ours[name]):,} / {len(seeds[name]):,}" for name in names)
    left = sum(len(seeds[name] - control[name]) for name in names)
    of = sum(len(seeds[name]) for name in names)
    reason = f"a model for each lane: as one read group, {left:,} of {of:,} rows differ from the seed's"
    if pair.control != pair.one_group:
        control = recalibration_rows(pair.table_of(pair.control))
        left = sum(len(seeds[name] - control[name]) for name in names)
        reason += f"; with supplementary duplicates unflagged too, {left:,}"
    return Finding("rows of the recalibration table", "-", counts, reason)


def _qualities(pair: Pair) -> Finding:
    found = pair.final
    left = compare(pair.one_group, pair.seeds("recalib.bam")).other_bases
    reason = f"read groups: as one read group, {left:,} bases differ"
    if pair.control != pair.one_group:
        left = compare(pair.control, pair.seeds("recalib.bam")).other_bases
        reason += f"; with supplementary duplicates unflagged too, {left:,}"
    return Finding(
        "base qualities after recalibration",
        f"{found.bases - found.other_bases:,} of {found.bases:,} bases",
        f"{found.other_bases:,} bases in {found.other_qualities:,} records",
        reason,
    )


def _alignment_metrics(pair: Pair) -> Finding:
    ours = picard_cells(pair.our("alignment_metrics", "metrics"))
    seeds = picard_cells(pair.seeds("alignment_metrics.txt"))
    other = other_cells(ours, seeds)
    reason = ""
    if other:
        left = other_cells(pair.picard("CollectAlignmentSummaryMetrics", pair.control), seeds)
        reason = f"the qualities: on our BAM recalibrated as the seed's, {len(left)} cells differ"
    return Finding("alignment metrics", f"{len(ours) - len(other)} of {len(ours)} cells", _told(other), reason)


def _depth(pair: Pair) -> Finding:
    seeds = pair.seeds("depth.txt")
    differ, positions = other_depths(pair.our("depth", "depth"), seeds)
    reason = ""
    if differ:
        left, _ = other_depths(pair.depth(pair.control), seeds)
        reason = f"supplementary duplicates, which depth leaves out where they are flagged: unflagged, {left:,} differ"
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
