import gzip
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.genomics.metrics import depth_distribution, mosdepth_numbers
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets_tests.steps.bench import Bench, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, QUANTIZED_QUALS
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain


@pytest.fixture(scope="module")
def unpaired(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> IndexedBam:
    """A sorted BAM of unmapped reads."""
    path = tmp_path_factory.mktemp("unpaired") / "expt.recalib.bam"
    header = "\n".join(line for line in samtools("view", "-H", chain.recalibrated.bam.uri) if line[:3] != "@PG")
    reads = "".join(
        f"r{n}\t{flag}\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\tRG:Z:HJYFJ.4\n" for n in range(9) for flag in (77, 141)
    )
    subprocess.run(["samtools", "view", "-b", "-o", path], input=f"{header}\n{reads}".encode(), check=True)
    subprocess.run(["samtools", "index", path], check=True)
    return IndexedBam(stored(path), stored(path.with_suffix(".bam.bai")))


class TestInsertSizes:
    def test_a_sample_with_pairs_has_metrics_and_a_histogram(self, chain: Chain) -> None:
        result = chain.results["insert_size_metrics"]
        assert result.path("status").read_text() == "ok\n"
        assert result.report.facts == {"has_insert_metrics": "yes"}
        assert "MEDIAN_INSERT_SIZE" in result.path("metrics").read_text()
        assert result.path("histogram").read_bytes().startswith(b"%PDF")

    def test_a_sample_without_pairs_has_empty_files_and_the_status_fail(
        self, bench: Bench, unpaired: IndexedBam, tmp_path: Path
    ) -> None:
        result = bench.run(insert_size_metrics("expt", unpaired, OutputLayout(str(tmp_path / "out")), Engine.GATK))
        assert result.path("status").read_text() == "fail\n"
        assert result.path("metrics").read_bytes() == result.path("histogram").read_bytes() == b""
        assert result.report.facts == {"has_insert_metrics": "no"}
        assert result.report.warnings[0].startswith("expt has no proper pairs")

    def test_a_broken_r_is_a_failure(self, bench: Bench, chain: Chain, tmp_path: Path) -> None:
        (tmp_path / "Rscript").write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "Rscript").chmod(0o755)
        broken = replace(bench, tool_path=(tmp_path, *bench.tool_path))
        assert broken.failure(insert_size_metrics(SAMPLE, chain.recalibrated, LAYOUT, Engine.GATK)) == (
            "R does not run, so NA12878 has no insert-size histogram: install r-base-core"
        )


class TestDepth:
    def test_every_position_of_a_contig_with_reads_has_its_depth(self, chain: Chain) -> None:
        result = chain.results["depth"]
        rows = gzip.decompress(result.path("depth").read_bytes()).decode().splitlines()
        assert [row.split("\t")[1] for row in rows] == [str(position) for position in range(1, 16570)]

    def test_the_table_can_be_queried_by_region(self, chain: Chain) -> None:
        rows = subprocess.run(
            ["tabix", chain.results["depth"].path("depth"), "chrM:1000-1002"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        bam = chain.recalibrated.bam.uri
        assert rows.splitlines() == samtools("depth", "-a", "-r", "chrM:1000-1002", bam)

    def test_plain_text_by_setting(self, bench: Bench, chain: Chain, tmp_path: Path) -> None:
        result = bench.run(
            depth(SAMPLE, chain.recalibrated, OutputLayout(str(tmp_path / "out")), genome=17_000, plain_text=True)
        )
        assert set(result.files) == {"depth", "summary", "distribution"}
        assert result.files["depth"].uri == str(tmp_path / "out/NA12878/NA12878.depth.txt")
        assert result.path("depth").read_bytes() == gzip.decompress(chain.results["depth"].path("depth").read_bytes())

    def test_the_mean_depth_is_that_of_the_summary(self, chain: Chain) -> None:
        result = chain.results["depth"]
        total = result.path("summary").read_text().splitlines()[-1].split("\t")
        assert (total[0], total[1]) == ("total", "16569")
        assert result.report.facts == {"genome_length": "16569", "mean_depth": f"{int(total[2]) / 16569:.4f}"}
        assert float(total[3]) == pytest.approx(int(total[2]) / 16569, abs=0.01)

    def test_the_mean_depth_includes_contigs_without_reads(self, bench: Bench, tmp_path: Path) -> None:
        """Ten bases of chr1's 100 are covered once, none of chr2's 300: mosdepth's own mean is 0.10."""
        result = bench.run(depth("expt", one_read(tmp_path), OutputLayout(str(tmp_path / "out")), genome=17_000))
        assert "chr2" not in result.path("summary").read_text()
        assert result.report.facts == {"genome_length": "400", "mean_depth": "0.0250"}
        texts = result.path("distribution").read_text(), result.path("summary").read_text()
        assert mosdepth_numbers(texts[1], 400) == {
            "genome_length": 400,
            "mean_depth": 0.025,
            "min_depth": 0,
            "max_depth": 1,
        }
        assert dict(depth_distribution(*texts, 400)) == pytest.approx({0: 1.0, 1: 0.025})

    def test_covered_fractions_are_not_rounded_to_hundredths(self, bench: Bench, tmp_path: Path) -> None:
        """Of 2,345 bases ten are covered."""
        result = bench.run(depth("expt", one_read(tmp_path, 2345), OutputLayout(str(tmp_path / "out")), genome=17_000))
        texts = result.path("distribution").read_text(), result.path("summary").read_text()
        assert dict(depth_distribution(*texts, 2345)) == pytest.approx({0: 1.0, 1: 10 / 2345}, abs=1e-6)


def one_read(folder: Path, length: int = 100) -> IndexedBam:
    path = folder / "expt.recalib.bam"
    contigs = f"@SQ\tSN:chr1\tLN:{length}\n@SQ\tM5:x\tLN:300\tSN:chr2\n"
    sam = f"@HD\tVN:1.6\tSO:coordinate\n{contigs}r\t0\tchr1\t5\t60\t10M\t*\t0\t0\t{'A' * 10}\t*\n"
    subprocess.run(["samtools", "view", "-b", "-o", path], input=sam.encode(), check=True)
    subprocess.run(["samtools", "index", path], check=True)
    return IndexedBam(stored(path), stored(path.with_suffix(".bam.bai")))


def test_alignment_metrics_count_all_reads(chain: Chain) -> None:
    lines = chain.results["alignment_metrics"].path("metrics").read_text().splitlines()
    row = next(line.split("\t") for line in lines if line.startswith("PAIR\t"))
    assert row[1] == chain.results["aligned_bam"].report.facts["primary"]


def test_a_sample_without_mapped_reads_passes_every_step(
    bench: Bench, chain: Chain, unpaired: IndexedBam, tmp_path: Path
) -> None:
    out = OutputLayout(str(tmp_path / "out"))
    recalibrated, counted, covered = bench.run_all(
        [
            recalibrate(
                "expt", unpaired, chain.reference, Recalibration(chain.sites, QUANTIZED_QUALS, Engine.GATK), out
            ),
            alignment_metrics("expt", unpaired, chain.reference, out, Engine.GATK),
            depth("expt", unpaired, out, genome=17_000),
        ]
    )
    assert recalibrated.report.facts["observed_bases"] == "0"
    assert (
        "these read groups have no observed bases, and their qualities are only rounded: "
        in recalibrated.report.warnings[0]
    )
    assert "PAIR\t18\t" in counted.path("metrics").read_text()
    assert covered.report.facts == {"genome_length": "16569", "mean_depth": "0.0000"}
    summary = covered.path("summary").read_text()
    assert set(mosdepth_numbers(summary, 16569).values()) == {16569, 0}
    assert depth_distribution(covered.path("distribution").read_text(), summary, 16569) == ((0, 1.0),)
