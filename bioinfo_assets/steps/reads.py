"""The reads of a sample: its lanes merged into one pair of FASTQs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import sample_output
from bioinfo_assets.steps.script import read_script, render

VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class LaneFiles:
    """The FASTQs of a lane, and its read group."""

    read_group: ReadGroup
    reads1: StoredFile
    reads2: StoredFile


def merge_reads(sample: str, lanes: Sequence[LaneFiles], layout: OutputLayout, engine: Engine) -> Job:
    """Merge a sample's lanes into one pair of bgzipped FASTQs, in the order of their read group IDs.

    Comments of reads are replaced by their read group, as `RG:Z:ID`, and `/1` and `/2` are removed from the names. The
    script fails with a message if a file is truncated, if the two files of a lane differ in read names or in the
    number of reads, or if a lane is empty. It warns of files whose read names have several lanes. Facts: `pairs`, and
    `pairs.ID` of each lane. The reads are paired by awk, or by the native engine.

    Raises:
        InputError: There is no lane, two have the same read group, or two files are the same.
    """
    groups = sort_read_groups(sample, (lane.read_group for lane in lanes))
    lanes = sorted(lanes, key=lambda lane: lane.read_group.id)
    _check_contents(sample, lanes)
    is_native = engine is Engine.NATIVE
    scripts = ("engine", "merge_lane_native") if is_native else ("merge_lane",)
    comments: Mapping[str, Sequence[str]] = {} if is_native else {"comments": [group.comment() for group in groups]}
    pair_reads = {} if is_native else {"pair_reads": read_script("pair_reads.awk")}
    files1, files2 = [lane.reads1 for lane in lanes], [lane.reads2 for lane in lanes]
    locals1, locals2 = (
        [f"{sample}.lane{number}.{read}.fastq.gz" for number in range(1, len(lanes) + 1)] for read in (1, 2)
    )
    return Job(
        key=ResultKey("merged_reads", sample),
        version=VERSION,
        script=render(
            "merge_reads",
            *scripts,
            merged1=f"{sample}.1.fastq.gz",
            merged2=f"{sample}.2.fastq.gz",
            groups=[group.id for group in groups],
            **comments,
            reads1=locals1,
            reads2=locals2,
            names1=[file_name(file.uri) for file in files1],
            names2=[file_name(file.uri) for file in files2],
            **pair_reads,
        ),
        inputs=tuple(Input(local, file) for local, file in zip(locals1 + locals2, files1 + files2, strict=True)),
        outputs=(
            sample_output(layout, "reads1", sample, "1.fastq.gz", canonical.BGZIPPED, size_share=0.5),
            sample_output(layout, "reads2", sample, "2.fastq.gz", canonical.BGZIPPED, size_share=0.5),
        ),
        tools=("bioinfo-assets-engine", "bgzip") if is_native else ("bgzip",),
        parameters={"engine": engine.value, "read_groups": tuple(group.header_line() for group in groups)},
        resources=resources.for_merging(sum(file.size for file in files1 + files2)),
    )


def sort_read_groups(sample: str, read_groups: Iterable[ReadGroup]) -> list[ReadGroup]:
    """Sort a sample's read groups by ID, which is their order in all its files.

    Raises:
        InputError: There is no read group, two have the same ID, or an ID has a blank, at which samtools would end it.
    """
    ordered = sorted(read_groups, key=lambda group: group.id)
    if not ordered:
        raise InputError(f"sample {sample} has no lanes: give it at least one pair of FASTQs")
    for group, following in pairwise(ordered):
        if group.id == following.id:
            raise InputError(f"sample {sample} has two lanes with the read group {group.id}: give each lane once")
    blank = next((group.id for group in ordered if " " in group.id), None)
    if blank:
        raise InputError(f"sample {sample} has the read group {blank!r}: give it an ID without blanks")
    return ordered


def _check_contents(sample: str, lanes: Sequence[LaneFiles]) -> None:
    files: dict[str, StoredFile] = {}
    for file in (file for lane in lanes for file in (lane.reads1, lane.reads2)):
        other = files.setdefault(file.content or file.uri, file)
        if other is not file:
            raise InputError(f"sample {sample} has the same reads in {other.uri} and {file.uri}: leave one out")
