"""The final alignment as CRAM: by real samtools on real reads, and compared with the BAM before it counts."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.launch.job import Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.cram import compress
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.reference import Aligner, IndexedReference
from bioinfo_assets_tests.steps.bench import TOOL_PATH, Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain


def compress_chain(chain: Chain, folder: Path, *, embedded: bool, bam: IndexedBam | None = None) -> Job:
    layout = OutputLayout(str(folder / "out"))
    return compress(SAMPLE, bam or chain.recalibrated, chain.reference, layout, embedded=embedded)


def records(path: Path | str, *options: str) -> list[tuple[list[str], list[str]]]:
    """The fields of each record, and its tags in alphabetical order."""
    lines = (line.split("\t") for line in samtools("view", *options, str(path)))
    return [(fields[:11], sorted(fields[11:])) for fields in lines]


def header(path: Path | str) -> list[str]:
    return samtools("view", "-H", "--no-PG", str(path))


def changed_bam(chain: Chain, folder: Path, sed: str) -> IndexedBam:
    """The final BAM after a change of its SAM text."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "changed.bam"
    text = "\n".join([*samtools("view", "-h", "--no-PG", chain.recalibrated.bam.uri), ""])
    edited = subprocess.run(["sed", "-E", sed], input=text, capture_output=True, check=True, text=True).stdout
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", str(path)], input=edited, text=True, check=True)
    subprocess.run(["samtools", "index", str(path)], check=True)
    return IndexedBam(stored(path), stored(Path(f"{path}.bai")))


@pytest.fixture(scope="module")
def embedded(chain: Chain) -> StepResult:
    return chain.results["recalibrated_cram"]


@pytest.fixture(scope="module")
def external(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> StepResult:
    folder = tmp_path_factory.mktemp("external")
    return Bench(folder / "scratch").run(compress_chain(chain, folder, embedded=False))


@pytest.fixture(autouse=True)
def no_reference_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REF_PATH", "/nonexistent")


def test_it_has_the_records_and_the_header_of_the_bam(chain: Chain, embedded: StepResult, external: StepResult) -> None:
    expected = records(chain.recalibrated.bam.uri)
    assert len(expected) > 1000
    assert records(embedded.path("cram")) == expected
    assert records(external.path("cram"), "-T", chain.reference.fasta.uri) == expected
    for result in (embedded, external):
        assert header(result.path("cram")) == header(chain.recalibrated.bam.uri)
        assert result.report.facts == {"records": str(len(expected))}
        assert result.path("cram").stat().st_size < chain.recalibrated.bam.size


def test_tags_that_samtools_could_compute_are_stored(chain: Chain, embedded: StepResult) -> None:
    """Readers by htsjdk, such as GATK, do not compute MD and NM."""
    stored_tags = records(embedded.path("cram"), "--input-fmt-option", "decode_md=0")
    assert stored_tags == records(chain.recalibrated.bam.uri)
    assert any(tag.startswith("MD:Z:") for tag in stored_tags[0][1])


def test_gatk_reads_the_same_tags(chain: Chain, embedded: StepResult, tmp_path: Path) -> None:
    copy = tmp_path / "copy.bam"
    command = [str(TOOL_PATH[0] / "gatk"), "PrintReads", "-I", str(embedded.path("cram"))]
    subprocess.run([*command, "-R", chain.reference.fasta.uri, "-O", str(copy)], capture_output=True, check=True)
    assert records(copy) == records(chain.recalibrated.bam.uri)


def test_an_external_reference_is_needed_and_found_by_its_md5(
    chain: Chain, external: StepResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = subprocess.run(["samtools", "view", external.path("cram")], capture_output=True, check=False)
    assert without.returncode != 0
    sequence = "".join(samtools("faidx", chain.reference.fasta.uri, "chrM")[1:])
    md5 = hashlib.md5(sequence.upper().encode(), usedforsecurity=False).hexdigest()
    assert f"M5:{md5}" in "\n".join(header(external.path("cram")))
    (tmp_path / md5).write_text(sequence.upper())
    monkeypatch.setenv("REF_PATH", f"{tmp_path}/%s")
    assert records(external.path("cram")) == records(chain.recalibrated.bam.uri)


def test_it_is_version_3_0_which_other_readers_know(embedded: StepResult, external: StepResult) -> None:
    """Bytes 0 to 5 of a CRAM are its magic number and version (CRAM specification, section 6)."""
    for result in (embedded, external):
        assert result.path("cram").read_bytes()[:6] == b"CRAM\x03\x00"


def test_index_and_md5_belong_to_it(chain: Chain, embedded: StepResult) -> None:
    line = f"{embedded.path('md5').read_text()}  {embedded.path('cram')}\n"
    subprocess.run(["md5sum", "--check"], input=line, capture_output=True, check=True, text=True)
    every = records(chain.recalibrated.bam.uri)
    place = int(every[len(every) // 2][0][3])
    names = {
        path: [line.split("\t")[0] for line in samtools("view", path, f"chrM:{place}-{place}")]
        for path in (str(embedded.path("cram")), chain.recalibrated.bam.uri)
    }
    of_cram, of_bam = names.values()
    assert 0 < len(of_bam) < len(every)
    assert of_cram == of_bam


def test_its_header_names_no_folder_of_the_job(embedded: StepResult, external: StepResult) -> None:
    for result in (embedded, external):
        assert "UR:" not in "\n".join(header(result.path("cram")))


def test_content_is_that_of_the_records(
    chain: Chain, embedded: StepResult, external: StepResult, tmp_path: Path
) -> None:
    """The form of the reference changes the bytes of the file, a `@PG` line does not count, a flag does."""
    assert embedded.files["cram"].content == external.files["cram"].content
    assert embedded.path("cram").read_bytes() != external.path("cram").read_bytes()
    bench = Bench(tmp_path / "scratch")
    more_pg = changed_bam(chain, tmp_path / "pg", "1,/^@PG/s/^@PG/@PG\tID:other\tPN:other\\n&/")
    assert header(more_pg.bam.uri) != header(chain.recalibrated.bam.uri)
    result = bench.run(compress_chain(chain, tmp_path / "1", embedded=True, bam=more_pg))
    assert result.files["cram"].content == embedded.files["cram"].content
    flags = changed_bam(chain, tmp_path / "flags", r"s/^([^@\t]+\t)99\t/\11123\t/")
    other = bench.run(compress_chain(chain, tmp_path / "2", embedded=True, bam=flags))
    assert other.files["cram"].content != embedded.files["cram"].content


@pytest.mark.parametrize(
    "change",
    [
        r"s/\t(MD|NM):[^\t]*//g",  # samtools would add them by itself
        r"/^@/!s/\tNM:i:[0-9]+/\tNM:i:99/",  # another number than samtools would compute
        r"/^@/!s/\tRG:Z:[^\t]*//",
        r"/^@/!s/$/\tXa:i:-70000\tXb:f:0.1\tXc:B:c,-1,2\tXd:A:x\tXe:H:1AE3/",
        r"s/\tM5:[^\t]*//",
    ],
    ids=["no MD and NM", "another NM", "no read group", "every type of tag", "no M5"],
)
def test_what_a_bam_may_contain_is_kept(chain: Chain, tmp_path: Path, change: str) -> None:
    bam = changed_bam(chain, tmp_path / "bam", change)
    assert (header(bam.bam.uri), records(bam.bam.uri)) != (
        header(chain.recalibrated.bam.uri),
        records(chain.recalibrated.bam.uri),
    )
    result = Bench(tmp_path / "scratch").run(compress_chain(chain, tmp_path, embedded=True, bam=bam))
    assert records(result.path("cram"), "--input-fmt-option", "decode_md=0") == records(bam.bam.uri)
    assert header(result.path("cram")) == header(bam.bam.uri)


def test_what_cram_cannot_keep_is_a_failure(chain: Chain, tmp_path: Path) -> None:
    """CRAM has one operation for matches and mismatches: it does not distinguish = and X in a CIGAR."""
    bam = changed_bam(chain, tmp_path / "bam", r"/^@/!s/\t151M\t/\t151=\t/")
    reason = Bench(tmp_path / "scratch").failure(compress_chain(chain, tmp_path, embedded=True, bam=bam))
    assert f"{SAMPLE}.recalib.cram, decoded, differs from {SAMPLE}.recalib.bam (of_bam.sam of_cram.sam differ" in reason
    assert reason.endswith("keep the BAM, and set cram to off")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ('[[ $1 != view || " $* " != *" -T "*.cram" " ]] || exec "$real" "$@" -F 4 -q 1', "decoded, differs from"),
        ('[[ $1 != reheader ]] || { shift 2; sed 1d "$1" > x; exec "$real" reheader --no-PG x -; }', "the header of"),
        ('[[ $1 != view || " $* " != *" decode_md"* ]] || exit 3', "failed with exit code 3"),
        ('[[ $1 != view || " $* " != *" decode_md"* ]] || exit 0', "has 0 records, and its input has"),
    ],
    ids=["a record is lost", "the header differs", "neither can be decoded", "both seem to be empty"],
)
def test_a_cram_that_differs_from_the_bam_does_not_count(
    chain: Chain, tmp_path: Path, change: str, reason: str
) -> None:
    """Real samtools, with one call of it changed."""
    (tmp_path / "bin").mkdir()
    real = subprocess.run(["which", "samtools"], capture_output=True, check=True, text=True).stdout.strip()
    broken = tmp_path / "bin" / "samtools"
    broken.write_text(f'#!/bin/bash\nreal={real}\n{change}\nexec "$real" "$@"\n')
    broken.chmod(0o755)
    bench = Bench(tmp_path / "scratch", (broken.parent, *TOOL_PATH))
    assert reason in bench.failure(compress_chain(chain, tmp_path, embedded=False))


def test_a_bam_without_m5_gets_no_external_reference(chain: Chain, tmp_path: Path) -> None:
    bam = changed_bam(chain, tmp_path / "bam", r"s/\tM5:[^\t]*//")
    reason = Bench(tmp_path / "scratch").failure(compress_chain(chain, tmp_path, embedded=False, bam=bam))
    assert reason == (
        f"the header of {SAMPLE}.recalib.bam has contigs without M5, by which readers of a CRAM find the reference: "
        "set cram to embedded"
    )


def test_a_bam_of_another_reference_is_a_failure(chain: Chain, tmp_path: Path) -> None:
    bam = changed_bam(chain, tmp_path / "bam", rf"s/\tM5:[^\t]*/\tM5:{'0' * 32}/")
    reason = Bench(tmp_path / "scratch").failure(compress_chain(chain, tmp_path, embedded=True, bam=bam))
    assert "is of another reference" in reason


def test_a_bam_without_records(chain: Chain, tmp_path: Path) -> None:
    bam = changed_bam(chain, tmp_path / "bam", "/^@/!d")
    result = Bench(tmp_path / "scratch").run(compress_chain(chain, tmp_path, embedded=True, bam=bam))
    assert result.report.facts == {"records": "0"}
    assert records(result.path("cram")) == []


def test_several_contigs_and_reads_without_a_place(tmp_path: Path) -> None:
    """Slices of a CRAM with reads on several contigs, and with reads on none."""
    fasta = tmp_path / "genome.fa"
    names = [f"contig{number}" for number in range(40)]
    fasta.write_text("".join(f">{name}\n{'ACGTTGCA' * 25}\n" for name in names))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    subprocess.run(["samtools", "dict", "-o", tmp_path / "genome.dict", fasta], check=True)
    rows = [f"r{n}\t0\t{name}\t5\t60\t8M\t*\t0\t0\tTGCAACGT\tFFFF,:FF\tNM:i:0" for n, name in enumerate(names)]
    rows += ["u1\t77\t*\t0\t0\t*\t*\t0\t0\tACGNN\t#####", "u1\t141\t*\t0\t0\t*\t*\t0\t0\t*\t*"]
    text = "\n".join(["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{name}\tLN:200" for name in names), *rows, ""])
    path = tmp_path / "small.bam"
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", path], input=text, text=True, check=True)
    subprocess.run(["samtools", "index", path], check=True)
    fai, dictionary = stored(tmp_path / "genome.fa.fai"), stored(tmp_path / "genome.dict")
    reference = IndexedReference(stored(fasta), fai, dictionary, Aligner.BWA, {})
    bam = IndexedBam(stored(path), stored(Path(f"{path}.bai")))
    job = compress("expt", bam, reference, OutputLayout(str(tmp_path / "out")), embedded=True)
    result = Bench(tmp_path / "scratch").run(job)
    assert records(result.path("cram"), "--input-fmt-option", "decode_md=0") == records(path)
