"""What was made from a file: present results that depend on that version of it, and no others."""

from pathlib import Path

import pytest

from bioinfo_assets.provenance.catalog import open_catalog
from bioinfo_assets.provenance.downstream import branches, downstream
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.histories import digest, keep_result, place

READS = "/data/expt_1.fastq.gz"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path / "out"))


def align(ledger: Ledger, reads: str, alignments: str) -> None:
    before = ledger.read(ResultKey("aligned_bam", "expt"))
    if before is not None:
        ledger.withdraw(before)
    keep_result(ledger, "aligned_bam", "expt", {READS: reads}, {"expt.bam": alignments, "expt.bam.bai": None})


def measure(ledger: Ledger, alignments: str) -> None:
    bam = place(ledger, "expt", "expt.bam")
    keep_result(ledger, "depth", "expt", {bam: alignments, f"{bam}.bai": None}, {"depth.txt": "depth"})


def made_from(ledger: Ledger, uri: str, text: str) -> list[str]:
    with open_catalog(ledger, None) as catalog:
        return sorted(one.asset for one in downstream(catalog, uri, digest(text)).results.values())


def test_all_that_was_made_from_it_directly_or_not(ledger: Ledger):
    align(ledger, "reads", "alignments")
    measure(ledger, "alignments")
    assert made_from(ledger, READS, "reads") == ["aligned_bam", "depth"]
    assert made_from(ledger, place(ledger, "expt", "expt.bam"), "alignments") == ["depth"]
    assert made_from(ledger, place(ledger, "expt", "depth.txt"), "depth") == []


def test_what_was_made_from_another_version_is_left_out(ledger: Ledger):
    align(ledger, "reads", "alignments")
    measure(ledger, "alignments")
    align(ledger, "other reads", "other alignments")
    assert made_from(ledger, READS, "other reads") == ["aligned_bam"]  # the depth is of the BAM before, index or not
    assert made_from(ledger, READS, "reads") == []  # what was made from them is there no more
    measure(ledger, "other alignments")
    assert made_from(ledger, READS, "other reads") == ["aligned_bam", "depth"]


def test_in_a_tree_every_result_is_told_once_and_many_alike_together(ledger: Ledger):
    for sample in ("a", "b", "c"):
        keep_result(ledger, "aligned_bam", sample, {"/data/genome.fa": "genome"}, {f"{sample}.bam": sample})
        keep_result(ledger, "depth", sample, {place(ledger, sample, f"{sample}.bam"): sample}, {"depth.txt": sample})
    report = {place(ledger, sample, "depth.txt"): sample for sample in ("a", "b", "c")}
    keep_result(ledger, "multiqc_report", "multiqc", report, {"report.html": "report"})
    with open_catalog(ledger, None) as catalog:
        found = downstream(catalog, "/data/genome.fa", digest("genome"))
    (together,) = branches(found, most_alike=2)
    assert [one.scope for one in together.results] == ["a", "b", "c"]
    (depths,) = together.branches
    assert {(one.asset, one.scope) for one in depths.results} == {("depth", "a"), ("depth", "b"), ("depth", "c")}
    (one_report,) = depths.branches
    assert (one_report.results[0].asset, one_report.again) == ("multiqc_report", False)
    apart = branches(found, most_alike=3)
    assert [branch.results[0].scope for branch in apart] == ["a", "b", "c"]
    assert [branch.branches[0].branches[0].again for branch in apart] == [False, True, True]
