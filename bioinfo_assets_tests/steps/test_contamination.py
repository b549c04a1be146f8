"""How much of a sample is another person's: by real GATK, on reads of two people in known shares."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.genomics.metrics import contamination_numbers
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.pipeline.assessments import MAX_HETEROZYGOUS_RATIO
from bioinfo_assets.steps.contamination import estimate_contamination
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets_tests.steps.bench import Bench, StepResult, stored
from bioinfo_assets_tests.steps.builders import bgzipped
from bioinfo_assets_tests.steps.people import CONTIG, LENGTH, People

FREQUENCY = 0.18
SHARES = (0.1, 0.5)
FREQUENCIES = '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'


@pytest.fixture(scope="module")
def people() -> People:
    return People(5, FREQUENCY, distance=250)


def write_mixed_bam(people: People, path: Path, share: float) -> IndexedBam:
    """Write reads of the first person, of which a share is the second one's."""
    return people.write_bam(path, "expt", ["g"], lambda _: 1 if people.random.random() < share else 0, reads=40_000)


def write_vcf(
    people: People, path: Path, header: str = FREQUENCIES, contig: str = CONTIG, length: int = LENGTH
) -> StoredFile:
    rows = (
        f"{contig}\t{place + 1}\t.\t{people.bases[place]}\t{other}\t.\tPASS\tAF={FREQUENCY}\n"
        for place, other in people.alternatives.items()
    )
    contigs = f"##contig=<ID={contig},length={length}>\n##contig=<ID=another,length=1000>\n"
    another = f"another\t100\t.\tA\tC\t.\tPASS\tAF={FREQUENCY}\n"  # the reference may have fewer contigs
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    return bgzipped(path, f"##fileformat=VCFv4.2\n{header}{contigs}{columns}{''.join(rows)}{another}")


@pytest.fixture(scope="module")
def results(people: People, tmp_path_factory: pytest.TempPathFactory) -> Mapping[float, StepResult]:
    """By the share of the second person."""
    folder = tmp_path_factory.mktemp("contamination")
    sites = write_vcf(people, folder / "common.vcf.gz")
    jobs = [
        estimate_contamination(
            f"expt{number}",
            write_mixed_bam(people, folder / f"{number}.bam", share),
            sites,
            OutputLayout(str(folder / "out")),
        )
        for number, share in enumerate(SHARES)
    ]
    return dict(zip(SHARES, Bench(folder / "jobs").run_all(jobs), strict=True))


def test_the_estimate_is_the_share_of_the_other_person(results: Mapping[float, StepResult]) -> None:
    numbers = contamination_numbers(results[0.1].path("table").read_text())
    assert numbers["contamination"] == pytest.approx(0.1, abs=3 * numbers["contamination_error"])
    assert 0 < numbers["contamination_error"] < 0.03


def test_every_variant_with_enough_reads_is_counted(people: People, results: Mapping[float, StepResult]) -> None:
    for result in results.values():
        assert int(result.report.facts["sites"]) == pytest.approx(len(people.alternatives), rel=0.03)


def test_two_people_in_equal_parts_are_seen_by_their_heterozygous_sites(results: Mapping[float, StepResult]) -> None:
    """GATK takes them for one."""
    assert contamination_numbers(results[0.5].path("table").read_text())["contamination"] < 0.25
    ratios = {share: float(result.report.facts["heterozygous_ratio"]) for share, result in results.items()}
    assert ratios[0.1] < MAX_HETEROZYGOUS_RATIO < ratios[0.5]


@pytest.fixture
def bam(people: People, tmp_path: Path) -> IndexedBam:
    path = tmp_path / "expt.bam"
    header = f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:{CONTIG}\tLN:{LENGTH}\n"
    command = ["samtools", "view", "-b", "--write-index", "-o", f"{path}##idx##{path}.bai", "-"]
    subprocess.run(command, input=header, text=True, check=True)
    return IndexedBam(stored(path), stored(path.with_name(f"{path.name}.bai")))


def job(folder: Path, bam: IndexedBam, sites: StoredFile) -> Job:
    return estimate_contamination("expt", bam, sites, OutputLayout(str(folder / "out")))


def test_variants_without_frequencies_are_a_failure(
    bench: Bench, people: People, bam: IndexedBam, tmp_path: Path
) -> None:
    sites = write_vcf(people, tmp_path / "sites.vcf.gz", header="")
    assert bench.failure(job(tmp_path, bam, sites)) == (
        "sites.vcf.gz has no allele frequencies (INFO field AF): give variants that have, such as those of gnomAD"
    )


def test_the_place_of_the_variants_does_not_count(people: People, bam: IndexedBam, tmp_path: Path) -> None:
    """A project that was moved with them reuses its results: the script is part of what decides that."""
    sites = write_vcf(people, tmp_path / "sites.vcf.gz")
    moved = replace(sites, uri="/elsewhere/sites.vcf.gz")
    assert job(tmp_path, bam, moved).script == job(tmp_path, bam, sites).script


@pytest.mark.parametrize(
    ("contig", "length", "reason"),
    [
        (CONTIG, LENGTH + 1, "is of another reference, where c1 has 200001 bases, and not 200000: take variants of"),
        ("chr1", LENGTH, "has no record on a contig of the reference: take variants of the reference's assembly"),
    ],
)
def test_variants_of_another_reference_are_a_failure(
    bench: Bench, people: People, bam: IndexedBam, tmp_path: Path, contig: str, length: int, reason: str
) -> None:
    sites = write_vcf(people, tmp_path / "sites.vcf.gz", contig=contig, length=length)
    assert reason in bench.failure(job(tmp_path, bam, sites))


def test_a_file_that_is_no_vcf_is_a_failure(bench: Bench, bam: IndexedBam, tmp_path: Path) -> None:
    text = tmp_path / "sites.vcf.gz"
    text.write_text("chr1\t100\n")
    assert bench.failure(job(tmp_path, bam, stored(text))) == (
        f"{text.name} is not a bgzipped VCF: give common variants as .vcf.gz"
    )
