import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.genomics.builders import bgzip

URI = "/sites/dbsnp.vcf.gz"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chr1,length=248956422,assembly=GRCh38>\n"
    '##contig=<assembly="a,length=3",length=57227415,ID=chrY>\n'
    "##contig=<ID=HLA-A*01:01:01:01>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="contig=<ID=chr7,length=7>">\n'
)
VCF = HEADER + COLUMNS + "chr1\t100\t.\tA\tC\t.\t.\t.\n"
CONTIGS = {"chr1": 248956422, "chrY": 57227415, "HLA-A*01:01:01:01": None}


def test_contigs_and_lengths_are_read_from_the_header() -> None:
    assert contigs_of_vcf(URI, bgzip(VCF)) == CONTIGS


def test_a_header_without_contigs_has_none() -> None:
    assert contigs_of_vcf(URI, bgzip(f"##fileformat=VCFv4.2\n{COLUMNS}")) == {}


def test_windows_line_ends_are_accepted() -> None:
    assert contigs_of_vcf(URI, bgzip(VCF.replace("\n", "\r\n"))) == CONTIGS


LONG = bgzip(HEADER + "".join(f"##filler={number * 7919}\n" for number in range(20_000)) + COLUMNS)


@given(st.integers(20, len(LONG)))
def test_a_header_that_is_longer_than_the_data_needs_more_bytes(cut: int) -> None:
    contigs = contigs_of_vcf(URI, LONG[:cut])
    assert contigs in (None, CONTIGS)
    assert contigs is None or cut > len(LONG) - 2000


def test_a_header_over_several_blocks_is_read() -> None:
    assert contigs_of_vcf(URI, LONG) == CONTIGS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (VCF.encode(), "is not compressed: run `bgzip"),
        (gzip.compress(VCF.encode(), mtime=0), "compressed with gzip, .*bgzip.*tabix -p vcf"),
        (bgzip("BCF\2\2"), "is not a VCF"),
        (bgzip(VCF.replace("VCFv4.2", "VCFv4.4")), "is VCF 4.4, and GATK reads versions up to 4.3"),
        (bgzip("chr1\t100\n"), "is not a VCF"),
        (bgzip(VCF)[:60] + b"\xff" * 60, "damaged"),
        (bgzip(HEADER), "no line that begins with '#CHROM'"),
        (bgzip(HEADER + "chr1\t100\t.\tA\tC\t.\t.\t.\n"), "no line that begins with '#CHROM'"),
    ],
)
def test_an_unusable_file_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        contigs_of_vcf(URI, data, complete=True)
    assert URI in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=100))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with suppress(InputError):
        contigs_of_vcf(URI, data)


def test_sites_of_the_genome_match_a_reference_of_one_chromosome() -> None:
    check_known_sites(URI, CONTIGS, [Contig("chr1", 248956422)])


def test_sites_of_one_chromosome_match_a_reference_of_the_genome() -> None:
    check_known_sites(URI, {"chr1": 248956422}, [Contig("chr1", 248956422), Contig("chr2", 242193529)])


def test_a_contig_without_length_is_matched_by_name() -> None:
    check_known_sites(URI, {"chr1": None}, [Contig("chr1", 248956422)])


def test_other_contigs_are_refused_with_the_names_of_both() -> None:
    contigs = dict.fromkeys(["1", "2", "3", "4", "5"])
    with pytest.raises(
        InputError, match=r"it has '1', '2', '3' and 2 more, the reference 'chr22'; .*bcftools annotate"
    ):
        check_known_sites(URI, contigs, [Contig("chr22", 50818468)])


def test_sites_without_contigs_are_refused() -> None:
    with pytest.raises(InputError, match="it has none"):
        check_known_sites(URI, {}, [Contig("chr22", 50818468)])


def test_a_different_length_is_another_assembly() -> None:
    # chr22 of hg19 against that of hg38.
    with pytest.raises(InputError, match="its chr22 has 51304566 bases, the reference's has 50818468"):
        check_known_sites(URI, {"chr22": 51304566, "chr1": None}, [Contig("chr22", 50818468)])


def test_the_contigs_of_the_sites_of_na12878_are_read() -> None:
    sites = na12878().known_sites[0]
    contigs = contigs_of_vcf(str(sites), sites.read_bytes(), complete=True)
    assert contigs == {"chrM": 16569}
