"""Duplicates, tags and metrics are those of Picard's MarkDuplicates and SetNmMdAndUqTags."""

import contextlib
import hashlib
import subprocess
from itertools import zip_longest
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_templates import write_one_place
from bioinfo_assets_tests.engine.marking import NAMES, MarkedTemplates, Templates, write_sam
from bioinfo_assets_tests.engine.program import Engine, build
from bioinfo_assets_tests.steps.bench import samtools

BASES = f"{'ACGTA' * 10}\t{'I' * 50}"


@pytest.fixture(params=NAMES)
def both(request: pytest.FixtureRequest, marked: dict[str, MarkedTemplates]) -> MarkedTemplates:
    return marked[request.param]


@pytest.fixture(scope="session")
def mostly_duplicates(marked: dict[str, MarkedTemplates]) -> Templates:
    return marked["mostly duplicates"].templates


def test_records_and_metrics_are_those_of_picard(engine: Engine, both: MarkedTemplates, tmp_path: Path) -> None:
    made = both.templates.by_engine(engine.program, tmp_path, "-@", str(engine.threads))
    for mine, theirs in zip_longest(made.records(), both.by_picard.records()):
        assert mine == theirs
    assert made.table() == both.by_picard.table()


def test_index_md5_order_and_count(both: MarkedTemplates, tmp_path: Path) -> None:
    templates = both.templates
    made = templates.by_engine(build(), tmp_path, "-c", str(tmp_path / "counts"))
    assert Path(f"{made.bam}.md5").read_text() == hashlib.md5(made.bam.read_bytes()).hexdigest()  # noqa: S324 - that is what the file has
    subprocess.run(["samtools", "index", "-o", tmp_path / "again.bai", made.bam], check=True)
    assert (tmp_path / "again.bai").read_bytes() == Path(f"{made.bam}.bai").read_bytes()
    (records,) = samtools("view", "-c", str(templates.sam))
    assert samtools("view", "-c", str(made.bam)) == [records]
    assert (tmp_path / "counts").read_text() == f"records\t{records}\n"
    head = samtools("view", "-H", "--no-PG", str(made.bam))
    assert head[0] == samtools("view", "-H", "--no-PG", str(both.by_picard.bam))[0]
    assert "SO:coordinate" in head[0]
    programs = [line for line in head if line.startswith("@PG\tID:bioinfo-assets-engine")]
    assert ["MarkDuplicates" in programs[0], "SetNmMdAndUqTags" in programs[1]] == [True, True]


def test_a_small_bound_of_memory_gives_the_same(program: Path, tmp_path: Path) -> None:
    """A hundred thousand duplicates at one place need more than 1 MiB, and leave no temporary file."""
    write_one_place(tmp_path / "deep", seed=5, pairs=100_000)
    deep = Templates(tmp_path / "deep")
    outputs = [tmp_path / "small", tmp_path / "large"]
    (tmp_path / "tmp").mkdir()
    for output, bound in zip(outputs, ("1", "512"), strict=True):
        output.mkdir()
        words = ("-s", output / "set", "-m", output / "metrics", "-M", bound, "-T", tmp_path / "tmp")
        with (output / "bam").open("wb") as bam:
            subprocess.run([program, "mark", "-i", deep.sam, *words], stdout=bam, check=True)
    assert (outputs[0] / "set").read_bytes() == (outputs[1] / "set").read_bytes()
    assert (outputs[0] / "metrics").read_bytes() == (outputs[1] / "metrics").read_bytes()
    assert list((tmp_path / "tmp").iterdir()) == []
    row = (outputs[0] / "metrics").read_text().split("\nl1\t")[1].split("\t")
    assert (row[1], row[5]) == ("100000", "99999")  # all pairs but the best


def test_the_bytes_do_not_depend_on_what_the_machine_has(program: Path, tmp_path: Path) -> None:
    """The command line in the header neither: it is without threads, memory and temporary folder."""
    write_one_place(tmp_path / "in", seed=5, pairs=100)
    command: list[str | Path] = [program, "mark", "-i", tmp_path / "in" / "in.sam", "-s", "set", "-m", "metrics"]
    command += ["-d", "100"]
    streams = [
        subprocess.run([*command, *machine], cwd=tmp_path, capture_output=True, check=True).stdout
        for machine in ([], ["-M", "7", "-T", str(tmp_path), "-@", "2"])
    ]
    assert streams[0] == streams[1]
    assert b"CL:bioinfo-assets-engine mark -i " in streams[0]
    assert b"-d 100" in streams[0]


def refusal(program: Path, output: Path, *words: str | Path) -> str:
    result = subprocess.run([program, *words], capture_output=True, check=False)
    assert result.returncode == 1, result.stderr
    assert list(output.iterdir()) == []
    (sentence,) = result.stderr.decode().splitlines()
    return sentence


def mark_words(sam: Path, output: Path) -> list[str | Path]:
    return ["mark", "-i", sam, "-s", output / "set", "-m", output / "metrics"]


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}"], "with no read group"),
        ([f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}\tRG:Z:x"], "with a read group that its header has not, x"),
        ([f"r\t0\tc1\t1{i}1\t60\t50M\t*\t0\t0\t{BASES}\tRG:Z:a" for i in range(2)], "several primary records of r"),
        ([f"r\t65\tc1\t1{i}1\t60\t50M\tc1\t9\t0\t{BASES}\tRG:Z:a" for i in range(2)], "several primary records of r"),
        ([f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}\tRG:Z:a\tzt:i:1"], "has the tag zt in r"),
        (
            [
                f"{name}\t{flag}\tc1\t101\t60\t50M\tc1\t9\t0\t{BASES}\tRG:Z:a"
                for name, flag in (("r", 65), ("s", 65), ("r", 129))
            ],
            "is not grouped by read name",
        ),
    ],
)
def test_reads_that_cannot_be_marked(program: Path, tmp_path: Path, records: list[str], sentence: str) -> None:
    write_sam(tmp_path / "in", records)
    output = tmp_path / "out"
    output.mkdir()
    assert sentence in refusal(program, output, *mark_words(tmp_path / "in" / "in.sam", output))


def test_a_sorted_bam(program: Path, mostly_duplicates: Templates, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    in_order = tmp_path / "sorted.bam"
    subprocess.run(["samtools", "sort", "-o", in_order, mostly_duplicates.sam], check=True, capture_output=True)
    assert "is not grouped by read name" in refusal(program, tmp_path / "out", *mark_words(in_order, tmp_path / "out"))


@pytest.mark.parametrize("size", [0, 200, 0.5, -28])
def test_a_truncated_bam(program: Path, mostly_duplicates: Templates, tmp_path: Path, size: float) -> None:
    whole = subprocess.run(["samtools", "view", "-b", mostly_duplicates.sam], capture_output=True, check=True).stdout
    cut, output = tmp_path / "cut.bam", tmp_path / "out"
    output.mkdir()
    cut.write_bytes(whole[: int(len(whole) * size) if size == 0.5 else int(size)])
    assert "cut.bam" in refusal(program, output, *mark_words(cut, output))


def finish_words(sam: Path, duplicates: Path, reference: Path, output: Path) -> list[str | Path]:
    return ["finish", "-i", sam, "-s", duplicates, "-r", reference, "-o", output / "made.bam"]


def marked_and_sorted(program: Path, templates: Templates, folder: Path) -> tuple[Path, Path]:
    """What finish reads: the sorted stream of mark, and its set."""
    stream, in_order = folder / "stream.bam", folder / "sorted.bam"
    words = mark_words(templates.sam, folder)
    with stream.open("wb") as bam:
        subprocess.run([program, *words], stdout=bam, check=True)
    subprocess.run(["samtools", "sort", "-u", "--no-PG", "-o", in_order, stream], check=True, capture_output=True)
    return in_order, folder / "set"


def test_finish_refuses_what_does_not_belong_together(
    program: Path, mostly_duplicates: Templates, tmp_path: Path
) -> None:
    folder, output = tmp_path / "marked", tmp_path / "out"
    folder.mkdir()
    output.mkdir()
    in_order, duplicates = marked_and_sorted(program, mostly_duplicates, folder)
    reference = mostly_duplicates.reference
    whole = duplicates.read_bytes()
    plain = tmp_path / "plain.bam"
    subprocess.run(["samtools", "sort", "-o", plain, mostly_duplicates.sam], check=True, capture_output=True)
    fewer = tmp_path / "fewer.bam"
    subprocess.run(["samtools", "view", "-b", "-F", "4", "-o", fewer, in_order], check=True)

    def refused(sam: Path) -> str:
        return refusal(program, output, *finish_words(sam, duplicates, reference, output))

    assert "has no number of a template" in refused(plain)
    assert "is not sorted by coordinate" in refused(folder / "stream.bam")
    assert "give all that mark wrote" in refused(fewer)
    for damaged, sentence in {whole[:-1]: "is damaged", whole + b"x": "is damaged", b"": "is not a set"}.items():
        duplicates.write_bytes(damaged)
        assert sentence in refused(in_order)
    duplicates.unlink()
    assert "mark the duplicates again" in refused(in_order)


def test_an_earlier_set_is_gone_when_mark_fails(program: Path, tmp_path: Path) -> None:
    write_sam(tmp_path / "in", [f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}"])
    output = tmp_path / "out"
    output.mkdir()
    (output / "set").write_text("of an earlier run")
    refusal(program, output, *mark_words(tmp_path / "in" / "in.sam", output))


@pytest.mark.parametrize(
    "words",
    [
        ["mark"],
        ["mark", "-i", "x", "-d", "-1"],
        ["mark", "-i", "x", "-@", "0"],
        ["finish", "-q"],
        ["merge", "-1", "x"],
        ["aligned"],
    ],
)
def test_wrong_usage(program: Path, words: list[str]) -> None:
    result = subprocess.run([program, *words], capture_output=True, check=False)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, b"", 1)


def test_reads_that_all_have_one_name_are_refused_before_all_are_read(program: Path, tmp_path: Path) -> None:
    """A template is held in memory, and such a file would be one."""
    line = f"r\t0\tc1\t101\t60\t50M\t*\t0\t0\t{BASES}\tRG:Z:a\n"
    command: list[str | Path] = [program, "mark", "-i", "-", "-s", tmp_path / "set", "-m", tmp_path / "metrics"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as mark:
        assert mark.stdin is not None
        assert mark.stderr is not None
        mark.stdin.write(b"@HD\tVN:1.6\tGO:query\n@SQ\tSN:c1\tLN:9999\n@RG\tID:a\tSM:s\tLB:l\n")
        with pytest.raises(BrokenPipeError):
            mark.stdin.writelines(line.encode() for _ in range(1_000_000))
        assert b"several primary records of r" in mark.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            mark.stdin.close()
