import gzip
import json
import re
import subprocess
from hashlib import md5
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets_tests.steps.bench import TOOL_PATH, Bench, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, reference, somewhere
from bioinfo_assets_tests.steps.chain import Chain

FASTA = b">chr1 a comment\nACGTACGTAC\nGGTT\n>chr2\nTTTTT\n"


def source(path: Path, data: bytes) -> StoredFile:
    path.write_bytes(data)
    return stored(path)


@pytest.mark.parametrize(("name", "data"), [("tiny.fa", FASTA), ("tiny.fasta.gz", gzip.compress(FASTA, mtime=0))])
def test_a_reference_is_published_uncompressed(bench: Bench, tmp_path: Path, name: str, data: bytes) -> None:
    result = bench.run(fetch_reference(source(tmp_path / name, data), OutputLayout(str(tmp_path / "out"))))
    assert result.files["fasta"].uri == str(tmp_path / "out/references/tiny.fa")
    assert result.path("fasta").read_bytes() == FASTA
    assert result.report.facts == {"sequences": "2"}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("tiny.fa", b"", "tiny.fa is empty"),
        (
            "tiny.fa.gz",
            gzip.compress(FASTA * 100, mtime=0)[:-20],
            "tiny.fa.gz is not a complete gzip file: copy it again from its source",
        ),
        (
            "tiny.fa.gz",
            gzip.compress(FASTA, mtime=0) + b"trailing bytes",
            "tiny.fa.gz has bytes after its gzip stream: if it is complete without them, compress it again",
        ),
        ("tiny.fa.gz", b"<html><body>404</body></html>", "tiny.fa.gz is not FASTA"),
        ("tiny.fa", b">chr1\n", "tiny.fa has names but no sequence"),
    ],
)
def test_an_unusable_reference_is_a_failure_with_its_name(
    bench: Bench, tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    assert reason in bench.failure(fetch_reference(source(tmp_path / name, data), LAYOUT))


def test_an_unsafe_name_is_refused() -> None:
    with pytest.raises(InputError, match="is not the name of a reference"):
        fetch_reference(somewhere("/refs/it's $(x).fa"), LAYOUT)


class TestIndexing:
    def test_each_aligner_has_its_own_index_files(self) -> None:
        fasta = somewhere("/results/references/chr22.fa")
        suffixes = {
            aligner: {output.uri.removeprefix("/results/references/chr22") for output in job.outputs}
            for aligner in Aligner
            for job in [index_reference(fasta, None, aligner, LAYOUT)]
        }
        common = {".fa.amb", ".fa.ann", ".fa.pac", ".fa.fai", ".fa.refget.json", ".dict"}
        assert suffixes[Aligner.BWA] == common | {".fa.bwt", ".fa.sa"}
        assert suffixes[Aligner.BWA_MEM2] == common | {".fa.0123", ".fa.bwt.2bit.64"}

    def test_the_alt_file_is_published_with_the_index(self, bench: Bench, tmp_path: Path) -> None:
        fasta, alt = source(tmp_path / "tiny.fa", FASTA), source(tmp_path / "tiny.alt", b"chr2\t0\n")
        result = bench.run(index_reference(fasta, alt, Aligner.BWA, OutputLayout(str(tmp_path / "out"))))
        assert result.files["alt"].uri == str(tmp_path / "out/references/tiny.fa.alt")
        assert result.path("alt").read_bytes() == b"chr2\t0\n"
        assert result.report.facts["contigs"] == "2"
        assert result.report.facts["bases"] == "19"

    def test_the_dictionary_has_no_path(self, chain: Chain) -> None:
        dictionary = chain.results["reference_index"].path("dict").read_text()
        assert dictionary.splitlines()[1].split("\t")[1:3] == ["SN:chrM", "LN:16569"]
        assert dictionary.rstrip().endswith("UR:genome.fa")

    def test_the_dictionary_has_the_bytes_of_picard(self, bench: Bench, tmp_path: Path) -> None:
        """Of contigs with blanks in their names, lower-case and IUPAC bases, and lines of several lengths."""
        text = (
            b">chr1 a comment\nacgtnRYKMswbdhv\nAC\n>HLA-A*01:01:01:01\tx\n" + b"ACGTN" * 3000 + b"\n>c|3\r\nACGT\r\n"
        )
        fasta, theirs = source(tmp_path / "odd.fa", text), tmp_path / "theirs.dict"
        result = bench.run(index_reference(fasta, None, Aligner.BWA, OutputLayout(str(tmp_path / "out"))))
        words = ("--REFERENCE", fasta.uri, "--OUTPUT", str(theirs), "--URI", "odd.fa")
        command = [str(TOOL_PATH[0] / "picard"), "CreateSequenceDictionary", *words]
        subprocess.run(command, check=True, capture_output=True)
        assert result.path("dict").read_bytes() == theirs.read_bytes()

    def test_sequences_are_identified_by_digests(self, bench: Bench, tmp_path: Path) -> None:
        """The digests are those of the same collection in github.com/refgenie/refget, test_fasta_digests.json."""
        fasta = source(tmp_path / "base.fa", b">chrX a comment\r\nTTGG\r\nggaa\r\n>chr1\r\nGGAA\r\n>chr2\r\nGcGc\r\n")
        result = bench.run(index_reference(fasta, None, Aligner.BWA, OutputLayout(str(tmp_path / "out"))))
        document = json.loads(result.path("refget").read_text())
        assert result.report.facts["seqcol"] == document["seqcol"] == "XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk"
        md5s = {
            name: md5(bases, usedforsecurity=False).hexdigest()
            for name, bases in (("chrX", b"TTGGGGAA"), ("chr1", b"GGAA"), ("chr2", b"GCGC"))
        }
        assert {contig["name"]: contig["md5"] for contig in document["contigs"]} == md5s
        assert {name: text for name, text in result.report.facts.items() if name.startswith("m5.")} == {
            f"m5.{name}": digest for name, digest in md5s.items()
        }
        dictionary = result.path("dict").read_text()
        assert re.findall(r"SN:(\w+).*M5:(\w+)", dictionary) == list(md5s.items())

    @pytest.mark.parametrize(("contigs", "facts"), [(100, 100), (101, 0)])
    def test_m5s_of_many_contigs_are_in_the_file_only(
        self, bench: Bench, tmp_path: Path, contigs: int, facts: int
    ) -> None:
        fasta = source(tmp_path / "many.fa", b"".join(b">c%d\nACGT\n" % number for number in range(contigs)))
        result = bench.run(index_reference(fasta, None, Aligner.BWA, OutputLayout(str(tmp_path / "out"))))
        assert sum(name.startswith("m5.") for name in result.report.facts) == facts
        assert len(json.loads(result.path("refget").read_text())["contigs"]) == contigs

    def test_a_character_that_is_not_a_letter_is_a_failure(self, bench: Bench, tmp_path: Path) -> None:
        fasta = source(tmp_path / "tiny.fa", b">chr1\nACGT\n>chr2\nAC-T\n")
        assert bench.failure(index_reference(fasta, None, Aligner.BWA, LAYOUT)) == (
            "tiny.fa has '-' in chr2, which is not a letter of a sequence: remove it"
        )

    def test_a_repeated_name_is_a_failure(self, bench: Bench, tmp_path: Path) -> None:
        fasta = source(tmp_path / "tiny.fa", b">chr1\nACGT\n>chr1\nACGT\n")
        assert "tiny.fa has two sequences of one name" in bench.failure(
            index_reference(fasta, None, Aligner.BWA, LAYOUT)
        )

    @pytest.mark.parametrize("name", ["chr1,2", "*star", "=x", 'a"b', "chr(1)"])
    def test_a_name_that_is_not_valid_in_sam_is_a_failure(self, bench: Bench, tmp_path: Path, name: str) -> None:
        fasta = source(tmp_path / "tiny.fa", f">chr1\nACGT\n>{name} x\nACGT\n".encode())
        assert f"tiny.fa has a sequence named {name}, which is not a valid name in SAM" in bench.failure(
            index_reference(fasta, None, Aligner.BWA, LAYOUT)
        )

    def test_a_contig_too_long_for_an_index_is_a_failure(self, bench: Bench, tmp_path: Path) -> None:
        path, line = tmp_path / "wheat.fa", b"ACGTACGT" * 2**17 + b"\n"
        with path.open("wb") as file:
            file.write(b">3B\n")
            for _ in range(2**9):
                file.write(line)
        reason = bench.failure(
            index_reference(StoredFile(str(path), path.stat().st_size, "sha256:wheat"), None, Aligner.BWA, LAYOUT)
        )
        path.unlink()  # half a gigabyte
        assert "wheat.fa has the sequence 3B of 536870912 bases, and a BAM can be indexed up to 536,870,911" in reason

    @pytest.mark.parametrize(
        ("name", "alt", "warned"),
        [
            ("chr1_KI270762v1_alt", False, True),
            ("HLA-A*01:01:01:01", False, True),
            ("HLA-A*01:01:01:01", True, False),
            ("chr2", False, False),
        ],
    )
    def test_alternate_contigs_without_an_alt_file_give_a_warning(
        self, bench: Bench, tmp_path: Path, *, name: str, alt: bool, warned: bool
    ) -> None:
        fasta = source(tmp_path / "tiny.fa", FASTA.replace(b"chr2", name.encode()))
        alt_file = source(tmp_path / "tiny.alt", f"{name}\t0\n".encode()) if alt else None
        result = bench.run(index_reference(fasta, alt_file, Aligner.BWA, OutputLayout(str(tmp_path / "out"))))
        assert [warning.partition(":")[0] for warning in result.report.warnings] == (
            ["this reference has alternate contigs and no .alt file"] if warned else []
        )


def test_files_have_the_names_that_aligners_and_gatk_expect() -> None:
    indexed = reference(alt=True)
    assert [item.local for item in indexed.inputs()] == ["chr22.fa", "chr22.fa.fai", "chr22.dict"]
    assert indexed.dictionary_input() == indexed.inputs()[2]
    assert {item.local for item in indexed.index_inputs()} == {
        f"chr22.fa.{suffix}" for suffix in ("amb", "ann", "bwt", "pac", "sa", "alt")
    }


def test_a_reference_is_built_from_the_outputs_of_its_index() -> None:
    fasta, alt = somewhere("/results/references/chr22.fa"), somewhere("/refs/chr22.fa.alt")
    outputs = {output.key: somewhere(output.uri) for output in index_reference(fasta, alt, Aligner.BWA, LAYOUT).outputs}
    assert IndexedReference.of(fasta, Aligner.BWA, outputs) == reference(alt=True)
