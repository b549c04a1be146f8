"""The aligner's stream is passed on whole, with the dictionary's M5s, and counted as samtools counts it."""

import subprocess
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.marking import MarkedTemplates, Templates, write_sam
from bioinfo_assets_tests.engine.program import Engine
from bioinfo_assets_tests.steps.bench import samtools

BASES = f"{'ACGTA' * 10}\t{'I' * 50}"


@pytest.fixture(params=["awkward", "real reads", "no reads"])
def templates(request: pytest.FixtureRequest, marked: dict[str, MarkedTemplates]) -> Templates:
    return marked[request.param].templates


def dictionary_of(reference: Path, folder: Path) -> Path:
    subprocess.run(["samtools", "dict", "-u", "genome.fa", "-o", folder / "genome.dict", reference], check=True)
    return folder / "genome.dict"


def words(sam: Path, dictionary: Path, output: Path) -> list[str | Path]:
    return ["aligned", "-i", sam, "-n", "expt", "-d", dictionary, "-o", output / "aligned.bam", "-c", output / "counts"]


def test_records_header_and_counts(engine: Engine, templates: Templates, tmp_path: Path) -> None:
    dictionary = dictionary_of(templates.reference, tmp_path)
    engine.run(*words(templates.sam, dictionary, tmp_path), "-@", str(engine.threads))
    made = str(tmp_path / "aligned.bam")
    assert samtools("view", made) == samtools("view", str(templates.sam))
    head = samtools("view", "-H", "--no-PG", made)
    before = samtools("view", "-H", "--no-PG", str(templates.sam))
    contigs = [line.split("\tUR:")[0] for line in dictionary.read_text().splitlines() if line.startswith("@SQ")]
    assert [line for line in head if line.startswith("@SQ")] == contigs
    assert [line for line in head if not line.startswith("@SQ")] == [line for line in before if line[:3] != "@SQ"]
    counts = dict(line.split("\t") for line in (tmp_path / "counts").read_text().splitlines())
    cells = [line.split("\t") for line in samtools("flagstat", "-O", "tsv", made)]
    rows = {row: str(int(passed) + int(failed)) for passed, failed, row in cells if passed.isdigit()}
    assert counts == {
        "records": next(count for row, count in rows.items() if row.startswith("total")),
        "primary": rows["primary"],
        "mapped": rows["primary mapped"],
        "paired": rows["paired in sequencing"],
    }


@pytest.mark.parametrize(
    ("tag", "dictionary", "sentence"),
    [
        ("", None, "1 of 1 records of expt have none of its read groups"),
        ("\tRG:Z:x", None, "have none of its read groups: merge its reads again"),
        ("\tRG:Z:a", "@SQ\tSN:c1\tLN:20000\n", "its contig 2 is c2 of 5000 bases, and that of"),
        ("\tRG:Z:a", "@SQ\tSN:c1\tLN:20001\n@SQ\tSN:c2\tLN:5000\n", "its contig 1 is c1 of 20000 bases"),
        ("\tRG:Z:a", "", "is of another reference"),
    ],
)
def test_what_is_wrong_is_said(program: Path, tmp_path: Path, tag: str, dictionary: str | None, sentence: str) -> None:
    write_sam(tmp_path / "in", [f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}{tag}"])
    file = dictionary_of(tmp_path / "in" / "genome.fa", tmp_path)
    if dictionary is not None:
        file.write_text(f"@HD\tVN:1.6\n{dictionary}")
    output = tmp_path / "out"
    output.mkdir()
    result = Engine(program).result(*words(tmp_path / "in" / "in.sam", file, output))
    assert (result.returncode, list(output.iterdir())) == (1, [])
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("size", [0, 300, 3000])
def test_a_truncated_stream(program: Path, templates: Templates, tmp_path: Path, size: int) -> None:
    dictionary, output = dictionary_of(templates.reference, tmp_path), tmp_path / "out"
    output.mkdir()
    cut = tmp_path / "cut.bam"
    whole = subprocess.run(["samtools", "view", "-b", templates.sam], capture_output=True, check=True).stdout
    cut.write_bytes(whole[:-28][:size])
    result = Engine(program).result(*words(cut, dictionary, output))
    assert (result.returncode, list(output.iterdir())) == (1, [])
    assert len(result.stderr.splitlines()) == 1
