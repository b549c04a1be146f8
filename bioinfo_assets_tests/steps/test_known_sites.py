import gzip
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets_tests.steps.bench import stored
from bioinfo_assets_tests.steps.builders import LAYOUT, bgzipped, reference, somewhere, vcf

SITES = vcf("chrM\t152\t.\tT\tC\t.\t.\t.", "chrM\t263\t.\tA\tG\t.\t.\t.")


def test_an_index_is_made_where_none_is_given(bench, chain, tmp_path):
    source = KnownSites(bgzipped(tmp_path / "mills.vcf.gz", SITES), None)
    made = bench.run(fetch_known_sites([source], chain.reference.fai, Layout(str(tmp_path / "out"))))
    (sites,) = KnownSites.all_of(made.files)
    assert sites.vcf.uri == str(tmp_path / "out/references/mills.vcf.gz")
    assert gzip.decompress(Path(sites.vcf.uri).read_bytes()).decode() == SITES
    assert sites.tbi is not None
    assert gzip.decompress(Path(sites.tbi.uri).read_bytes())[:3] == b"TBI"


def test_several_files_have_indexes_of_their_own(bench, tmp_path, chain):
    (given,) = chain.sites
    other = KnownSites(bgzipped(tmp_path / "other.vcf.gz", SITES), None)
    made = bench.run(fetch_known_sites([given, other], chain.reference.fai, Layout(str(tmp_path / "out"))))
    assert set(made.files) == {"mt.sites.vcf.gz", "mt.sites.vcf.gz.tbi", "other.vcf.gz", "other.vcf.gz.tbi"}
    assert given.tbi is not None
    assert made.path("mt.sites.vcf.gz.tbi").read_bytes() == Path(given.tbi.uri).read_bytes()


def test_an_index_of_another_file_hides_no_site(bench, tmp_path, chain):
    """Sites of chr1 whose index lies beside those of chrM: by it, GATK would find none."""
    elsewhere = bgzipped(tmp_path / "elsewhere.vcf.gz", vcf("chr1\t152\t.\tT\tC\t.\t.\t."))
    subprocess.run(["tabix", "-p", "vcf", elsewhere.uri], check=True)
    stale = stored(Path(f"{elsewhere.uri}.tbi"))
    source = KnownSites(bgzipped(tmp_path / "sites.vcf.gz", SITES), stale)
    made = bench.run(fetch_known_sites([source], chain.reference.fai, Layout(str(tmp_path / "out"))))
    command = ["tabix", made.path("sites.vcf.gz"), "chrM"]
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert [line.split("\t")[1] for line in found.splitlines()] == ["152", "263"]


def plain_gzip(path: Path) -> StoredFile:
    path.write_bytes(gzip.compress(SITES.encode()))
    return stored(path)


def cut_short(path: Path) -> StoredFile:
    whole = bgzipped(path, SITES)
    path.write_bytes(path.read_bytes()[:-28])  # the block that marks the end of a BGZF file
    return StoredFile(whole.uri, whole.size - 28, whole.content)


def empty(path: Path) -> StoredFile:
    path.touch()
    return stored(path)


NO_RECORD = "has no record on a contig of the reference: take sites of the reference's assembly"


def without_contigs(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("##contig"))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (plain_gzip, "sites.vcf.gz is not compressed in blocks: uncompress it, and compress it again with bgzip"),
        (cut_short, "sites.vcf.gz is cut short or damaged"),
        (empty, "sites.vcf.gz is empty"),
        (lambda path: bgzipped(path, "chrM\t1\t2\n"), "sites.vcf.gz is not VCF"),
        (
            lambda path: bgzipped(path, vcf("chrM\t263\t.\tA\tG\t.\t.\t.", "chrM\t152\t.\tT\tC\t.\t.\t.")),
            "sites.vcf.gz cannot be indexed: sort its records",
        ),
        # Headers that name chrM, or no contig at all, above records of another assembly, or above none.
        (lambda path: bgzipped(path, vcf("MT\t152\t.\tT\tC\t.\t.\t.")), f"sites.vcf.gz {NO_RECORD}"),
        (lambda path: bgzipped(path, vcf()), f"sites.vcf.gz {NO_RECORD}"),
        (
            lambda path: bgzipped(path, without_contigs(vcf("chrMT\t152\t.\tT\tC\t.\t.\t."))),
            f"sites.vcf.gz {NO_RECORD}",
        ),
    ],
)
def test_a_vcf_that_cannot_be_used_is_told_by_its_name(bench, chain, tmp_path, make, why):
    source = KnownSites(make(tmp_path / "sites.vcf.gz"), None)
    assert why in bench.failure(fetch_known_sites([source], chain.reference.fai, LAYOUT))


def test_two_files_of_one_name_are_refused():
    sources = [KnownSites(somewhere(f"{folder}/mills.vcf.gz"), None) for folder in ("/a", "s3://b/c")]
    with pytest.raises(InputError, match=r"both named mills\.vcf\.gz: rename one"):
        fetch_known_sites(sources, reference().fai, LAYOUT)


@pytest.mark.parametrize("uri", ["/refs/mills.vcf", "/refs/mills.bcf", "/refs/a b.vcf.gz", "/refs/$(x).vcf.gz"])
def test_what_has_no_name_of_a_bgzipped_vcf_is_refused(uri):
    with pytest.raises(InputError, match="is not the name of bgzipped known sites"):
        fetch_known_sites([KnownSites(somewhere(uri), None)], reference().fai, LAYOUT)


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match="no known sites to fetch"):
        fetch_known_sites([], reference().fai, LAYOUT)
