"""The tables that the tools leave, as plain numbers to plot over samples and over time.

Names are those of captainslog's rows: `frac_…` is a fraction from 0 to 1, lengths are in bases, depths in reads.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, Final

from captainslog import picard
from captainslog.picard import (
    AlignmentSummaryMetrics,
    DuplicationMetrics,
    InsertSizeHistogram,
    InsertSizeMetrics,
    PicardHistogramReader,
    PicardReader,
    ReadCategory,
)

Numbers = dict[str, float]

_CLASS: Final = re.compile(r"^## METRICS CLASS\t\S*?(\w+)$", re.MULTILINE)
_RECAL_BY_READ_GROUP: Final = "#:GATKTable:RecalTable0:"


def picard_numbers(text: str) -> Numbers:
    """Read the numbers of a sample from a Picard metrics file; none from an empty one.

    Of AlignmentSummaryMetrics they are those of all reads together (PAIR, or UNPAIRED without pairs); of
    InsertSizeMetrics those of the orientation that most pairs have; of DuplicationMetrics the sums over libraries.
    Numbers that Picard leaves open are left out.

    Raises:
        ValueError: The text is none of these three, or cut short.
    """
    if not text:
        return {}
    found = _CLASS.search(text)
    match found[1] if found else None:
        case "AlignmentSummaryMetrics":
            return _alignment_numbers(text)
        case "InsertSizeMetrics":
            return _insert_size_numbers(text)
        case "DuplicationMetrics":
            return _duplication_numbers(text)
        case other:
            raise ValueError(f"{other} is not a table of Picard's that is read here")


def insert_size_histogram(text: str) -> tuple[tuple[int, int], ...]:
    """Read the rows of insert size and number of pairs from an InsertSizeMetrics file; none from an empty one.

    They are those of the orientation that most pairs have.
    """
    if not text:
        return ()
    with PicardHistogramReader[InsertSizeHistogram](io.StringIO(text)) as reader:
        columns = picard.columns(list(reader))
    series = [one for one in picard.insert_size_series(columns) if one.name is None]
    if not series:
        return ()
    most = max(series, key=lambda one: sum(one.counts))
    return tuple(zip(most.insert_size, most.counts, strict=True))


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


def mosdepth_numbers(summary: str, genome_length: int) -> Numbers:
    r"""Tell length, mean, least and greatest depth of the whole genome, from mosdepth's summary.

    Its row `total` is of the contigs with reads alone: the bases of the others count here too, with depth 0.

    >>> mosdepth_numbers("chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t1000\t4000\t4.00\t2\t85\n", 5000)
    {'genome_length': 5000, 'mean_depth': 0.8, 'min_depth': 0, 'max_depth': 85}
    """
    total = _total(summary)
    covered = int(total["length"])
    return {
        "genome_length": genome_length,
        "mean_depth": int(total["bases"]) / genome_length,
        "min_depth": int(total["min"]) if covered == genome_length else 0,
        "max_depth": int(total["max"]) if covered else 0,
    }


def depth_distribution(text: str, summary: str, genome_length: int) -> tuple[tuple[int, float], ...]:
    r"""Tell, in order of depth, which fraction of the whole genome has at least each depth.

    mosdepth's fractions are of the contigs with reads alone, as its summary's row `total` is.

    Args:
        text: mosdepth's global distribution.
        summary: Its summary.
        genome_length: Bases of all contigs.

    >>> summary = "chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t1000\t1050\t1.05\t0\t2\n"
    >>> depth_distribution("chrM\t1\t0.8\ntotal\t2\t0.25\ntotal\t1\t0.80\ntotal\t0\t1.00\n", summary, 4000)
    ((0, 1.0), (1, 0.2), (2, 0.0625))
    """
    share = int(_total(summary)["length"]) / genome_length
    rows = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    fractions = {int(depth): float(fraction) * share for contig, depth, fraction in rows if contig == "total"}
    return tuple(sorted((fractions | {0: 1.0}).items()))


def _total(summary: str) -> dict[str, str]:
    for row in csv.DictReader(io.StringIO(summary), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["chrom"] == "total":
            return row
    raise ValueError("a summary of mosdepth has a row 'total', and this has none")


def observations_by_read_group(text: str) -> dict[str, int]:
    """Read from BaseRecalibrator's table on how many bases each read group's model rests.

    GATK knows a read group by its platform unit (PU), or by its ID where it has none. Counted are the observations of
    mismatches, which are those of bases outside the known sites.

    Raises:
        ValueError: The text has no table RecalTable0.
    """
    lines = iter(text.splitlines())
    if _RECAL_BY_READ_GROUP not in lines:
        raise ValueError(f"a table of BaseRecalibrator has a part {_RECAL_BY_READ_GROUP!r}, and this has none")
    columns = next(lines).split()
    rows = (dict(zip(columns, fields, strict=True)) for fields in _fields_until_blank(lines, len(columns)))
    return {row["ReadGroup"]: int(row["Observations"]) for row in rows if row["EventType"] == "M"}


def _fields_until_blank(lines: Iterable[str], count: int) -> Iterator[list[str]]:
    for line in lines:
        if not line.strip():
            return
        # Only the first column, the read group's name, may have blanks within.
        yield [field.strip() for field in line.rsplit(maxsplit=count - 1)]


def _alignment_numbers(text: str) -> Numbers:
    with PicardReader[AlignmentSummaryMetrics](io.StringIO(text)) as reader:
        rows = {row.category: row for row in reader}
    row = rows.get(ReadCategory.PAIR) or rows.get(ReadCategory.UNPAIRED)
    return _numbers(row) if row else {}


def _insert_size_numbers(text: str) -> Numbers:
    with PicardReader[InsertSizeMetrics](io.StringIO(text)) as reader:
        return _numbers(max(reader, key=lambda row: row.read_pairs))


def _duplication_numbers(text: str) -> Numbers:
    with PicardReader[DuplicationMetrics](io.StringIO(text)) as reader:
        rows = [_numbers(row) for row in reader]
    everywhere = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    numbers: Numbers = {name: sum(row[name] for row in rows) for name in everywhere}
    # As Picard does it: a pair counts as two reads (DuplicationMetrics.calculateDerivedFields).
    reads = numbers["unpaired_reads_examined"] + 2 * numbers["read_pairs_examined"]
    duplicates = numbers["unpaired_read_duplicates"] + 2 * numbers["read_pair_duplicates"]
    if reads:
        numbers["frac_duplication"] = duplicates / reads
    return numbers


def _numbers(row: Any) -> Numbers:  # noqa: ANN401 - a row of any of captainslog's tables
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return {name: value for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}
