import gzip
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.script import read_script
from bioinfo_assets_tests.steps.bench import Bench, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, fastq, lane, read_group, record, somewhere, text_of
from bioinfo_assets_tests.steps.chain import LANES, Chain, lane_files


def lane_of(folder: Path, first: list[str], second: list[str], id_: str = "FC1.4") -> LaneFiles:
    return LaneFiles(
        read_group(id_), fastq(folder / f"{id_}_1.fastq.gz", first), fastq(folder / f"{id_}_2.fastq.gz", second)
    )


def firsts(*names: str) -> list[str]:
    return [record(name, "ACGT") for name in names]


def seconds(*names: str) -> list[str]:
    return [record(name, "TTGG") for name in names]


def merged(bench: Bench, tmp_path: Path, *lanes: LaneFiles) -> tuple[str, str]:
    result = bench.run(merge_reads("expt", lanes, OutputLayout(str(tmp_path / "out")), Engine.GATK))
    return text_of(result.path("reads1")), text_of(result.path("reads2"))


def pairing_outcome(folder: Path, first: list[str], second: list[str]) -> str:
    """The outcome of the script that pairs the two files of a lane."""
    for number, records in enumerate((first, second), start=1):
        (folder / f"read.{number}").write_text("".join(records))
    names = {**os.environ, "name1": "x_1", "name2": "x_2", "comment": "RG:Z:FC1.4"}
    subprocess.run(["awk", read_script("pair_reads.awk"), "read.1"], cwd=folder, env=names, check=True)
    return (folder / "outcome").read_text()


class TestMergedReads:
    def test_the_read_group_replaces_the_comment_and_the_third_line_is_short(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        lanes = lane_of(
            tmp_path,
            [record("M:1:FC1:4:1:1:1 1:N:0:ACGT", "ACGT", plus="+M:1:FC1:4:1:1:1 1:N:0:ACGT")],
            [record("M:1:FC1:4:1:1:1\t2:N:0:ACGT", "TTGG")],
        )
        assert merged(bench, tmp_path, lanes) == (
            "@M:1:FC1:4:1:1:1\tRG:Z:FC1.4\nACGT\n+\nIIII\n",
            "@M:1:FC1:4:1:1:1\tRG:Z:FC1.4\nTTGG\n+\nIIII\n",
        )

    @pytest.mark.parametrize(
        ("name1", "name2", "name"),
        [
            ("r/1", "r/2", "r"),
            ("r/1 x", "r/2 y", "r"),
            ("SRR1.7.1 7 length=4", "SRR1.7.2 7 length=4", "SRR1.7"),
            ("SRR1.1", "SRR1.1", "SRR1.1"),
        ],
    )
    def test_the_read_number_is_removed_from_the_name(
        self, bench: Bench, tmp_path: Path, name1: str, name2: str, name: str
    ) -> None:
        first, second = merged(bench, tmp_path, lane_of(tmp_path, firsts(name1), seconds(name2)))
        assert first.split("\n")[0] == second.split("\n")[0] == f"@{name}\tRG:Z:FC1.4"

    def test_lanes_are_merged_in_the_order_of_their_read_groups(self, bench: Bench, tmp_path: Path) -> None:
        late = lane_of(tmp_path, firsts("b"), seconds("b"), "FC2.1")
        early = lane_of(tmp_path, firsts("a"), seconds("a"), "FC1.8")
        first, _ = merged(bench, tmp_path, late, early)
        assert [line for line in first.split("\n") if line.startswith("@")] == ["@a\tRG:Z:FC1.8", "@b\tRG:Z:FC2.1"]

    def test_every_pair_of_every_lane_is_kept(self, chain: Chain) -> None:
        result = chain.results["merged_reads"]
        counts: dict[str, str] = {}
        for flowcell, number in LANES:
            lines = gzip.decompress(Path(lane_files(flowcell, number).reads1.uri).read_bytes()).count(b"\n")
            counts[f"pairs.{flowcell}.{number}"] = str(lines // 4)
        assert result.report.facts == counts | {"pairs": str(sum(map(int, counts.values())))}
        assert text_of(result.path("reads1")).count("\n") == 4 * int(result.report.facts["pairs"])

    def test_dots_are_unknown_bases(self, bench: Bench, tmp_path: Path) -> None:
        """cutadapt counts only N as unknown (`--max-n`)."""
        lanes = lane_of(tmp_path, [record("a", ".C.T")], [record("a", "TT.N")])
        assert [text.split("\n")[1] for text in merged(bench, tmp_path, lanes)] == ["NCNT", "TTNN"]

    @pytest.mark.parametrize("blank1", range(6))
    @pytest.mark.parametrize("blank2", [0, 1, 4])
    def test_blank_lines_at_the_end_are_ignored(self, tmp_path: Path, blank1: int, blank2: int) -> None:
        assert (
            pairing_outcome(tmp_path, [*firsts("a", "b"), blank1 * "\n"], [*seconds("a", "b"), blank2 * "\n"])
            == "pairs 2\n"
        )

    @pytest.mark.parametrize("blank", [1, 4, 5])
    def test_a_blank_line_between_reads_is_an_error_of_its_file(self, tmp_path: Path, blank: int) -> None:
        gap, intact = ["@a\nACGT\n+\nIIII\n", blank * "\n", "@b\nACGT\n+\nIIII\n"], firsts("a", "b")
        assert pairing_outcome(tmp_path, gap, intact).startswith("error x_1 is not FASTQ at line 5:")
        assert pairing_outcome(tmp_path, intact, gap).startswith("error x_2 is not FASTQ at line 5:")

    def test_a_missing_read_is_found_before_blank_lines(self, tmp_path: Path) -> None:
        short = [*firsts("a"), "\n\n"]
        assert pairing_outcome(tmp_path, firsts("a", "b"), short).startswith(
            "error x_1 has more reads than x_2, which ends after 1:"
        )
        assert pairing_outcome(tmp_path, short, firsts("a", "b")).startswith(
            "error x_2 has more reads than x_1, which ends after 1:"
        )

    @pytest.mark.parametrize("engine", Engine)
    def test_the_only_empty_block_is_at_the_end(self, bench: Bench, tmp_path: Path, engine: Engine) -> None:
        """Some programs stop reading at the first (OpenGene/fastp#711). SAM specification, 4.1.2: its bytes."""
        end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
        lanes = [lane_of(tmp_path, firsts(id_), seconds(id_), id_) for id_ in ("FC1.4", "FC1.5", "FC1.6")]
        result = bench.run(merge_reads("expt", lanes, OutputLayout(str(tmp_path / "out")), engine))
        for key in ("reads1", "reads2"):
            data = result.path(key).read_bytes()
            assert data.index(end) == len(data) - len(end)

    def test_several_lanes_in_one_file_give_a_warning(self, bench: Bench, tmp_path: Path) -> None:
        """Such files are written by `cat` of lanes and bcl2fastq's --no-lane-splitting."""
        names = [f"M:1:FC1:{number}:1101:{x}:1{umi}" for umi in ("", ":ACGT") for number in (1, 2, 1) for x in (1, 2)]
        several, names2 = lane_of(tmp_path, firsts(*names), seconds(*names)), [f"M:1:FC2:1:1:{x}:1" for x in (1, 2)]
        single = lane_of(tmp_path, firsts(*names2), seconds(*names2), "FC2.1")
        older = lane_of(tmp_path, firsts("M:1:1:1:1", "M:2:1:1:1"), seconds("M:1:1:1:1", "M:2:1:1:1"), "FC3.1")
        result = bench.run(
            merge_reads("expt", [several, single, older], OutputLayout(str(tmp_path / "out")), Engine.GATK)
        )
        assert result.report.warnings == (
            "FC1.4_1.fastq.gz holds reads of 2 lanes under one read group: split it by lane",
        )

    def test_a_read_group_is_not_interpreted_by_the_shell(self, bench: Bench, tmp_path: Path) -> None:
        group = ReadGroup("""a'"$(touch${IFS}pwned)\\t;|""", "expt", "expt", "ILLUMINA", "x")
        files = lane_of(tmp_path, firsts("a"), seconds("a"))
        first, _ = merged(bench, tmp_path, LaneFiles(group, files.reads1, files.reads2))
        assert first.split("\n")[0] == f"@a\tRG:Z:{group.id}"
        assert not list(tmp_path.rglob("pwned"))


class TestDamagedReads:
    @pytest.mark.parametrize(
        ("first", "second", "reason"),
        [
            (["a", "b"], ["a"], "FC1.4_1.fastq.gz has more reads than FC1.4_2.fastq.gz, which ends after 1:"),
            (["a"], ["a", "b"], "FC1.4_2.fastq.gz has more reads than FC1.4_1.fastq.gz, which ends after 1:"),
            (["a", "b"], ["a", "c"], "do not hold the same pairs: record 2 is b in the first and c in the second"),
            (["r/2"], ["r/1"], "do not hold the same pairs: record 1 is r/2 in the first and r/1 in the second"),
            ([], ["a"], "FC1.4_2.fastq.gz has more reads than FC1.4_1.fastq.gz, which ends after 0:"),
        ],
    )
    def test_reads_of_different_pairs(
        self, bench: Bench, tmp_path: Path, first: list[str], second: list[str], reason: str
    ) -> None:
        lanes = lane_of(tmp_path, firsts(*first), seconds(*second))
        assert reason in bench.failure(merge_reads("expt", [lanes], LAYOUT, Engine.GATK))

    def test_an_empty_lane(self, bench: Bench, tmp_path: Path) -> None:
        files = [tmp_path / name for name in ("empty_1.fastq.gz", "empty_2.fastq.gz")]
        for file in files:
            file.write_bytes(gzip.compress(b"", mtime=len(file.name)))
        empty = LaneFiles(read_group(), *(replace(stored(file), content=file.name) for file in files))
        assert bench.failure(merge_reads("expt", [empty], LAYOUT, Engine.GATK)) == (
            "empty_1.fastq.gz and empty_2.fastq.gz hold no reads: leave this lane out"
        )

    @pytest.mark.parametrize(
        ("broken", "message"),
        [
            (">a\nACGT\n", "is not FASTQ at line 1"),
            ("@a\nACGT\nACGT\nIIII\n", "is not FASTQ at line 3"),
            ("@a\nACGT\n+\nIII\n", "is not FASTQ at line 4"),
            ("@a\n\n+\n\n", "has a read without bases at line 2: remove such pairs with `cutadapt -m 1`"),
            ("@a\nAC-T\n+\nIIII\n", "has a character that is not a base at line 2: write unknown bases as N"),
            ("@a\nACGT\n+\nII\tI\n", "has a character that is not a quality at line 4"),
            (f"@{'a' * 255}\nACGT\n+\nIIII\n", "has a read name of 255 characters at line 1, and a BAM can hold 254"),
            ("@a\nACGT\n", "ends within a record, at line 2: copy it again from its source"),
            (
                "@a\r\nACGT\r\n+\r\nIIII\r\n",
                "has Windows line ends: rewrite it with `zcat FILE | tr -d '\\r' | gzip > NEW`",
            ),
        ],
    )
    @pytest.mark.parametrize("broken_read", [1, 2])
    def test_a_malformed_fastq(self, bench: Bench, tmp_path: Path, broken: str, message: str, broken_read: int) -> None:
        intact = [record("a", "ACGT"), record("b", "ACGT")]
        texts = ([broken], intact) if broken_read == 1 else (intact, [broken])
        reason = bench.failure(merge_reads("expt", [lane_of(tmp_path, *texts)], LAYOUT, Engine.GATK))
        assert f"FC1.4_{broken_read}.fastq.gz {message}" in reason

    @pytest.mark.parametrize("cut", ["reads1", "reads2"])
    def test_a_truncated_gzip(self, bench: Bench, tmp_path: Path, cut: str) -> None:
        intact = lane_files("HJYFJ", 4)
        truncated = tmp_path / "expt_FC1_L4.fastq.gz"
        truncated.write_bytes(Path(getattr(intact, cut).uri).read_bytes()[:-5000])
        files = {"reads1": intact.reads1, "reads2": intact.reads2, cut: stored(truncated)}
        lanes = [lane_files("HJYFJ", 5), LaneFiles(intact.read_group, **files)]
        assert bench.failure(merge_reads("NA12878", lanes, LAYOUT, Engine.GATK)) == (
            "expt_FC1_L4.fastq.gz is not a complete gzip file: copy it again from its source"
        )

    def test_bytes_after_a_gzip_stream(self, bench: Bench, tmp_path: Path) -> None:
        """They may be the rest of a file that is damaged there: gzip ignores both."""
        lanes = lane_of(tmp_path, firsts("a"), seconds("a"))
        file = Path(lanes.reads2.uri)
        file.write_bytes(file.read_bytes() + b"trailing bytes")
        lanes = replace(lanes, reads2=stored(file))
        reason = bench.failure(merge_reads("expt", [lanes], LAYOUT, Engine.GATK))
        assert "FC1.4_2.fastq.gz has bytes after its gzip stream: if it is complete without them, compress" in reason

    def test_an_uncompressed_file(self, bench: Bench, tmp_path: Path) -> None:
        plain = tmp_path / "plain_1.fastq.gz"
        plain.write_text(record("a"))
        lanes = LaneFiles(read_group(), stored(plain), fastq(tmp_path / "x_2.fastq.gz", [record("a")]))
        assert "plain_1.fastq.gz is not a complete gzip file" in bench.failure(
            merge_reads("expt", [lanes], LAYOUT, Engine.GATK)
        )


class TestRefusedInputs:
    def test_no_lane(self) -> None:
        with pytest.raises(InputError, match="sample expt has no lanes"):
            merge_reads("expt", [], LAYOUT, Engine.GATK)

    def test_one_read_group_twice(self) -> None:
        with pytest.raises(InputError, match=r"two lanes with the read group FC1\.4"):
            merge_reads("expt", [lane(), lane(stem="/reads/again")], LAYOUT, Engine.GATK)

    def test_the_same_reads_under_two_names(self) -> None:
        copy = StoredFile("/other/copy.fastq.gz", 1000, lane().reads1.content)
        again = LaneFiles(read_group("FC1.5"), copy, somewhere("/other/x"))
        with pytest.raises(InputError, match=r"the same reads in /reads/expt_FC1_L4_1.fastq.gz and /other/copy"):
            merge_reads("expt", [lane(), again], LAYOUT, Engine.GATK)

    def test_a_read_group_with_a_blank(self) -> None:
        with pytest.raises(InputError, match="give it an ID without blanks"):
            merge_reads("expt", [lane("FC 1")], LAYOUT, Engine.GATK)
