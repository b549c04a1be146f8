"""bwa-mem3 has no command line of its own: ours gives the records of bwa."""

import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.reference import Aligner, IndexedReference, index_reference
from bioinfo_assets_tests.steps.bench import Bench, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, fastq, record
from bioinfo_assets_tests.steps.chain import LANES, SAMPLE, Chain, lane_files
from bioinfo_assets_tests.steps.mem2_index import index_for_mem2

ADDED = ("MQ:i:", "HN:i:")
"""The tags that bwa-mem3 has and bwa has not: the mapping quality of the mate, and the number of hits."""


@pytest.fixture(scope="module")
def index(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("index") / "genome"
    index_for_mem2(Path(chain.reference.fasta.uri), prefix)
    return prefix


@pytest.fixture(scope="module")
def reference(chain: Chain, index: Path, tmp_path_factory: pytest.TempPathFactory) -> IndexedReference:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    aligner, fasta = Aligner.BWA_MEM3, chain.reference.fasta
    files = {suffix: stored(Path(f"{index}.{suffix}")) for suffix in aligner.index_suffixes}
    layout = OutputLayout(str(tmp_path_factory.mktemp("out")))
    return IndexedReference.of(fasta, aligner, bench.run(index_reference(fasta, None, aligner, layout, files)).files)


def mem(index: Path, *reads: Path, threads: int = 1, bases: int = 100_000_000) -> subprocess.CompletedProcess[bytes]:
    command = ["bwa-mem3", "mem", "-t", str(threads), "-K", str(bases), "-Y", "-C", str(index), *map(str, reads)]
    return subprocess.run(command, capture_output=True, check=False)


def reads_of(chain: Chain) -> list[Path]:
    return [chain.results["trimmed_reads"].path(key) for key in ("reads1", "reads2")]


@pytest.mark.parametrize("engine", Engine)
def test_its_records_are_those_of_bwa(chain: Chain, bench: Bench, reference: IndexedReference, engine: Engine) -> None:
    reads = ReadFiles.of(chain.results["trimmed_reads"].files)
    groups = [lane_files(*lane).read_group for lane in LANES]
    result = bench.run(align(SAMPLE, reads, groups, reference, LAYOUT, engine))
    own = samtools("view", str(result.path("bam")))
    expected = samtools("view", str(chain.results["aligned_bam"].path("bam")))
    assert own != expected
    assert [sorted(field for field in line.split("\t") if not field.startswith(ADDED)) for line in own] == [
        sorted(line.split("\t")) for line in expected
    ]
    header = samtools("view", "-H", "--no-PG", str(result.path("bam")))
    bwa = samtools("view", "-H", "--no-PG", str(chain.results["aligned_bam"].path("bam")))
    assert [line for line in header if not line.startswith("@PG")] == [
        line for line in bwa if not line.startswith("@PG")
    ]
    assert result.report.facts == chain.results["aligned_bam"].report.facts


def test_records_do_not_depend_on_threads(chain: Chain, index: Path, tmp_path: Path) -> None:
    """Each batch, here of a few hundred reads, has its own insert sizes."""
    records = {}
    for threads in (1, 3):
        bam = tmp_path / f"{threads}.bam"
        bam.write_bytes(mem(index, *reads_of(chain), threads=threads, bases=50_000).stdout)
        records[threads] = samtools("view", str(bam))
    assert len(records[1]) > 1000
    assert records[1] == records[3]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (["a"], ["b"], "the reads are not in pairs: {0} has a where {1} has b"),
        (["a", "b"], ["a"], "{1} has fewer reads than {0}"),
        (["a"], ["a", "b"], "{0} has fewer reads than {1}"),
        (["a\tRG:Z"], ["a"], "the comment RG:Z is not made of tags of text, such as RG:Z:1"),
    ],
)
def test_reads_that_are_no_pairs_are_an_error(
    index: Path, tmp_path: Path, first: list[str], second: list[str], message: str
) -> None:
    files = [tmp_path / f"{number}.fastq.gz" for number in (1, 2)]
    for file, names in zip(files, (first, second), strict=True):
        fastq(file, [record(name) for name in names])
    result = mem(index, *files)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[-1] == f"bwa-mem3: {message.format(*files)}"


def test_a_fastq_that_is_cut_off_is_an_error(chain: Chain, index: Path, tmp_path: Path) -> None:
    first, second = reads_of(chain)
    cut = tmp_path / "cut.fastq.gz"
    cut.write_bytes(second.read_bytes()[:-20])
    result = mem(index, first, cut)
    assert result.returncode == 1
    assert f"bwa-mem3: {cut} is not a whole gzip file" in result.stderr.decode()


def test_no_reads_give_a_whole_bam_without_records(index: Path, tmp_path: Path) -> None:
    files = [fastq(tmp_path / f"{number}.fastq.gz", []) for number in (1, 2)]
    bam = tmp_path / "empty.bam"
    bam.write_bytes(mem(index, *(Path(file.uri) for file in files)).stdout)
    subprocess.run(["samtools", "quickcheck", str(bam)], check=True)
    assert samtools("view", str(bam)) == []


def test_alternate_contigs_keep_their_mark(chain: Chain, index: Path, tmp_path: Path) -> None:
    alt = Path(f"{index}.alt")
    alt.write_text("chrM\t0\n")
    try:
        result = mem(index, *reads_of(chain))
    finally:
        alt.unlink()
    bam = tmp_path / "alt.bam"
    bam.write_bytes(result.stdout)
    assert "@SQ\tSN:chrM\tLN:16569\tAH:*" in samtools("view", "-H", str(bam))
    assert "bwa-mem3: read 1 ALT contigs" in result.stderr.decode()


def test_an_index_of_another_reference_fails_its_job(chain: Chain, bench: Bench, index: Path, tmp_path: Path) -> None:
    other = tmp_path / "genome.fa"
    other.write_text(">chrM\nACGTTGCA\n")
    files = {suffix: stored(Path(f"{index}.{suffix}")) for suffix in Aligner.BWA_MEM3.index_suffixes}
    assert bench.failure(index_reference(stored(other), None, Aligner.BWA_MEM3, LAYOUT, files)) == (
        "the index is of another reference: its contig 1 is chrM of 16569 bases, "
        "and that of genome.fa is chrM of 8 bases"
    )
