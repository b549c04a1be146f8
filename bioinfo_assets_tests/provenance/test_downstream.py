"""Downstream of a file are the current results that depend on that version of it, and no others."""

from pathlib import Path

import pytest

from bioinfo_assets.provenance.catalog import downstream_tree, find_downstream, open_catalog
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import digest, output_uri, record_result_without_files

READS = "/data/expt_1.fastq.gz"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path / "out"))


def align(ledger: Ledger, reads: str, alignments: str) -> None:
    previous = ledger.read(ResultKey("aligned_bam", "expt"))
    if previous is not None:
        ledger.withdraw(previous)
    outputs = {"expt.bam": alignments, "expt.bam.bai": None}
    record_result_without_files(ledger, "aligned_bam", "expt", {READS: reads}, outputs)


def measure(ledger: Ledger, alignments: str) -> None:
    bam = output_uri(ledger, "expt", "expt.bam")
    record_result_without_files(ledger, "depth", "expt", {bam: alignments, f"{bam}.bai": None}, {"depth.txt": "depth"})


def assets_downstream(ledger: Ledger, uri: str, text: str) -> list[str]:
    with open_catalog(ledger, None) as catalog:
        return sorted(result.asset for result in find_downstream(catalog, uri, digest(text)).results.values())


def test_results_depend_on_a_file_directly_or_not(ledger: Ledger) -> None:
    align(ledger, "reads", "alignments")
    measure(ledger, "alignments")
    assert assets_downstream(ledger, READS, "reads") == ["aligned_bam", "depth"]
    assert assets_downstream(ledger, output_uri(ledger, "expt", "expt.bam"), "alignments") == ["depth"]
    assert assets_downstream(ledger, output_uri(ledger, "expt", "depth.txt"), "depth") == []


def test_results_of_another_version_are_left_out(ledger: Ledger) -> None:
    align(ledger, "reads", "alignments")
    measure(ledger, "alignments")
    align(ledger, "other reads", "other alignments")
    assert assets_downstream(ledger, READS, "other reads") == ["aligned_bam"]  # the depth is that of the previous BAM
    assert assets_downstream(ledger, READS, "reads") == []  # the results of the previous reads were replaced
    measure(ledger, "other alignments")
    assert assets_downstream(ledger, READS, "other reads") == ["aligned_bam", "depth"]


def test_a_tree_shows_every_result_once_and_many_of_one_asset_together(ledger: Ledger) -> None:
    for sample in ("a", "b", "c"):
        record_result_without_files(
            ledger, "aligned_bam", sample, {"/data/genome.fa": "genome"}, {f"{sample}.bam": sample}
        )
        record_result_without_files(
            ledger, "depth", sample, {output_uri(ledger, sample, f"{sample}.bam"): sample}, {"depth.txt": sample}
        )
    report = {output_uri(ledger, sample, "depth.txt"): sample for sample in ("a", "b", "c")}
    record_result_without_files(ledger, "multiqc_report", "multiqc", report, {"report.html": "report"})
    with open_catalog(ledger, None) as catalog:
        downstream = find_downstream(catalog, "/data/genome.fa", digest("genome"))
    (together,) = downstream_tree(downstream, max_siblings=2)
    assert [result.scope for result in together.results] == ["a", "b", "c"]
    (depths,) = together.branches
    assert {(result.asset, result.scope) for result in depths.results} == {
        ("depth", "a"),
        ("depth", "b"),
        ("depth", "c"),
    }
    (branch,) = depths.branches
    assert (branch.results[0].asset, branch.is_repeated) == ("multiqc_report", False)
    apart = downstream_tree(downstream, max_siblings=3)
    assert [branch.results[0].scope for branch in apart] == ["a", "b", "c"]
    assert [branch.branches[0].branches[0].is_repeated for branch in apart] == [False, True, True]
