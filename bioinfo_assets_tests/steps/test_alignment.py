import subprocess
from collections import Counter
from hashlib import md5
from pathlib import Path

from bioinfo_assets.genomics.fastq import check_pair, read_head
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.reference import Aligner, IndexedReference, index_reference
from bioinfo_assets_tests.steps.bench import Bench, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, fastq, read_group, reads, record, reference, text_of
from bioinfo_assets_tests.steps.chain import LANES, SAMPLE, Chain, lane_files

READ1 = "GATCACAGGTCTATCACCCTATTAACCACTCACGGGAGCTCTCCATGCATTTGG"
READ2 = "CACCCTATTAACCACTCACGGGAGCTCTCCATGCATTTGGTATTTTCGTCTGGG"


def grouped(*names: str, sequence: str = READ1, group: str = "FC1.4") -> list[str]:
    return [record(f"{name}\tRG:Z:{group}", sequence) for name in names]


def pairs(folder: Path, first: list[str], second: list[str]) -> ReadFiles:
    return ReadFiles(
        fastq(folder / "expt.cutadapt.1.fastq.gz", first), fastq(folder / "expt.cutadapt.2.fastq.gz", second)
    )


class TestAlignedBam:
    def test_every_lane_is_a_read_group_and_every_read_has_its_own(self, chain: Chain) -> None:
        bam = str(chain.results["aligned_bam"].path("bam"))
        ids = {f"{flowcell}.{number}" for flowcell, number in LANES}
        header = [line for line in samtools("view", "-H", bam) if line.startswith("@RG")]
        assert header == [f"@RG\tID:{i}\tSM:{SAMPLE}\tLB:{SAMPLE}\tPL:ILLUMINA\tPU:{i}" for i in sorted(ids)]
        tagged = Counter(line.rpartition("RG:Z:")[2].split("\t")[0] for line in samtools("view", "-F", "0x900", bam))
        facts = chain.results["merged_reads"].report.facts
        assert tagged == {i: 2 * int(facts[f"pairs.{i}"]) for i in ids}

    def test_all_reads_are_kept_in_order_and_paired(self, chain: Chain) -> None:
        result = chain.results["aligned_bam"]
        primary = samtools("view", "-f", "0x41", "-F", "0x900", str(result.path("bam")))
        fastq_names = text_of(chain.results["trimmed_reads"].path("reads1")).split("\n")[::4][:-1]
        assert [line.split("\t")[0] for line in primary] == [name[1:].split("\t")[0] for name in fastq_names]
        assert int(result.report.facts["primary"]) == 2 * len(primary)

    def test_supplementary_records_have_the_full_sequence(self, chain: Chain) -> None:
        supplementary = samtools("view", "-f", "0x800", str(chain.results["aligned_bam"].path("bam")))
        assert supplementary
        assert all("H" not in line.split("\t")[5] for line in supplementary)

    def test_records_equal_those_of_an_interleaved_file(self, chain: Chain, tmp_path: Path) -> None:
        """`bwa mem -p` on one file and `bwa mem` on two files have the same result."""
        names = [str(chain.results["trimmed_reads"].path(key)) for key in ("reads1", "reads2")]
        index = chain.results["reference_index"].path("bwt").with_suffix("")
        interleaved = tmp_path / "interleaved.fastq"
        subprocess.run(["cutadapt", "--interleaved", "-o", interleaved, *names], capture_output=True, check=True)
        command = ["bwa", "mem", "-p", "-t", "1", "-K", "100000000", "-Y", "-C", str(index), str(interleaved)]
        sam = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
        assert samtools("view", str(chain.results["aligned_bam"].path("bam"))) == [
            line for line in sam if not line.startswith("@")
        ]


def test_reads_with_archive_names_are_paired(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    """Real reads with the names of `fastq-dump -I --split-files`, from check to alignment."""
    real = lane_files(*LANES[0])
    files = []
    for number, file in enumerate((real.reads1, real.reads2), start=1):
        lines = text_of(Path(file.uri)).splitlines()[:800]
        reads_ = zip(range(1, 201), lines[1::4], lines[3::4], strict=True)
        records = [record(f"SRR1.{n}.{number} {n}", bases, quality=quality) for n, bases, quality in reads_]
        files.append(fastq(tmp_path / f"SRR1_{number}.fastq.gz", records))
    check_pair(*(read_head(file.uri, Path(file.uri).read_bytes(), complete=True) for file in files))
    out = OutputLayout(str(tmp_path / "out"))
    merged = bench.run(merge_reads("expt", [LaneFiles(read_group(), *files)], out, Engine.GATK))
    result = bench.run(align("expt", ReadFiles.of(merged.files), [read_group()], chain.reference, out, Engine.GATK))
    primary = samtools("view", "-f", "1", "-F", "0x900", str(result.path("bam")))
    assert [line.split("\t")[0] for line in primary] == [f"SRR1.{n}" for n in range(1, 201) for _ in range(2)]


class TestHostileReadGroups:
    def test_they_are_unchanged_in_the_header(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        group = ReadGroup("""x'"$(touch${IFS}pwned)\\t\\n`y`""", "expt", "a b", "ILLUMINA", "u\\\\;&|")
        files = pairs(tmp_path, grouped("r", group=group.id), grouped("r", sequence=READ2, group=group.id))
        result = bench.run(
            align("expt", files, [group], chain.reference, OutputLayout(str(tmp_path / "out")), Engine.GATK)
        )
        assert group.header_line() in samtools("view", "-H", str(result.path("bam")))
        assert all(f"RG:Z:{group.id}" in line for line in samtools("view", str(result.path("bam"))))
        assert not list(tmp_path.rglob("pwned"))


class TestFailures:
    def test_fewer_second_reads(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        files = pairs(tmp_path, grouped("a", "b"), grouped("a", sequence=READ2))
        reason = bench.failure(align("expt", files, [read_group()], chain.reference, LAYOUT, Engine.GATK))
        assert reason == "the reads of expt are not all in pairs, by the log of bwa: trim its reads again"

    def test_names_that_differ_within_a_pair(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        files = pairs(tmp_path, grouped("a"), grouped("b", sequence=READ2))
        reason = bench.failure(align("expt", files, [read_group()], chain.reference, LAYOUT, Engine.GATK))
        assert 'paired reads have different names: "a", "b"' in reason

    def test_reads_of_a_read_group_that_is_not_in_the_header(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        files = pairs(tmp_path, grouped("a", group="FC9.9"), grouped("a", sequence=READ2, group="FC9.9"))
        reason = bench.failure(align("expt", files, [read_group()], chain.reference, LAYOUT, Engine.GATK))
        assert reason == "2 of 2 records of expt have none of its read groups: merge its reads again"

    def test_reads_followed_by_damaged_gzip(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        """The aligner ignores what follows the last gzip stream; gzip fails long before the aligner ends."""
        intact = ReadFiles.of(chain.results["trimmed_reads"].files)
        damaged = tmp_path / "damaged.fastq.gz"
        damaged.write_bytes(Path(intact.reads1.uri).read_bytes() + b"no gzip stream")
        files = ReadFiles(stored(damaged), intact.reads2)
        groups = [lane_files(*lane).read_group for lane in LANES]
        reason = bench.failure(align("expt", files, groups, chain.reference, LAYOUT, Engine.GATK))
        assert reason == "expt.cutadapt.1.fastq.gz is not a complete gzip file: trim the reads of expt again"

    def test_an_alt_file_of_another_reference(self, chain: Chain, bench: Bench, tmp_path: Path) -> None:
        alt = tmp_path / "other.alt"
        alt.write_text("chr1_KI270762v1_alt\t0\n")
        fasta, out = chain.reference.fasta, OutputLayout(str(tmp_path / "out"))
        indexed = bench.run(index_reference(fasta, stored(alt), Aligner.BWA, out))
        files = pairs(tmp_path, grouped("a"), grouped("a", sequence=READ2))
        with_alt = IndexedReference.of(fasta, Aligner.BWA, indexed.files)
        reason = bench.failure(align("expt", files, [read_group()], with_alt, LAYOUT, Engine.GATK))
        assert reason.startswith("bwa found no contig of genome.fa.alt in genome.fa")


class TestContigs:
    def test_they_have_m5s_and_no_path_in_the_header(self, chain: Chain) -> None:
        header = samtools("view", "-H", "--no-PG", str(chain.results["aligned_bam"].path("bam")))
        contigs = [line for line in header if line.startswith("@SQ")]
        # The M5 of chrM in dictionaries of GRCh38.
        assert contigs == ["@SQ\tSN:chrM\tLN:16569\tM5:c68f52674c9fb33aef52dcf399755519"]

    def test_all_other_lines_and_all_records_are_the_aligners(self, chain: Chain, tmp_path: Path) -> None:
        bam = str(chain.results["aligned_bam"].path("bam"))
        groups = tmp_path / "groups.sam"
        groups.write_text("".join(f"{line}\n" for line in samtools("view", "-H", bam) if line.startswith("@RG")))
        names = [str(chain.results["trimmed_reads"].path(key)) for key in ("reads1", "reads2")]
        index = chain.results["reference_index"].path("bwt").with_suffix("")
        command = ["bwa", "mem", "-t", "1", "-K", "100000000", "-Y", "-C", "-H", str(groups), str(index), *names]
        alone = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
        with_m5 = [line for line in samtools("view", "-h", "--no-PG", bam) if not line.startswith("@PG")]
        assert with_m5[0].startswith(f"{alone[0]}\tM5:")
        assert with_m5[1:] == [line for line in alone[1:] if not line.startswith("@PG")]

    def test_alternate_contigs_keep_the_mark_of_the_aligner(self, bench: Bench, tmp_path: Path) -> None:
        sequences = {"chr1": READ1, "chr1_KI270762v1_alt": READ2[::-1], "chr2": READ2}
        path, alt = tmp_path / "tiny.fa", tmp_path / "tiny.alt"
        path.write_text("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()))
        alt.write_text("@SQ\tSN:chr2\nchr1_KI270762v1_alt\t0\tchr1\t1\n")
        layout = OutputLayout(str(tmp_path / "out"))
        indexed = bench.run(index_reference(stored(path), stored(alt), Aligner.BWA, layout))
        tiny = IndexedReference.of(stored(path), Aligner.BWA, indexed.files)
        files = pairs(tmp_path, grouped("a"), grouped("a", sequence=READ2))
        result = bench.run(align("expt", files, [read_group()], tiny, layout, Engine.GATK))
        contigs = [line for line in samtools("view", "-H", str(result.path("bam"))) if line.startswith("@SQ")]
        assert contigs == [
            f"@SQ\tSN:{name}\tLN:{len(bases)}{mark}\tM5:{md5(bases.encode(), usedforsecurity=False).hexdigest()}"
            for (name, bases), mark in zip(sequences.items(), ("", "\tAH:*", ""), strict=True)
        ]


def test_the_alt_file_of_the_reference_is_used(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    alt = tmp_path / "tiny.alt"
    alt.write_text("chrM\t0\n")
    out = OutputLayout(str(tmp_path / "out"))
    indexed = bench.run(index_reference(chain.reference.fasta, stored(alt), Aligner.BWA, out))
    with_alt = IndexedReference.of(chain.reference.fasta, Aligner.BWA, indexed.files)
    files = pairs(tmp_path, grouped("a"), grouped("a", sequence=READ2))
    assert bench.run(align("expt", files, [read_group()], with_alt, out, Engine.GATK)).report.facts["primary"] == "2"


def test_the_order_of_read_groups_makes_no_difference() -> None:
    groups = [lane_files(*lane).read_group for lane in LANES]
    jobs = {align("expt", reads(), order, reference(), LAYOUT, Engine.GATK).script for order in (groups, groups[::-1])}
    assert len(jobs) == 1


def test_bwa_mem2_gets_its_own_index() -> None:
    job = align("expt", reads(), [read_group()], reference(Aligner.BWA_MEM2), LAYOUT, Engine.GATK)
    assert job.tools == ("bwa-mem2", "samtools", "bgzip")
    assert "aligner=bwa-mem2" in job.script
    assert [item.local for item in job.inputs[2:]] == [
        "chr22.dict",
        *(f"chr22.fa.{suffix}" for suffix in ("0123", "amb", "ann", "bwt.2bit.64", "pac")),
    ]
