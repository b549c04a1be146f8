"""Sets of reads that every subcommand is compared on."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.engine.awkward_reads import Generator, Inputs, wrapped, write_inputs

SMALL: Final = {"chr1": "ACGTTGCATGCCATGA" * 40}
SITE: Final = "chr1\t101\t.\tT\tG\t.\t.\t."
GROUP: Final = "@RG\tID:g\tSM:s\tLB:l\tPL:ILLUMINA\tPU:7"


def head(*groups: str) -> str:
    return "\n".join(["@HD\tVN:1.6\tSO:unsorted", f"@SQ\tSN:chr1\tLN:{len(SMALL['chr1'])}", *groups, ""])


def record(name: str, flag: int, start: int, mate: int = 0, size: int = 0, group: str = "g") -> str:
    """A record of 50 bases like the reference; start and mate are 1-based."""
    bases = SMALL["chr1"][start - 1 : start + 49]
    mate_place = f"=\t{mate}" if mate else "*\t0"
    return f"{name}\t{flag}\tchr1\t{start}\t60\t50M\t{mate_place}\t{size}\t{bases}\t{'F' * 50}\tRG:Z:{group}"


def no_reads(folder: Path) -> Inputs:
    return write_inputs(folder, SMALL, head(GROUP), [], [[SITE]])


def one_read(folder: Path) -> Inputs:
    return write_inputs(folder, SMALL, head(GROUP), [record("r", 0, 60)], [[SITE]])


def all_duplicates(folder: Path) -> Inputs:
    """No base is observed, so the table has no read group."""
    pairs = [
        record(f"r{i}", flag, *ends)
        for i in range(9)
        for flag, ends in ((1123, (60, 160, 150)), (1171, (160, 60, -150)))
    ]
    return write_inputs(folder, SMALL, head(GROUP), pairs, [[SITE]])


def numbers_for_names(folder: Path) -> Inputs:
    """Units that are numbers to Java, which aligns them to the right; one of two read groups has no reads."""
    units = ("1", "22", "0x1F", "1e5", "10L", ".5")
    groups = [GROUP.replace("ID:g", f"ID:g{i}").replace("PU:7", f"PU:{unit}") for i, unit in enumerate(units)]
    reads = [record(f"r{i}", 0, 20 + 10 * i, group=f"g{i}") for i in range(len(units) - 1)]
    return write_inputs(folder, SMALL, head(*groups), reads, [[SITE]])


def second_reads_only(folder: Path) -> Inputs:
    """The first reads of the pairs are missing, and no site is known."""
    reads = [record(f"r{i}", 147, 300 - i, 100, -250 + i) for i in range(20)]
    return write_inputs(folder, SMALL, head(GROUP), reads, [[]])


def real_reads(folder: Path) -> Inputs:
    """NA12878's mitochondrial reads, aligned by bwa, with duplicates marked by samtools."""
    data = na12878()
    references = {"chrM": "".join(data.reference.read_text().split("\n")[1:])}
    groups, records = [], []
    folder.mkdir(parents=True)
    fasta = folder / "aligned.fa"
    fasta.write_text(f">chrM\n{wrapped(references['chrM'])}")
    subprocess.run(["bwa", "index", fasta], check=True, capture_output=True)
    for first in sorted(data.fastqs.glob("*_1.fastq.gz")):
        lane = first.name.removesuffix("_1.fastq.gz")
        group = f"@RG\\tID:{lane}\\tSM:NA12878\\tLB:l\\tPL:ILLUMINA\\tPU:{lane.split('_', 1)[1]}"
        command: list[str | Path] = [
            "bwa",
            "mem",
            "-Y",
            "-R",
            group,
            fasta,
            first,
            str(first).replace("_1.fastq", "_2.fastq"),
        ]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        groups += [line for line in lines if line.startswith("@RG")]
        records += [line for line in lines if not line.startswith("@")]
    header = "\n".join(["@HD\tVN:1.6\tSO:unsorted", f"@SQ\tSN:chrM\tLN:{len(references['chrM'])}", *groups, ""])
    lines = (data.folder / "ref" / "mt.vcf").read_text().splitlines()
    sites = ["\t".join(line.split("\t")[:8]) for line in lines if not line.startswith("#")]
    return marked(write_inputs(folder, references, header, records, [sites]))


def marked(inputs: Inputs) -> Inputs:
    """The same reads with duplicates marked."""
    by_name, fixed, found = (inputs.folder / f"{name}.bam" for name in ("by_name", "fixed", "found"))
    commands: list[list[str | Path]] = [
        ["sort", "-n", "-o", by_name, inputs.bam],
        ["fixmate", "-m", by_name, fixed],
        ["sort", "-o", by_name, fixed],
        ["markdup", by_name, found],
        ["view", "-b", "--no-PG", "-o", inputs.bam, found],
        ["index", inputs.bam],
    ]
    for command in commands:
        subprocess.run(["samtools", *command], check=True, capture_output=True)
    return inputs


SETS: Final[dict[str, Callable[[Path], Inputs]]] = {
    "awkward reads": lambda folder: Generator(1).write(folder, 2000),
    "more awkward reads": lambda folder: Generator(2).write(folder, 2000),
    "real reads": real_reads,
    "no reads": no_reads,
    "one read": one_read,
    "all duplicates": all_duplicates,
    "numbers for names": numbers_for_names,
    "second reads only": second_reads_only,
}
