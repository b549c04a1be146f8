"""The metrics in the tools' output files, as numbers to plot over samples and over time.

Names are those of captainslog's rows: `frac_…` is a fraction from 0 to 1, lengths are in bases, depths in reads.
"""

import csv
import io
import json
import math
import re
from dataclasses import fields
from typing import Any, Final

Numbers = dict[str, float]

_CLASS: Final = re.compile(r"^## METRICS CLASS\t\S*?(\w+)$", re.MULTILINE)


def picard_numbers(text: str) -> Numbers:
    """Read a sample's metrics from a Picard metrics file; an empty file has none.

    Supported are AlignmentSummaryMetrics, read for all reads together (PAIR, or UNPAIRED without pairs);
    InsertSizeMetrics, for the orientation of most pairs; DuplicationMetrics, summed over libraries; WgsMetrics; and
    GcBiasSummaryMetrics, of all reads. Undefined values are omitted.

    Raises:
        ValueError: The text is not one of these, or is truncated.
    """
    if not text:
        return {}
    match_ = _CLASS.search(text)
    match match_[1] if match_ else None:
        case "AlignmentSummaryMetrics":
            return _alignment_numbers(text)
        case "InsertSizeMetrics":
            return _insert_size_numbers(text)
        case "DuplicationMetrics":
            return _duplication_numbers(text)
        case "WgsMetrics":
            return _wgs_numbers(text)
        case "GcBiasSummaryMetrics":
            return _gc_bias_numbers(text)
        case other:
            raise ValueError(f"{other} is not a supported table of Picard")


def insert_size_histogram(text: str) -> tuple[tuple[int, int], ...]:
    """Read insert sizes with their numbers of pairs from an InsertSizeMetrics file; an empty file has none.

    The rows are those of the orientation of most pairs.
    """
    if not text:
        return ()
    from captainslog import picard  # noqa: PLC0415 - takes a tenth of a second to import, which most commands save

    with picard.PicardHistogramReader[picard.InsertSizeHistogram](io.StringIO(text)) as reader:
        columns = picard.columns(list(reader))
    orientations = [series for series in picard.insert_size_series(columns) if series.name is None]
    if not orientations:
        return ()
    largest = max(orientations, key=lambda series: sum(series.counts))
    return tuple(zip(largest.insert_size, largest.counts, strict=True))


def cutadapt_numbers(text: str) -> Numbers:
    """Read pairs and bases before and after trimming from cutadapt's `--json` report.

    >>> report = '{"read_counts": {"input": 4, "output": 3}, "basepair_counts": {"input": 800, "output": 590}}'
    >>> cutadapt_numbers(report)["frac_pairs_kept"]
    0.75
    """
    report = json.loads(text)
    pairs, bases = report["read_counts"], report["basepair_counts"]
    counts = {
        "pairs_in": pairs["input"],
        "pairs_kept": pairs["output"],
        "bases_in": bases["input"],
        "bases_kept": bases["output"],
        "reads1_with_adapter": pairs.get("read1_with_adapter"),
        "reads2_with_adapter": pairs.get("read2_with_adapter"),
        "pairs_with_many_n": pairs.get("filtered", {}).get("too_many_n"),
        "pairs_too_short": pairs.get("filtered", {}).get("too_short"),
    }
    numbers = {name: count for name, count in counts.items() if count is not None}
    if pairs["input"]:
        numbers["frac_pairs_kept"] = pairs["output"] / pairs["input"]
    return numbers


def fastp_numbers(text: str) -> Numbers:
    """Read the figures of reads as they were sequenced from a report of fastp.

    Duplicates are estimated from the sequences of pairs, without alignment, so optical and PCR duplicates with errors
    are missing. Insert sizes are those of pairs whose reads overlap.

    >>> text = '''{"summary": {"before_filtering": {"total_reads": 8, "total_bases": 800, "q20_bases": 700,
    ...     "q30_bases": 600, "gc_content": 0.41, "read1_mean_length": 100, "read2_mean_length": 100}},
    ...     "duplication": {"rate": 0.25}, "insert_size": {"peak": 270}}'''
    >>> numbers = fastp_numbers(text)
    >>> numbers["frac_q30"], numbers["frac_gc"], numbers["frac_duplication_estimate"]
    (0.75, 0.41, 0.25)
    """
    report = json.loads(text)
    reads = report["summary"]["before_filtering"]
    numbers: Numbers = {
        "reads": reads["total_reads"],
        "bases": reads["total_bases"],
        "reads1_mean_length": reads["read1_mean_length"],
        "reads2_mean_length": reads["read2_mean_length"],
        "frac_gc": reads["gc_content"],
        "frac_duplication_estimate": report["duplication"]["rate"],
        "insert_size_peak": report["insert_size"]["peak"],
    }
    if reads["total_bases"]:
        numbers["frac_q20"] = reads["q20_bases"] / reads["total_bases"]
        numbers["frac_q30"] = reads["q30_bases"] / reads["total_bases"]
    return numbers


def contamination_numbers(text: str) -> Numbers:
    r"""Read the estimate of GATK's CalculateContamination and its standard error.

    >>> contamination_numbers("sample\tcontamination\terror\ns\t0.02\t0.003\n")
    {'contamination': 0.02, 'contamination_error': 0.003}
    """
    (row,) = csv.DictReader(io.StringIO(text), delimiter="\t")
    return {"contamination": float(row["contamination"]), "contamination_error": float(row["error"])}


def fastp_qualities(text: str, read: int) -> tuple[float, ...]:
    """Read the mean quality (Phred) of each cycle from a report of fastp; none if it counted no reads.

    Args:
        text: The report.
        read: 1 for first reads, 2 for second ones.

    >>> fastp_qualities('{"read2_before_filtering": {"quality_curves": {"mean": [36.5, 35]}}}', 2)
    (36.5, 35.0)
    """
    return tuple(map(float, json.loads(text)[f"read{read}_before_filtering"]["quality_curves"]["mean"]))


def mosdepth_numbers(summary: str, genome_length: int) -> Numbers:
    r"""Return length, mean, minimal and maximal depth of the whole genome, from mosdepth's summary.

    mosdepth's row `total` has only the contigs with reads; here the bases of the others are counted with depth 0.

    >>> mosdepth_numbers("chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t1000\t4000\t4.00\t2\t85\n", 5000)
    {'genome_length': 5000, 'mean_depth': 0.8, 'min_depth': 0, 'max_depth': 85}
    """
    total = _total_row(summary)
    covered = int(total["length"])
    return {
        "genome_length": genome_length,
        "mean_depth": int(total["bases"]) / genome_length,
        "min_depth": int(total["min"]) if covered == genome_length else 0,
        "max_depth": int(total["max"]) if covered else 0,
    }


def depth_distribution(text: str, summary: str, genome_length: int) -> tuple[tuple[int, float], ...]:
    r"""Return the fraction of the whole genome with at least each depth, in order of depth.

    mosdepth's fractions are those of the contigs with reads, as its summary's row `total` is.

    Args:
        text: mosdepth's global distribution.
        summary: Its summary.
        genome_length: Bases of all contigs.

    >>> summary = "chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t1000\t1050\t1.05\t0\t2\n"
    >>> depth_distribution("chrM\t1\t0.8\ntotal\t2\t0.25\ntotal\t1\t0.80\ntotal\t0\t1.00\n", summary, 4000)
    ((0, 1.0), (1, 0.2), (2, 0.0625))
    """
    covered = int(_total_row(summary)["length"]) / genome_length
    rows = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    fractions = {int(depth): float(fraction) * covered for contig, depth, fraction in rows if contig == "total"}
    return tuple(sorted((fractions | {0: 1.0}).items()))


def covered_fractions(distribution: tuple[tuple[int, float], ...]) -> Numbers:
    """Return the fractions of the genome at depths of 10, 20 and 30 or more, from `depth_distribution`.

    mosdepth leaves out depths at which the fraction is that of a deeper one, and those that no position has.

    >>> covered_fractions(((0, 1.0), (9, 0.9), (12, 0.5), (30, 0.25)))
    {'frac_10x': 0.5, 'frac_20x': 0.25, 'frac_30x': 0.25}
    """
    return {
        f"frac_{least}x": max((fraction for depth, fraction in distribution if depth >= least), default=0.0)
        for least in (10, 20, 30)
    }


def _total_row(summary: str) -> dict[str, str]:
    for row in csv.DictReader(io.StringIO(summary), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["chrom"] == "total":
            return row
    raise ValueError("the summary of mosdepth has no row 'total'")


def _alignment_numbers(text: str) -> Numbers:
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardReader[picard.AlignmentSummaryMetrics](io.StringIO(text)) as reader:
        rows = {row.category: row for row in reader}
    row = rows.get(picard.ReadCategory.PAIR) or rows.get(picard.ReadCategory.UNPAIRED)
    return _numbers(row) if row else {}


def _insert_size_numbers(text: str) -> Numbers:
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardReader[picard.InsertSizeMetrics](io.StringIO(text)) as reader:
        return _numbers(max(reader, key=lambda row: row.read_pairs))


def _wgs_numbers(text: str) -> Numbers:
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardReader[picard.WgsMetrics](io.StringIO(text)) as reader:
        return _numbers(next(iter(reader)))


def _gc_bias_numbers(text: str) -> Numbers:
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardReader[picard.GcBiasSummaryMetrics](io.StringIO(text)) as reader:
        return _numbers(next(row for row in reader if row.reads_used is picard.ReadsUsed.ALL))


def qualities_by_cycle(text: str) -> tuple[float, ...]:
    r"""Read the mean quality (Phred) of each cycle, those of second reads last, from Picard's MeanQualityByCycle.

    >>> qualities_by_cycle("## HISTOGRAM\tjava.lang.Integer\nCYCLE\tMEAN_QUALITY\n1\t30.5\n2\t29\n\n")
    (30.5, 29.0)
    """
    if not text:
        return ()
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardHistogramReader[picard.MeanQualityByCycle](io.StringIO(text)) as reader:
        return tuple(row.mean_quality for row in reader)


def _duplication_numbers(text: str) -> Numbers:
    from captainslog import picard  # noqa: PLC0415 - as above

    with picard.PicardReader[picard.DuplicationMetrics](io.StringIO(text)) as reader:
        rows = [_numbers(row) for row in reader]
    defined = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    numbers: Numbers = {name: sum(row[name] for row in rows) for name in defined}
    # A pair counts as two reads, as in Picard's DuplicationMetrics.calculateDerivedFields.
    reads = numbers["unpaired_reads_examined"] + 2 * numbers["read_pairs_examined"]
    duplicates = numbers["unpaired_read_duplicates"] + 2 * numbers["read_pair_duplicates"]
    if reads:
        numbers["frac_duplication"] = duplicates / reads
    return numbers


def _numbers(row: Any) -> Numbers:  # noqa: ANN401 - a row of any of captainslog's tables
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return {name: value for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}
