"""Duplicates and tags of a query-grouped file by Picard and by the engine."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.engine.awkward_templates import AwkwardReads, fasta, header, reference_bases, write_one_place
from bioinfo_assets_tests.engine.java import Java
from bioinfo_assets_tests.steps.bench import samtools

UMI_NAMES: Final = "[^:]+:[^:]+:[^:]+:[0-9]+:([0-9]+):(-?[0-9]+):(-?[0-9]+)(?:[:_][A-Za-z0-9+_-]+)?"
"""READ_NAME_REGEX of mark_duplicates.sh."""

SILENT: Final = ("--VALIDATION_STRINGENCY", "SILENT", "--COMPRESSION_LEVEL", "1")


@dataclass(frozen=True, slots=True)
class Marked:
    """The sorted BAM with duplicates flagged, and Picard's metrics file."""

    bam: Path
    metrics: Path

    def records(self) -> Iterator[tuple[list[str], list[str]]]:
        """Fields, and tags in one order, but for the PG that Picard gives each record."""
        for line in samtools("view", str(self.bam)):
            fields = line.split("\t")
            yield fields[:11], sorted(tag for tag in fields[11:] if not tag.startswith("PG:Z:"))

    def table(self) -> list[str]:
        """The lines of the metrics but those that name the program and the time."""
        return [line for line in self.metrics.read_text().split("\n") if not line.startswith(("# ", "## htsjdk"))]


@dataclass(frozen=True, slots=True)
class Templates:
    """A folder with `in.sam`, whose records of a template follow each other, and `genome.fa`."""

    folder: Path
    umis: bool = False

    @property
    def sam(self) -> Path:
        return self.folder / "in.sam"

    @property
    def reference(self) -> Path:
        return self.folder / "genome.fa"

    def by_picard(self, java: Java) -> Marked:
        """As mark_duplicates.sh runs it."""
        marked = Marked(self.folder / "picard.bam", self.folder / "picard.txt")
        flagged, in_order, upper = (self.folder / name for name in ("flagged.bam", "sorted.bam", "upper.fa"))
        lines = self.reference.read_text().splitlines()
        upper.write_text("".join(f"{line if line[0] == '>' else line.upper()}\n" for line in lines))
        subprocess.run(["samtools", "dict", "-o", upper.with_suffix(".dict"), upper], check=True)
        grouped = ["--ASSUME_SORT_ORDER", "queryname", "--OPTICAL_DUPLICATE_PIXEL_DISTANCE", "2500"]
        names = ["--READ_NAME_REGEX", UMI_NAMES] if self.umis else []
        files = ("--INPUT", self.sam, "--OUTPUT", flagged, "--METRICS_FILE", marked.metrics)
        java.run("MarkDuplicates", *files, *grouped, *names, *SILENT)
        subprocess.run(["samtools", "sort", "--no-PG", "-o", in_order, flagged], check=True, capture_output=True)
        tagged = ("--INPUT", in_order, "--OUTPUT", marked.bam, "--REFERENCE_SEQUENCE", upper)
        java.run("SetNmMdAndUqTags", *tagged, *SILENT)
        return marked

    def by_engine(self, program: Path, output: Path, *options: str) -> Marked:
        """The pipe of mark, samtools sort and finish, which all have to succeed."""
        marked = Marked(output / "made.bam", output / "made.txt")
        duplicates = output / "duplicates"
        mark: list[str | Path] = [program, "mark", "-i", self.sam, "-s", duplicates, "-m", marked.metrics]
        sort: list[str | Path] = ["samtools", "sort", "-u", "--no-PG", "-T", output / "sort", "-"]
        finish: list[str | Path] = [program, "finish", "-i", "-", "-s", duplicates, "-r", self.reference]
        pipe([[*mark, *options], sort, [*finish, "-o", marked.bam]])
        return marked


@dataclass(frozen=True)
class MarkedTemplates:
    """A named set of templates, and Picard's results on it, made once when they are asked for."""

    name: str
    folder: Path
    java: Java

    @cached_property
    def templates(self) -> Templates:
        return write_templates(self.name, self.folder)

    @cached_property
    def by_picard(self) -> Marked:
        return self.templates.by_picard(self.java)


def pipe(stages: list[list[str | Path]]) -> None:
    """Run a pipe whose stages must all succeed."""
    started: list[subprocess.Popen[bytes]] = []
    for stage in stages:
        source = started[-1].stdout if started else None
        started.append(subprocess.Popen(stage, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        if source:
            source.close()
    printed = [process.communicate()[1] for process in reversed(started)]
    assert [process.returncode for process in started] == [0] * len(started), printed


def write_sam(folder: Path, records: list[str], groups: list[str] | None = None) -> None:
    """Records of a test of its own, with the reference of the awkward ones."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = header() if groups is None else [line for line in header() if not line.startswith("@RG")] + groups
    (folder / "in.sam").write_text("\n".join([*lines, *records, ""]))
    bases = reference_bases(random.Random(1), 20000)  # noqa: S311 - bases to test with
    (folder / "genome.fa").write_text(fasta("c1", bases) + fasta("c2", bases[:5000]))


def write_real(folder: Path) -> None:
    """NA12878's mitochondrial reads of all lanes, as bwa writes them."""
    data = na12878()
    folder.mkdir(parents=True)
    (folder / "genome.fa").write_text(data.reference.read_text())
    subprocess.run(["bwa", "index", folder / "genome.fa"], check=True, capture_output=True)
    head, body = [], []
    for first in sorted(data.fastqs.glob("*_1.fastq.gz")):
        lane = first.name.removesuffix("_1.fastq.gz").split("_", 1)[1]
        group = f"@RG\\tID:{lane}\\tSM:NA12878\\tLB:NA12878\\tPL:ILLUMINA\\tPU:{lane}"
        second = str(first).replace("_1.fastq", "_2.fastq")
        command: list[str | Path] = ["bwa", "mem", "-Y", "-R", group, folder / "genome.fa", first, second]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        head += [line for line in lines if line[:3] in {"@SQ", "@RG"} and line not in head]
        body += [line for line in lines if line[0] != "@"]
    (folder / "in.sam").write_text("\n".join([*head, *body, ""]))


def write_templates(name: str, folder: Path) -> Templates:
    """One of the named sets of templates, with the reference indexed."""
    if name == "real reads":
        write_real(folder)
    elif name == "one place":
        write_one_place(folder, seed=1, pairs=2000, tiles=4)
    elif name == "no reads":
        write_sam(folder, [])
    elif name == "one read":
        write_sam(folder, [f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{'ACGTA' * 10}\t{'I' * 50}\tRG:Z:a"])
    else:
        awkward = {
            "awkward": AwkwardReads(1, 2500),
            "mostly duplicates": AwkwardReads(2, 2000, (0, 0, 1, 1, 2, 4, 8)),
            "umis": AwkwardReads(3, 1200, (0, 1, 2, 8), umis=True),
        }
        awkward[name].write(folder)
    subprocess.run(["samtools", "faidx", folder / "genome.fa"], check=True)
    return Templates(folder, umis=name == "umis")


NAMES: Final = ("awkward", "mostly duplicates", "umis", "one place", "real reads", "no reads", "one read")
