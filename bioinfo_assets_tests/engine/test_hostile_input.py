"""What cannot be used ends in one sentence and exit code 1, and leaves no output."""

import re
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import Inputs, write_inputs
from bioinfo_assets_tests.engine.data import GROUP, SITE, SMALL, head, one_read, record
from bioinfo_assets_tests.engine.program import Engine, table_words
from bioinfo_assets_tests.steps.bench import samtools


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "output").mkdir()
    return tmp_path / "output"


@pytest.fixture
def single_read(tmp_path: Path) -> Inputs:
    return one_read(tmp_path / "one")


def refusal(program: Path, output: Path, *words: str | Path) -> str:
    """The sentence that a command ends with, having left nothing in the folder of outputs."""
    result = Engine(program).result(*words)
    assert (result.returncode, result.stdout) == (1, "")
    assert [path.name for path in output.iterdir()] == []
    (sentence,) = result.stderr.splitlines()
    assert re.fullmatch(r"bioinfo-assets-engine: .+: .+", sentence)
    return sentence


def commands(inputs: Inputs, table: Path, output: Path) -> dict[str, list[str | Path]]:
    return {
        "table": table_words(inputs, output / "table"),
        "apply": ["apply", "-i", inputs.bam, "-t", table, "-o", output / "made.bam"],
        "metrics": ["metrics", "-i", inputs.bam, "-r", inputs.reference, "-a", output / "a", "-s", output / "s"],
    }


def table_of(program: Path, inputs: Inputs) -> Path:
    return Engine(program).table(inputs, inputs.folder / "table")


@pytest.mark.parametrize("subcommand", ["table", "apply", "metrics"])
def test_a_truncated_bam(program: Path, awkward: Inputs, tmp_path: Path, output: Path, subcommand: str) -> None:
    table = table_of(program, awkward)
    whole = awkward.bam.read_bytes()
    for size in (len(whole) - 28, len(whole) // 2, 200, 0):
        cut = Inputs(tmp_path / str(size))
        cut.folder.mkdir()
        for path in [awkward.reference, Path(f"{awkward.reference}.fai"), *awkward.folder.glob("*.vcf.gz*")]:
            (cut.folder / path.name).symlink_to(path)
        cut.bam.write_bytes(whole[:size])
        assert "reads.bam" in refusal(program, output, *commands(cut, table, output)[subcommand])


@pytest.mark.parametrize("subcommand", ["table", "apply", "metrics"])
def test_a_damaged_bam(program: Path, awkward: Inputs, tmp_path: Path, output: Path, subcommand: str) -> None:
    """A bit in the middle is not as it was written."""
    table = table_of(program, awkward)
    damaged = tmp_path / "damaged.bam"
    content = bytearray(awkward.bam.read_bytes())
    content[len(content) // 2] ^= 16
    damaged.write_bytes(content)
    words: list[str | Path] = [
        damaged if word == awkward.bam else word for word in commands(awkward, table, output)[subcommand]
    ]
    words += ["-w"] if subcommand == "apply" else []
    assert "damaged.bam is truncated or damaged" in refusal(program, output, *words)


@pytest.mark.parametrize("subcommand", ["table", "apply", "metrics"])
def test_an_absent_bam(program: Path, single_read: Inputs, output: Path, subcommand: str) -> None:
    table = table_of(program, single_read)
    single_read.bam.unlink()
    assert "No such file" in refusal(program, output, *commands(single_read, table, output)[subcommand])


@pytest.mark.parametrize("subcommand", ["table", "metrics"])
@pytest.mark.parametrize(
    ("references", "sentence"),
    [
        ({"chr2": SMALL["chr1"]}, "which has no contig chr1"),
        ({"chr1": SMALL["chr1"] + "A"}, "its contig chr1 has 640 bases, and not 641"),
    ],
)
def test_another_reference(
    program: Path, single_read: Inputs, output: Path, subcommand: str, references: dict[str, str], sentence: str
) -> None:
    fasta = single_read.folder / "other.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in references.items()))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    words: list[str | Path] = [
        fasta if word == single_read.reference else word
        for word in commands(single_read, single_read.bam, output)[subcommand]
    ]
    assert sentence in refusal(program, output, *words)


@pytest.mark.parametrize("subcommand", ["table", "metrics"])
def test_a_reference_without_index(program: Path, single_read: Inputs, output: Path, subcommand: str) -> None:
    Path(f"{single_read.reference}.fai").unlink()
    sentence = refusal(program, output, *commands(single_read, single_read.bam, output)[subcommand])
    assert "genome.fa.fai is there (samtools faidx)" in sentence
    assert not Path(f"{single_read.reference}.fai").exists()


def test_known_sites_without_index(program: Path, single_read: Inputs, output: Path) -> None:
    Path(f"{single_read.known_sites[0]}.tbi").unlink()
    assert "make it with tabix -p vcf" in refusal(program, output, *table_words(single_read, output / "table"))


@pytest.mark.parametrize(
    ("contigs", "lines", "sentence"),
    [
        ("##contig=<ID=chrX>\n", "chrX\t5\t.\tA\tC\t.\t.\t.\n", "has no contig of"),
        ("##contig=<ID=chr1,length=9>\n", "", "its contig chr1 has 9 bases, and not 640"),
        ("##contig=<ID=chr1>\n", "chr1\t5\t.\n", "has a line without CHROM, POS, ID, REF and ALT"),
    ],
)
def test_known_sites_of_another_genome(
    program: Path, single_read: Inputs, output: Path, contigs: str, lines: str, sentence: str
) -> None:
    vcf = single_read.known_sites[0].with_suffix("")
    vcf.write_text(f"##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{lines}")
    subprocess.run(["bgzip", "--force", vcf], check=True)
    subprocess.run(["tabix", "--force", "--preset", "vcf", f"{vcf}.gz"], check=True)
    assert sentence in refusal(program, output, *table_words(single_read, output / "table"))


def test_known_sites_that_are_not_compressed(program: Path, single_read: Inputs, output: Path) -> None:
    vcf = single_read.known_sites[0]
    subprocess.run(["bgzip", "--decompress", vcf], check=True)
    vcf.with_suffix("").rename(vcf)
    assert "is not a VCF compressed by bgzip" in refusal(program, output, *table_words(single_read, output / "table"))


def test_truncated_known_sites(program: Path, awkward: Inputs, tmp_path: Path, output: Path) -> None:
    vcf = tmp_path / "cut.vcf.gz"
    for end in ("", ".tbi"):
        Path(f"{vcf}{end}").write_bytes(Path(f"{awkward.known_sites[0]}{end}").read_bytes())
    vcf.write_bytes(vcf.read_bytes()[:-40])
    words: list[str | Path] = ["table", "-i", awkward.bam, "-r", awkward.reference, "-k", vcf, "-o", output / "table"]
    assert "cut.vcf.gz has no end-of-file block" in refusal(program, output, *words)


def test_a_table_of_another_sample(program: Path, single_read: Inputs, awkward: Inputs, output: Path) -> None:
    table = table_of(program, awkward)
    sentence = refusal(program, output, *commands(single_read, table, output)["apply"])
    assert "give the table that was made of this BAM" in sentence


@pytest.mark.parametrize("part", [0.1, 0.5, 0.98])
def test_a_truncated_table(program: Path, awkward: Inputs, tmp_path: Path, output: Path, part: float) -> None:
    whole = table_of(program, awkward).read_text()
    table = tmp_path / "cut.table"
    table.write_text(whole[: int(part * len(whole))])
    sentence = refusal(program, output, *commands(awkward, table, output)["apply"])
    assert "cut.table is not a whole recalibration table" in sentence


@pytest.mark.parametrize("text", ["", "chr1\t1\n", "#:GATKReport.v1.1:5\n", "\0" * 500])
def test_what_is_no_table(program: Path, single_read: Inputs, tmp_path: Path, output: Path, text: str) -> None:
    table = tmp_path / "no.table"
    table.write_text(text)
    assert "no.table is not a whole" in refusal(program, output, *commands(single_read, table, output)["apply"])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (record("r", 0, 60, group="x"), "is of a read group that the header has not"),
        (record("r", 0, 60).replace("50M", "20M10S20M"), "has a CIGAR with clips in the middle"),
        (record("r", 0, 60) + "\tOQ:Z:FF", "has 50 bases and an OQ of 2"),
        (record("r", 0, 60).replace("\t60\t60\t", "\t620\t60\t"), "over the end of its contig"),
        (f"r\t0\tchr1\t1\t60\t501M\t*\t0\t0\t{SMALL['chr1'][:501]}\t{'F' * 501}\tRG:Z:g", "has 501 bases"),
    ],
)
def test_records_that_gatk_refuses(program: Path, tmp_path: Path, output: Path, line: str, sentence: str) -> None:
    inputs = write_inputs(tmp_path / "inputs", SMALL, head(GROUP), [line], [[SITE]])
    assert sentence in refusal(program, output, *table_words(inputs, output / "table"))


@pytest.mark.parametrize(
    ("before", "after"),
    [("\tRG:Z:g", ""), ("50M", "20M5N30M"), ("F" * 50, "*")],
    ids=["no read group", "a skipped region", "no qualities"],
)
def test_malformed_records_are_left_out_only_on_demand(
    program: Path, tmp_path: Path, output: Path, before: str, after: str
) -> None:
    """GATK leaves them out without an error."""
    lines = [record("whole", 0, 60), record("malformed", 0, 60).replace(before, after)]
    inputs = write_inputs(tmp_path / "inputs", SMALL, head(GROUP), lines, [[SITE]])
    words = commands(inputs, table_of(program, inputs), output)["apply"]
    assert "record malformed" in refusal(program, output, *words)
    Engine(program).run(*words, "-w")
    (line,) = samtools("view", str(output / "made.bam"))
    assert line.startswith("whole\t")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({9: "*", 10: "*"}, "0 bases and a longer CIGAR"),
        ({10: "*"}, "has no qualities"),
        ({1: "512"}, "has no UNPAIRED read that passed the sequencer's quality filter"),
        ({1: "129", 6: "chr2", 7: "5", 8: "100"}, "its mate is on another contig"),
    ],
)
def test_records_that_picard_refuses(
    program: Path, tmp_path: Path, output: Path, fields: dict[int, str], sentence: str
) -> None:
    line = "\t".join(fields.get(at, field) for at, field in enumerate(record("r", 0, 60).split("\t")))
    references = {**SMALL, "chr2": "ACGT" * 9}
    header = head("@SQ\tSN:chr2\tLN:36", GROUP)
    inputs = write_inputs(tmp_path / "inputs", references, header, [line], [[SITE]])
    assert sentence in refusal(program, output, *commands(inputs, inputs.bam, output)["metrics"])


def test_a_read_group_without_platform(program: Path, tmp_path: Path, output: Path) -> None:
    group = GROUP.replace("\tPL:ILLUMINA", "")
    inputs = write_inputs(tmp_path / "inputs", SMALL, head(group), [record("r", 0, 60)], [[SITE]])
    assert "read group g" in refusal(program, output, *table_words(inputs, output / "table"))


def test_the_index_of_another_bam(program: Path, single_read: Inputs, awkward: Inputs, output: Path) -> None:
    """With several threads the table is made by contig."""
    Path(f"{single_read.bam}.bai").write_bytes(Path(f"{awkward.bam}.bai").read_bytes())
    sentence = refusal(program, output, *table_words(single_read, output / "table"), "-@", "2")
    assert "one/reads.bam" in sentence


@pytest.mark.parametrize("subcommand", ["table", "apply", "metrics"])
def test_unsorted_reads(program: Path, single_read: Inputs, output: Path, subcommand: str) -> None:
    table = table_of(program, single_read)
    subprocess.run(["samtools", "sort", "-n", "-o", single_read.bam, single_read.bam], check=True, capture_output=True)
    assert "is not sorted by coordinate" in refusal(program, output, *commands(single_read, table, output)[subcommand])


@pytest.mark.parametrize("subcommand", ["table", "apply"])
def test_reads_in_another_order_than_that_of_the_header(
    program: Path, tmp_path: Path, output: Path, subcommand: str
) -> None:
    inputs = write_inputs(tmp_path / "inputs", SMALL, head(GROUP), [record("r", 0, 60), record("s", 0, 70)], [[SITE]])
    table = table_of(program, inputs)
    lines = [head(GROUP).replace("unsorted", "coordinate"), record("s", 0, 70), "\n", record("r", 0, 60), "\n"]
    subprocess.run(["samtools", "view", "-b", "-o", inputs.bam, "-"], input="".join(lines), text=True, check=True)
    sentence = refusal(program, output, *commands(inputs, table, output)[subcommand])
    assert "sort" in sentence


@pytest.mark.parametrize(
    "words",
    [[], ["sort"], ["table"], ["table", "-i", "x.bam"], ["apply", "-q", "94"], ["metrics", "-i", "x", "-@", "none"]],
)
def test_wrong_usage(program: Path, words: list[str]) -> None:
    result = Engine(program).result(*words)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)


def test_a_full_disk(program: Path, awkward: Inputs) -> None:
    """/dev/full takes nothing."""
    table = table_of(program, awkward)
    with Path("/dev/full").open("w") as full:
        words: list[str | Path] = ["apply", "-i", awkward.bam, "-t", table, "-o", "-"]
        result = subprocess.run([program, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
