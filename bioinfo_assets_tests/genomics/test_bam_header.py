"""Headers of BAMs that samtools wrote, and bytes that are not a header."""

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
    contig_difference,
    count_indexed_contigs,
    parse_bam_header,
    parse_read_group,
    parse_sam_header,
)
from bioinfo_assets.genomics.reference import Contig

HEADER = (
    "@HD\tVN:1.6\tSO:coordinate",
    "@SQ\tSN:chr1\tLN:1000\tM5:0123456789abcdef0123456789abcdef",
    "@SQ\tSN:chr2\tLN:500",
    "@RG\tID:FC1.4\tSM:expt\tLB:lib:1",
    "@CO\tSM:nobody\twritten by hand",
)


def bam(*header: str, records: Sequence[str] = ()) -> bytes:
    """A BAM, converted from SAM text by samtools."""
    text = "".join(f"{line}\n" for line in (*header, *records))
    return subprocess.run(
        ["samtools", "view", "-b", "--no-PG", "-"], input=text.encode(), stdout=subprocess.PIPE, check=True
    ).stdout


def sam_record(name: str, position: int = 0) -> str:
    place = f"4\t*\t{position}\t0\t*" if position == 0 else f"0\tchr1\t{position}\t60\t4M"
    return f"{name}\t{place}\t*\t0\t0\tACGT\tFFFF"


def parsed(data: bytes) -> BamHeader:
    header = parse_bam_header("/x.bam", data, complete=True)
    assert header is not None
    return header


def test_a_header_written_by_samtools_is_parsed() -> None:
    header = parsed(bam(*HEADER))
    assert header.sort_order == "coordinate"
    assert header.contigs == (
        Contig("chr1", 1000, "0123456789abcdef0123456789abcdef"),
        Contig("chr2", 500),
    )
    assert header.read_groups == ({"ID": "FC1.4", "SM": "expt", "LB": "lib:1"},)
    assert header.samples == ("expt",)
    assert header.text.splitlines() == list(HEADER)


def test_the_order_is_unknown_without_an_hd_line() -> None:
    assert parsed(bam(*HEADER[1:])).sort_order == "unknown"


def test_samples_are_unique_and_a_read_group_without_one_has_an_empty_name() -> None:
    groups = ("@RG\tID:a\tSM:expt", "@RG\tID:b\tSM:expt", "@RG\tID:c", "@RG\tID:d\tSM:toy")
    assert parsed(bam(*HEADER[:3], *groups)).samples == ("expt", "", "toy")


def test_a_bam_of_samtools_ends_with_the_block_in_the_specification() -> None:
    assert bam(*HEADER).endswith(EOF_BLOCK)


def test_a_truncated_header_needs_more_bytes() -> None:
    contigs = [f"@SQ\tSN:contig{number}\tLN:{number}" for number in range(1, 5001)]
    data = bam(HEADER[0], *contigs)
    needed = next(
        length
        for length in range(1024, len(data) + 1024, 1024)
        if parse_bam_header("/x.bam", data[:length], complete=False) is not None
    )
    header = parse_bam_header("/x.bam", data[:needed], complete=False)
    assert header is not None
    assert header.contigs == parsed(data).contigs
    assert [contig.length for contig in header.contigs] == list(range(1, 5001))
    with pytest.raises(InputError, match=r"^/x.bam ends within its header"):
        parse_bam_header("/x.bam", data[: needed - 64], complete=True)


def test_records_of_a_read_that_are_adjacent() -> None:
    names = ["r1", "r1", "r2", "r2", "r3"]
    header = parsed(bam(*HEADER[1:], records=[sam_record(name) for name in names]))
    assert header.first_names == tuple(names)
    assert not header.has_scattered_reads


def test_records_of_a_read_that_are_scattered() -> None:
    names = ["r1", "r2", "r1", "r2"]
    assert parsed(bam(*HEADER[1:], records=[sam_record(name, 10) for name in names])).has_scattered_reads


def test_a_contig_without_bases_is_damage() -> None:
    header = b"BAM\x01" + bytes(4) + (1).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"chr1\0" + bytes(4)
    with pytest.raises(InputError, match=r"^/x.bam is damaged in its header"):
        parse_bam_header("/x.bam", blocked_gzip(header), complete=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"@HD\tVN:1.6\n", gzip.compress(b"BAM\x01"), b"CRAM\x03\x00" + bytes(40)],
    ids=["empty", "SAM", "plain gzip", "CRAM"],
)
def test_another_format_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=re.escape("/x.bam is not a BAM: convert it with `samtools view -b`")):
        parse_bam_header("/x.bam", data, complete=True)


def test_a_bgzipped_vcf_is_not_a_bam() -> None:
    vcf = subprocess.run(["bgzip", "-c"], input=b"##fileformat=VCFv4.2\n", stdout=subprocess.PIPE, check=True).stdout
    with pytest.raises(InputError, match="is not a BAM"):
        parse_bam_header("/x.vcf.gz", vcf, complete=True)


def test_a_damaged_block_is_refused() -> None:
    data = bytearray(bam(*HEADER))
    data[40] ^= 0xFF
    with pytest.raises(InputError, match=r"^/x.bam is damaged"):
        parse_bam_header("/x.bam", bytes(data), complete=True)


def test_contigs_are_counted_in_an_index_of_samtools(tmp_path: Path) -> None:
    path = tmp_path / "x.bam"
    path.write_bytes(bam(*HEADER))
    subprocess.run(["samtools", "index", str(path)], check=True)
    assert count_indexed_contigs("/x.bai", path.with_name("x.bam.bai").read_bytes()[:8]) == 2
    with pytest.raises(InputError, match=r"^/x.bai is not the index of a BAM.*samtools index"):
        count_indexed_contigs("/x.bai", b"CSI\x01\x02\x00\x00\x00")


@pytest.mark.parametrize(
    ("reference", "message"),
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
def test_the_first_contig_that_differs_from_the_reference_is_described(reference: list[str], message: str) -> None:
    def contig(text: str) -> Contig:
        name, length, *md5 = text.split()
        return Contig(name, int(length), *md5)

    difference = contig_difference([contig("chr1 1000 aa"), contig("chr2 500")], [contig(text) for text in reference])
    assert bool(difference) == bool(message)
    assert message in difference


def test_a_dictionary_is_parsed_as_a_header() -> None:
    header = parse_sam_header("@HD\tVN:1.6\n@SQ\tSN:chrM\tLN:16569\tM5:aa\tUR:file:/x.fa\n")
    assert header.contigs == (Contig("chrM", 16569, "aa"),)
    with pytest.raises(ValueError, match="no length"):
        parse_sam_header("@SQ\tSN:chrM\n")


@pytest.mark.parametrize("separator", ["\t", "\\t"])
def test_a_read_group_is_parsed_as_typed_by_a_user(separator: str) -> None:
    group = parse_read_group(separator.join(["@RG", "ID:a", "SM:expt", "LB:l", "PL:illumina", "PU:FC1.4"]))
    assert (group.id, group.sample, group.platform_unit) == ("a", "expt", "FC1.4")


@pytest.mark.parametrize(
    ("line", "missing"),
    [("@RG\tID:a\tSM:b\tPL:ILLUMINA\tPU:u", "no LB"), ("@RG\tID:a", "no SM and no LB and no PL"), ("", "no ID and")],
)
def test_a_read_group_without_a_required_field_is_refused(line: str, missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        parse_read_group(line)


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(names=st.lists(st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,10}", fullmatch=True), unique=True, max_size=6))
def test_contigs_are_parsed_in_their_order(names: list[str]) -> None:
    lines = [f"@SQ\tSN:{name}\tLN:{number}" for number, name in enumerate(names, start=1)]
    assert [(contig.name, contig.length) for contig in parsed(bam("@HD\tVN:1.6", *lines)).contigs] == [
        (name, number) for number, name in enumerate(names, start=1)
    ]


@given(fields=st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9]", fullmatch=True), words, min_size=1, max_size=5))
def test_all_fields_of_a_read_group_are_parsed(fields: dict[str, str]) -> None:
    line = "\t".join(["@RG", *(f"{tag}:{value}" for tag, value in fields.items())])
    assert parse_sam_header(f"{line}\n").read_groups == (fields,)


@given(data=st.binary(max_size=200), where=st.integers(0, 200))
def test_bytes_that_are_not_a_header_raise_an_input_error_only(data: bytes, where: int) -> None:
    inner = b"BAM\x01" + data
    blocked = blocked_gzip(inner)
    for file in (data, blocked, blocked[:where] + blocked[where + 1 :]):
        try:
            parse_bam_header("/x.bam", file, complete=True)
        except InputError as error:
            assert "/x.bam" in str(error)  # noqa: PT017 - most bytes raise, a few are a header


def blocked_gzip(data: bytes) -> bytes:
    """One block by section 4.1 of the SAM specification, and the end-of-file block."""
    stream = zlib.compressobj(wbits=-15)
    packed = stream.compress(data) + stream.flush()
    size = (len(packed) + 25).to_bytes(2, "little")
    tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return EOF_BLOCK[:16] + size + packed + tail + EOF_BLOCK
