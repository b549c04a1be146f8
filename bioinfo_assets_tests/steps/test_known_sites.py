import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets_tests.steps.bench import Bench, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, bgzipped, reference, somewhere, vcf
from bioinfo_assets_tests.steps.chain import Chain

SITES = vcf("chrM\t152\t.\tT\tC\t.\t.\t.", "chrM\t263\t.\tA\tG\t.\t.\t.")


def test_a_vcf_without_index_is_indexed(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    source = KnownSites(bgzipped(tmp_path / "mills.vcf.gz", SITES), None)
    result = bench.run(fetch_known_sites([source], chain.reference.fai, OutputLayout(str(tmp_path / "out"))))
    (sites,) = KnownSites.all_of(result.files)
    assert sites.vcf.uri == str(tmp_path / "out/references/mills.vcf.gz")
    assert gzip.decompress(Path(sites.vcf.uri).read_bytes()).decode() == SITES
    assert sites.tbi is not None
    assert gzip.decompress(Path(sites.tbi.uri).read_bytes())[:3] == b"TBI"


def test_each_of_several_files_is_indexed(bench: Bench, tmp_path: Path, chain: Chain) -> None:
    (first,) = chain.sites
    other = KnownSites(bgzipped(tmp_path / "other.vcf.gz", SITES), None)
    result = bench.run(fetch_known_sites([first, other], chain.reference.fai, OutputLayout(str(tmp_path / "out"))))
    assert set(result.files) == {"mt.sites.vcf.gz", "mt.sites.vcf.gz.tbi", "other.vcf.gz", "other.vcf.gz.tbi"}
    assert first.tbi is not None
    assert result.path("mt.sites.vcf.gz.tbi").read_bytes() == Path(first.tbi.uri).read_bytes()


def test_an_index_of_another_file_is_not_used(bench: Bench, tmp_path: Path, chain: Chain) -> None:
    """An index of sites of chr1, with which GATK would find no site of chrM."""
    other = bgzipped(tmp_path / "other.vcf.gz", vcf("chr1\t152\t.\tT\tC\t.\t.\t."))
    subprocess.run(["tabix", "-p", "vcf", other.uri], check=True)
    stale = stored(Path(f"{other.uri}.tbi"))
    source = KnownSites(bgzipped(tmp_path / "sites.vcf.gz", SITES), stale)
    result = bench.run(fetch_known_sites([source], chain.reference.fai, OutputLayout(str(tmp_path / "out"))))
    command = ["tabix", str(result.path("sites.vcf.gz")), "chrM"]
    rows = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert [line.split("\t")[1] for line in rows.splitlines()] == ["152", "263"]


def plain_gzip(path: Path) -> StoredFile:
    path.write_bytes(gzip.compress(SITES.encode()))
    return stored(path)


def truncated(path: Path) -> StoredFile:
    file = bgzipped(path, SITES)
    path.write_bytes(path.read_bytes()[:-28])  # the block that marks the end of a BGZF file
    return StoredFile(file.uri, file.size - 28, file.content)


def empty(path: Path) -> StoredFile:
    path.touch()
    return stored(path)


NO_RECORD = "has no record on a contig of the reference: take sites of the reference's assembly"


def without_contigs(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("##contig"))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (plain_gzip, "sites.vcf.gz is not compressed with bgzip: uncompress it, and compress it again with bgzip"),
        (truncated, "sites.vcf.gz is truncated or damaged: copy it again from its source"),
        (empty, "sites.vcf.gz is empty"),
        (lambda path: bgzipped(path, "chrM\t1\t2\n"), "sites.vcf.gz is not VCF"),
        (
            lambda path: bgzipped(path, vcf("chrM\t263\t.\tA\tG\t.\t.\t.", "chrM\t152\t.\tT\tC\t.\t.\t.")),
            "sites.vcf.gz cannot be indexed: sort its records",
        ),
        # Headers with chrM or without contigs, followed by records of another assembly or by no record.
        (lambda path: bgzipped(path, vcf("MT\t152\t.\tT\tC\t.\t.\t.")), f"sites.vcf.gz {NO_RECORD}"),
        (lambda path: bgzipped(path, vcf()), f"sites.vcf.gz {NO_RECORD}"),
        (
            lambda path: bgzipped(path, without_contigs(vcf("chrMT\t152\t.\tT\tC\t.\t.\t."))),
            f"sites.vcf.gz {NO_RECORD}",
        ),
    ],
)
def test_an_unusable_vcf_is_a_failure_with_its_name(
    bench: Bench, chain: Chain, tmp_path: Path, build: Callable[[Path], StoredFile], reason: str
) -> None:
    source = KnownSites(build(tmp_path / "sites.vcf.gz"), None)
    assert reason in bench.failure(fetch_known_sites([source], chain.reference.fai, LAYOUT))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("R\tG\t.\t.\t.", "the REF R"),
        ("A\tG,Y\t.\t.\t.", "the ALT Y"),
        ("A\tG\t.\t.\tCLNDN=a long name", "a blank in its INFO"),
        ("A\t<INS>\t.\tPASS\tEND=255;SVTYPE=INS", "the END 255 before its position"),
        ("A\tG", "5 columns in place of 8"),
    ],
)
def test_a_record_that_gatk_cannot_read_is_a_failure_with_its_position(
    bench: Bench, chain: Chain, tmp_path: Path, fields: str, problem: str
) -> None:
    """GATK would end with an exception that does not name the file, after hours."""
    text = vcf("chrM\t152\t.\tT\tC\t.\t.\t.", f"chrM\t263\t.\t{fields}")
    source = KnownSites(bgzipped(tmp_path / "sites.vcf.gz", text), None)
    assert bench.failure(fetch_known_sites([source], chain.reference.fai, LAYOUT)) == (
        f"sites.vcf.gz cannot be read by GATK, its record at chrM:263 has {problem}: correct or remove such records"
    )


def test_alleles_that_gatk_reads_are_accepted(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    alleles = ["*", ".", "<DEL>", "<NON_REF>", "G,*", "G]chrM:9]", "]chrM:9]G", "acg"]
    records = [f"chrM\t{number}\t.\tn\t{alt}\t.\t.\tEND={number};X=1" for number, alt in enumerate(alleles, start=20)]
    source = KnownSites(bgzipped(tmp_path / "sites.vcf.gz", vcf(*records)), None)
    bench.run(fetch_known_sites([source], chain.reference.fai, OutputLayout(str(tmp_path / "out"))))


def test_two_files_of_one_name_are_refused() -> None:
    sources = [KnownSites(somewhere(f"{folder}/mills.vcf.gz"), None) for folder in ("/a", "s3://b/c")]
    with pytest.raises(InputError, match=r"are named mills\.vcf\.gz: rename one"):
        fetch_known_sites(sources, reference().fai, LAYOUT)


@pytest.mark.parametrize("uri", ["/refs/mills.vcf", "/refs/mills.bcf", "/refs/a b.vcf.gz", "/refs/$(x).vcf.gz"])
def test_a_name_without_the_suffix_of_a_bgzipped_vcf_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="is not the name of bgzipped known sites"):
        fetch_known_sites([KnownSites(somewhere(uri), None)], reference().fai, LAYOUT)


def test_an_empty_list_of_files_is_refused() -> None:
    with pytest.raises(InputError, match="no known sites to fetch"):
        fetch_known_sites([], reference().fai, LAYOUT)
