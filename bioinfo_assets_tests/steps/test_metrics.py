import gzip
import subprocess
from dataclasses import replace

import pytest

from bioinfo_assets.genomics.metrics import depth_distribution, mosdepth_numbers
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets_tests.steps.bench import samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT
from bioinfo_assets_tests.steps.chain import SAMPLE


@pytest.fixture(scope="module")
def unpaired(chain, tmp_path_factory) -> IndexedBam:
    """A sorted BAM of reads that are mapped nowhere."""
    path = tmp_path_factory.mktemp("unpaired") / "expt.recalib.bam"
    header = "\n".join(line for line in samtools("view", "-H", chain.recalibrated.bam.uri) if line[:3] != "@PG")
    reads = "".join(
        f"r{n}\t{flag}\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\tRG:Z:HJYFJ.4\n" for n in range(9) for flag in (77, 141)
    )
    subprocess.run(["samtools", "view", "-b", "-o", path], input=f"{header}\n{reads}".encode(), check=True)
    subprocess.run(["samtools", "index", path], check=True)
    return IndexedBam(stored(path), stored(path.with_suffix(".bam.bai")))


class TestInsertSizes:
    def test_a_sample_with_pairs_has_metrics_and_a_picture(self, chain):
        made = chain.made["insert_size_metrics"]
        assert made.path("status").read_text() == "ok\n"
        assert made.report.facts == {"has_insert_metrics": "yes"}
        assert "MEDIAN_INSERT_SIZE" in made.path("metrics").read_text()
        assert made.path("histogram").read_bytes().startswith(b"%PDF")

    def test_a_sample_without_pairs_has_empty_files_and_the_status_fail(self, bench, unpaired, tmp_path):
        made = bench.run(insert_size_metrics("expt", unpaired, Layout(str(tmp_path / "out"))))
        assert made.path("status").read_text() == "fail\n"
        assert made.path("metrics").read_bytes() == made.path("histogram").read_bytes() == b""
        assert made.report.facts == {"has_insert_metrics": "no"}
        assert made.report.warnings[0].startswith("expt has no proper pairs")

    def test_an_r_that_does_not_run_is_a_failure_and_no_sample_without_pairs(self, bench, chain, tmp_path):
        (tmp_path / "Rscript").write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "Rscript").chmod(0o755)
        broken = replace(bench, tool_path=(tmp_path, *bench.tool_path))
        assert broken.failure(insert_size_metrics(SAMPLE, chain.recalibrated, LAYOUT)) == (
            "R does not run, so NA12878 has no insert-size histogram: install r-base-core"
        )


class TestDepth:
    def test_every_position_of_a_contig_with_reads_has_its_depth(self, chain):
        made = chain.made["depth"]
        rows = gzip.decompress(made.path("depth").read_bytes()).decode().splitlines()
        assert [row.split("\t")[1] for row in rows] == [str(position) for position in range(1, 16570)]

    def test_the_table_can_be_asked_for_a_region(self, chain):
        asked = subprocess.run(
            ["tabix", chain.made["depth"].path("depth"), "chrM:1000-1002"], capture_output=True, check=True, text=True
        ).stdout
        bam = chain.recalibrated.bam.uri
        assert asked.splitlines() == samtools("depth", "-a", "-r", "chrM:1000-1002", bam)

    def test_plain_text_by_setting(self, bench, chain, tmp_path):
        made = bench.run(depth(SAMPLE, chain.recalibrated, Layout(str(tmp_path / "out")), plain_text=True))
        assert set(made.files) == {"depth", "summary", "distribution"}
        assert made.files["depth"].uri == str(tmp_path / "out/NA12878/NA12878.depth.txt")
        assert made.path("depth").read_bytes() == gzip.decompress(chain.made["depth"].path("depth").read_bytes())

    def test_the_summary_tells_the_mean(self, chain):
        made = chain.made["depth"]
        total = made.path("summary").read_text().splitlines()[-1].split("\t")
        assert (total[0], total[1]) == ("total", "16569")
        assert made.report.facts == {"genome_length": "16569", "mean_depth": f"{int(total[2]) / 16569:.4f}"}
        assert float(total[3]) == pytest.approx(int(total[2]) / 16569, abs=0.01)

    def test_the_mean_is_over_contigs_without_reads_too(self, bench, tmp_path):
        """Ten bases of chr1's 100 are covered once, none of chr2's 300: mosdepth's own mean is 0.10."""
        made = bench.run(depth("expt", one_read(tmp_path), Layout(str(tmp_path / "out"))))
        assert "chr2" not in made.path("summary").read_text()
        assert made.report.facts == {"genome_length": "400", "mean_depth": "0.0250"}
        texts = made.path("distribution").read_text(), made.path("summary").read_text()
        assert mosdepth_numbers(texts[1], 400) == {
            "genome_length": 400,
            "mean_depth": 0.025,
            "min_depth": 0,
            "max_depth": 1,
        }
        assert depth_distribution(*texts, 400) == ((0, 1.0), (1, pytest.approx(0.025)))


def one_read(folder) -> IndexedBam:
    path = folder / "expt.recalib.bam"
    contigs = "@SQ\tSN:chr1\tLN:100\n@SQ\tM5:x\tLN:300\tSN:chr2\n"
    sam = f"@HD\tVN:1.6\tSO:coordinate\n{contigs}r\t0\tchr1\t5\t60\t10M\t*\t0\t0\t{'A' * 10}\t*\n"
    subprocess.run(["samtools", "view", "-b", "-o", path], input=sam.encode(), check=True)
    subprocess.run(["samtools", "index", path], check=True)
    return IndexedBam(stored(path), stored(path.with_suffix(".bam.bai")))


def test_alignment_metrics_count_all_reads(chain):
    lines = chain.made["alignment_metrics"].path("metrics").read_text().splitlines()
    row = next(line.split("\t") for line in lines if line.startswith("PAIR\t"))
    assert row[1] == chain.made["aligned_bam"].report.facts["primary"]


def test_a_sample_of_which_nothing_is_mapped_goes_through_every_step(bench, chain, unpaired, tmp_path):
    out = Layout(str(tmp_path / "out"))
    recalibrated, counted, covered = bench.run_all(
        [
            recalibrate("expt", unpaired, chain.reference, Recalibration(chain.sites), out),
            alignment_metrics("expt", unpaired, chain.reference, out),
            depth("expt", unpaired, out),
        ]
    )
    assert recalibrated.report.facts["observed_bases"] == "0"
    assert "these read groups have no base to recalibrate by" in recalibrated.report.warnings[0]
    assert "PAIR\t18\t" in counted.path("metrics").read_text()
    assert covered.report.facts == {"genome_length": "16569", "mean_depth": "0.0000"}
    summary = covered.path("summary").read_text()
    assert set(mosdepth_numbers(summary, 16569).values()) == {16569, 0}
    assert depth_distribution(covered.path("distribution").read_text(), summary, 16569) == ((0, 1.0),)
