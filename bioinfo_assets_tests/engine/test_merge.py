"""Lanes are merged as the project's script does it: the same bytes, and the same sentence for what is wrong."""

import gzip
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bioinfo_assets.steps.script import read_script
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.engine.program import Engine

NAMES = ("M:1:FC1:4:1101:10:20", "M:1:FC1:4:1101:11:20", "M:1:FC1:4:1101:12:20", "M:1:FC2:1:1101:1:1:ACGT")


@dataclass(frozen=True)
class Outcome:
    """What a merge ends with: the sentence of a failure, or the pairs, lanes and merged reads."""

    sentence: str | None
    pairs: int = 0
    lanes: int = 0
    reads: tuple[bytes, bytes] = (b"", b"")


def by_script(folder: Path, first: bytes, second: bytes) -> Outcome:
    """The outcome of pair_reads.awk."""
    for name, content in {"read.1": first, "read.2": second, "merged.1": b"", "merged.2": b""}.items():
        (folder / name).write_bytes(content)
    names = {**os.environ, "name1": "x_1", "name2": "x_2", "comment": "RG:Z:g"}
    subprocess.run(["awk", read_script("pair_reads.awk"), "read.1"], cwd=folder, env=names, check=True)
    kind, _, text = (folder / "outcome").read_text().strip("\n").partition(" ")
    if kind == "error":
        return Outcome(text)
    reads = ((folder / "merged.1").read_bytes(), (folder / "merged.2").read_bytes())
    return Outcome(None, int(text), int((folder / "lanes").read_text()), reads)


def by_engine(program: Path, folder: Path, first: bytes, second: bytes) -> Outcome:
    files = [folder / "first.gz", folder / "second.gz"]
    outputs = [folder / "out.1.gz", folder / "out.2.gz"]
    for file, text in zip(files, (first, second), strict=True):
        file.write_bytes(gzip.compress(text, mtime=0))
    result = Engine(program).result("merge", "-1", outputs[0], "-2", outputs[1], *files, "x_1", "x_2", "g")
    if result.returncode:
        assert result.returncode == 1
        assert [path for path in folder.iterdir() if path.name.startswith("out.")] == []
        return Outcome(result.stderr.removeprefix("bioinfo-assets-engine: ").rstrip("\n"))
    numbers = {line.split("\t")[0]: line.split("\t")[1:] for line in result.stdout.splitlines()}
    assert numbers["pairs"][0] == "g"
    reads = (gzip.decompress(outputs[0].read_bytes()), gzip.decompress(outputs[1].read_bytes()))
    for output in outputs:
        output.unlink()
    return Outcome(None, int(numbers["pairs"][1]), int(numbers.get("lanes", ["", "0"])[1]), reads)


def changed(rng: random.Random, lines: list[str]) -> list[str]:
    """The lines with something that may be wrong."""
    at = rng.randrange(len(lines)) if lines else 0
    changes = [
        lines[:at],
        [*lines[:at], "", *lines[at:]],
        [*lines, "", ""],
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], "x" + "".join(lines[at : at + 1]), *lines[at + 1 :]],
        [*lines[:at], "".join(lines[at : at + 1])[1:], *lines[at + 1 :]],
        [f"{line}\r" for line in lines],
        [*lines[:at], "".join(lines[at : at + 1]) + "\r", *lines[at + 1 :]],
        [*lines[:at], "@", *lines[at + 1 :]],
        [*lines[:at], "@ a", *lines[at + 1 :]],
        [*lines[:at], "@" + "a" * rng.choice([254, 255]), *lines[at + 1 :]],
        [line[:0] if number % 2 else line for number, line in enumerate(lines)],
        [line.replace("A", "-") for line in lines],
        [line.replace("I", "\x7f") for line in lines],
        [],
    ]
    return rng.choice(changes)


def fastq(rng: random.Random, names: list[str]) -> list[str]:
    lines = []
    for name in names:
        length = rng.choice([1, 4, 9])
        lines += [f"@{name}", "".join(rng.choices("ACGTN.", k=length)), rng.choice(["+", f"+{name}"]), "I" * length]
    return lines


def pair_of_files(seed: int) -> tuple[bytes, bytes]:
    """Two files that fit in most, with names of several forms and comments."""
    rng = random.Random(seed)  # noqa: S311 - reads to test with
    names = rng.choices([*NAMES, "r", "SRR1.7", "a/1"], k=rng.randrange(5))
    ends = rng.choice(
        [("", ""), ("", ""), ("/1", "/2"), (".1", ".2"), ("/2", "/1"), (".1", "/2"), (" 1:N:0", "\t2:N:0")]
    )
    texts = []
    for end in ends:
        lines = fastq(rng, [f"{name}{end}" for name in names])
        lines = changed(rng, lines) if rng.random() < 0.35 else lines
        texts.append("\n".join(lines) + rng.choice(["\n", "\n", "\n", ""]))
    return texts[0].encode() if texts[0] != "\n" else b"", texts[1].encode() if texts[1] != "\n" else b""


@pytest.fixture(scope="module")
def script_outcomes() -> dict[int, Outcome]:
    """Of seeds, by the script, for all builds of the program."""
    return {}


@pytest.mark.parametrize("block", range(4))
def test_outcomes_are_those_of_the_script(
    program: Path, script_outcomes: dict[int, Outcome], tmp_path: Path, block: int
) -> None:
    kinds = set()
    for seed in range(100 * block, 100 * block + 100):
        first, second = pair_of_files(seed)
        if seed not in script_outcomes:
            script_outcomes[seed] = by_script(tmp_path, first, second)
        expected, found = script_outcomes[seed], by_engine(program, tmp_path, first, second)
        # The script counts a single lane; the program names it only if there are several.
        assert (found.sentence, found.pairs, found.reads) == (expected.sentence, expected.pairs, expected.reads), seed
        assert found.lanes == (expected.lanes if expected.lanes > 1 else 0), seed
        kinds.add(expected.sentence is None)
    assert kinds == {True, False}


def real_lanes() -> list[tuple[Path, Path, str]]:
    firsts = sorted(na12878().fastqs.glob("*_1.fastq.gz"))
    return [(path, Path(str(path).replace("_1.fastq", "_2.fastq")), path.name.split("_1.")[0]) for path in firsts]


def in_form(form: str, text: bytes) -> bytes:
    half = len(text) // 2
    match form:
        case "gzip":
            return gzip.compress(text, mtime=0)
        case "bgzip":
            return subprocess.run(["bgzip"], input=text, capture_output=True, check=True).stdout
        case "two members":
            return gzip.compress(text[:half]) + gzip.compress(text[half:])
        case "bgzip, then gzip":
            return in_form("bgzip", text[:half]) + gzip.compress(text[half:])
        case _:
            return text


@pytest.mark.parametrize("form", ["gzip", "bgzip", "plain", "two members", "bgzip, then gzip"])
def test_real_lanes_in_every_form(engine: Engine, tmp_path: Path, form: str) -> None:
    """In the order given, with all reads of the lanes."""
    words: list[str | Path] = []
    expected: list[list[str]] = [[], []]
    for first, second, group in real_lanes()[:5]:
        files = []
        for number, source in enumerate((first, second)):
            text = gzip.decompress(source.read_bytes())
            lines = text.decode().splitlines()
            for at in range(0, len(lines), 4):
                name = lines[at].split()[0].removesuffix(f"/{number + 1}")
                expected[number] += [f"{name}\tRG:Z:{group}", lines[at + 1], "+", lines[at + 3]]
            files.append(tmp_path / source.name)
            files[-1].write_bytes(in_form(form, text))
        words += [*files, first.name, second.name, group]
    outputs = [tmp_path / "out.1.gz", tmp_path / "out.2.gz"]
    threads = str(engine.threads)
    result = engine.result("merge", "-1", outputs[0], "-2", outputs[1], "-@", threads, *words)
    assert result.returncode == 0, result.stderr
    for output, lines in zip(outputs, expected, strict=True):
        subprocess.run(["bgzip", "--test", output], check=True)
        assert gzip.decompress(output.read_bytes()).decode().splitlines() == lines
    pairs = [line.split("\t") for line in result.stdout.splitlines() if line.startswith("pairs")]
    assert [group for _, group, _ in pairs] == [group for _, _, group in real_lanes()[:5]]
    assert sum(int(count) for *_, count in pairs) == len(expected[0]) // 4


@pytest.mark.parametrize("cut", [10, 5000, -20])
@pytest.mark.parametrize("form", ["gzip", "bgzip"])
@pytest.mark.parametrize("damaged", [0, 1])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_file_that_is_cut_short(
    program: Path, tmp_path: Path, cut: int, form: str, damaged: int, threads: str
) -> None:
    first, second, group = real_lanes()[0]
    files = [tmp_path / "a.gz", tmp_path / "b.gz"]
    for file, source in zip(files, (first, second), strict=True):
        text = gzip.decompress(source.read_bytes())
        bgzip = subprocess.run(["bgzip"], input=text, capture_output=True, check=True).stdout
        # Without the end-of-file block, which gzip does not ask for.
        file.write_bytes(gzip.compress(text, mtime=0) if form == "gzip" else bgzip[:-28])
    whole = files[damaged].read_bytes()
    files[damaged].write_bytes(whole[:cut])
    assert subprocess.run(["gzip", "-t", files[damaged]], check=False, capture_output=True).returncode == 1
    outputs = ("-1", tmp_path / "out.1", "-2", tmp_path / "out.2")
    result = Engine(program).result("merge", *outputs, "-@", threads, *files, "a.gz", "b.gz", group)
    sentence = f"{files[damaged].name} is not a complete gzip file: copy it again from its source"
    assert (result.returncode, result.stderr) == (1, f"bioinfo-assets-engine: {sentence}\n")
    assert not list(tmp_path.glob("out*"))
