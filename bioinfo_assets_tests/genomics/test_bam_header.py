"""Headers of BAMs that samtools wrote, and of bytes that are none."""

import gzip
import re
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import (
    EOF_BLOCK,
    BamHeader,
    Sequenced,
    contigs_of_index,
    other_contigs,
    parse_bam_header,
    parse_read_group,
    parse_sam_header,
)

HEADER = (
    "@HD\tVN:1.6\tSO:coordinate",
    "@SQ\tSN:chr1\tLN:1000\tM5:0123456789abcdef0123456789abcdef",
    "@SQ\tSN:chr2\tLN:500",
    "@RG\tID:FC1.4\tSM:expt\tLB:lib:1",
    "@CO\tSM:nobody\tsaid by hand",
)


def bam(*header: str, records: Sequence[str] = ()) -> bytes:
    """What samtools makes of SAM text."""
    text = "".join(f"{line}\n" for line in (*header, *records))
    return subprocess.run(
        ["samtools", "view", "-b", "--no-PG", "-"], input=text.encode(), stdout=subprocess.PIPE, check=True
    ).stdout


def sam_record(name: str, position: int = 0) -> str:
    place = f"4\t*\t{position}\t0\t*" if position == 0 else f"0\tchr1\t{position}\t60\t4M"
    return f"{name}\t{place}\t*\t0\t0\tACGT\tFFFF"


def parsed(data: bytes) -> BamHeader:
    header = parse_bam_header("/x.bam", data, whole=True)
    assert header is not None
    return header


def test_what_samtools_wrote_is_read():
    header = parsed(bam(*HEADER))
    assert header.sort_order == "coordinate"
    assert header.contigs == (
        Sequenced("chr1", 1000, "0123456789abcdef0123456789abcdef"),
        Sequenced("chr2", 500),
    )
    assert header.read_groups == ({"ID": "FC1.4", "SM": "expt", "LB": "lib:1"},)
    assert header.samples == ("expt",)
    assert header.text.splitlines() == list(HEADER)


def test_a_header_that_says_nothing_of_its_order():
    assert parsed(bam(*HEADER[1:])).sort_order == "unknown"


def test_samples_are_told_once_each_and_a_group_without_one_is_told_too():
    groups = ("@RG\tID:a\tSM:expt", "@RG\tID:b\tSM:expt", "@RG\tID:c", "@RG\tID:d\tSM:toy")
    assert parsed(bam(*HEADER[:3], *groups)).samples == ("expt", "", "toy")


def test_every_bam_of_samtools_ends_with_the_blocks_that_the_specification_prints():
    assert bam(*HEADER).endswith(EOF_BLOCK)


def test_more_bytes_are_asked_for_until_the_header_is_whole():
    contigs = [f"@SQ\tSN:contig{number}\tLN:{number}" for number in range(1, 5001)]
    data = bam(HEADER[0], *contigs)
    needed = next(
        length
        for length in range(64, len(data) + 64, 64)
        if parse_bam_header("/x.bam", data[:length], whole=False) is not None
    )
    header = parse_bam_header("/x.bam", data[:needed], whole=False)
    assert header is not None
    assert header.contigs == parsed(data).contigs
    assert [contig.length for contig in header.contigs] == list(range(1, 5001))
    with pytest.raises(InputError, match=r"^/x.bam ends within its header"):
        parse_bam_header("/x.bam", data[: needed - 64], whole=True)


def test_records_of_which_those_of_one_read_stand_together():
    names = ["r1", "r1", "r2", "r2", "r3"]
    header = parsed(bam(*HEADER[1:], records=[sam_record(name) for name in names]))
    assert header.first_names == tuple(names)
    assert not header.splits_reads


def test_records_of_which_another_stands_between():
    names = ["r1", "r2", "r1", "r2"]
    assert parsed(bam(*HEADER[1:], records=[sam_record(name, 10) for name in names])).splits_reads


@pytest.mark.parametrize(
    "data",
    [b"", b"@HD\tVN:1.6\n", gzip.compress(b"BAM\x01"), b"CRAM\x03\x00" + bytes(40)],
    ids=["empty", "SAM", "plain gzip", "CRAM"],
)
def test_another_format_is_told(data: bytes):
    with pytest.raises(InputError, match=re.escape("/x.bam is not a BAM: convert it with `samtools view -b`")):
        parse_bam_header("/x.bam", data, whole=True)


def test_a_vcf_is_blocked_gzip_and_no_bam():
    vcf = subprocess.run(["bgzip", "-c"], input=b"##fileformat=VCFv4.2\n", stdout=subprocess.PIPE, check=True).stdout
    with pytest.raises(InputError, match="is not a BAM"):
        parse_bam_header("/x.vcf.gz", vcf, whole=True)


def test_a_damaged_block_is_told():
    data = bytearray(bam(*HEADER))
    data[40] ^= 0xFF
    with pytest.raises(InputError, match=r"^/x.bam is damaged"):
        parse_bam_header("/x.bam", bytes(data), whole=True)


def test_the_index_of_samtools_tells_how_many_contigs_it_is_of(tmp_path: Path):
    path = tmp_path / "x.bam"
    path.write_bytes(bam(*HEADER))
    subprocess.run(["samtools", "index", str(path)], check=True)
    assert contigs_of_index("/x.bai", path.with_name("x.bam.bai").read_bytes()[:8]) == 2
    with pytest.raises(InputError, match=r"^/x.bai is not the index of a BAM.*samtools index"):
        contigs_of_index("/x.bai", b"CSI\x01\x02\x00\x00\x00")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (["chr1 1000 aa", "chr2 500"], ""),
        (["chr1 1000", "chr2 500"], ""),
        (["chr1 1000 bb", "chr2 500"], "its contig 1 is chr1 (1000 bases, M5 aa), and that of the reference is"),
        (["chr2 500", "chr1 1000"], "its contig 1 is chr1 (1000 bases, M5 aa), and that of the reference is chr2"),
        (["chr1 1001", "chr2 500"], "is chr1 (1001 bases)"),
        (["1 1000", "2 500"], "is 1 (1000 bases)"),
        (["chr1 1000"], "it has 2 contigs, and the reference has 1"),
    ],
)
def test_another_reference_is_told_by_its_first_contig_that_differs(reference: list[str], said: str):
    def contig(text: str) -> Sequenced:
        name, length, *md5 = text.split()
        return Sequenced(name, int(length), *md5)

    found = other_contigs([contig("chr1 1000 aa"), contig("chr2 500")], [contig(text) for text in reference])
    assert bool(found) == bool(said)
    assert said in found


def test_a_dictionary_is_a_header_without_records():
    header = parse_sam_header("@HD\tVN:1.6\n@SQ\tSN:chrM\tLN:16569\tM5:aa\tUR:file:/x.fa\n")
    assert header.contigs == (Sequenced("chrM", 16569, "aa"),)
    with pytest.raises(ValueError, match="no length"):
        parse_sam_header("@SQ\tSN:chrM\n")


@pytest.mark.parametrize("separator", ["\t", "\\t"])
def test_a_read_group_as_a_user_types_it(separator: str):
    group = parse_read_group(separator.join(["@RG", "ID:a", "SM:expt", "LB:l", "PL:illumina", "PU:FC1.4"]))
    assert (group.id, group.sample, group.platform_unit) == ("a", "expt", "FC1.4")


@pytest.mark.parametrize(
    ("line", "lacks"),
    [("@RG\tID:a\tSM:b\tPL:ILLUMINA\tPU:u", "no LB"), ("@RG\tID:a", "no SM and no LB and no PL"), ("", "no ID and")],
)
def test_a_read_group_that_lacks_something(line: str, lacks: str):
    with pytest.raises(InputError, match=lacks):
        parse_read_group(line)


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(names=st.lists(st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,10}", fullmatch=True), unique=True, max_size=6))
def test_any_contigs_come_back_in_their_order(names: list[str]):
    lines = [f"@SQ\tSN:{name}\tLN:{number}" for number, name in enumerate(names, start=1)]
    assert [(contig.name, contig.length) for contig in parsed(bam("@HD\tVN:1.6", *lines)).contigs] == [
        (name, number) for number, name in enumerate(names, start=1)
    ]


@given(fields=st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9]", fullmatch=True), words, min_size=1, max_size=5))
def test_any_fields_of_a_read_group_come_back(fields: dict[str, str]):
    line = "\t".join(["@RG", *(f"{tag}:{value}" for tag, value in fields.items())])
    assert parse_sam_header(f"{line}\n").read_groups == (fields,)


@given(data=st.binary(max_size=200), where=st.integers(0, 200))
def test_bytes_that_are_no_header_are_told_and_nothing_else_is_raised(data: bytes, where: int):
    inner = b"BAM\x01" + data
    blocked = blocked_gzip(inner)
    for given_bytes in (data, blocked, blocked[:where] + blocked[where + 1 :]):
        try:
            parse_bam_header("/x.bam", given_bytes, whole=True)
        except InputError as error:
            assert "/x.bam" in str(error)  # noqa: PT017 - most bytes raise, a few are a header


def blocked_gzip(data: bytes) -> bytes:
    """One block as the SAM specification has it in section 4.1, and the end."""

    stream = zlib.compressobj(wbits=-15)
    packed = stream.compress(data) + stream.flush()
    size = (len(packed) + 25).to_bytes(2, "little")
    tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return EOF_BLOCK[:16] + size + packed + tail + EOF_BLOCK
