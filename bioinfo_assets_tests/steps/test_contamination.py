"""How much of a sample is another person's: by real GATK, on reads of two people in known shares."""

import random
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

CONTIG, LENGTH, STEP, READ_LENGTH, READS = "c1", 200_000, 250, 100, 40_000
FREQUENCY = 0.18
SHARES = (0.1, 0.5)
FREQUENCIES = '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'


class People:
    """A contig with a common SNP every so many bases, and two people with two random copies of it each."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.bases = "".join(self._random.choices("ACGT", k=LENGTH))
        self.places = range(STEP, LENGTH - STEP, STEP)
        self.alternatives = {
            place: self._random.choice([base for base in "ACGT" if base != self.bases[place]]) for place in self.places
        }
        self.copies = [[self._copy() for _ in range(2)] for _ in range(2)]

    def _copy(self) -> str:
        bases = list(self.bases)
        for place, alternative in self.alternatives.items():
            if self._random.random() < FREQUENCY:
                bases[place] = alternative
        return "".join(bases)

    def write_bam(self, path: Path, share: float) -> IndexedBam:
        """Write reads of the first person, of which a share is the second one's."""
        lines = [f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:{CONTIG}\tLN:{LENGTH}\n@RG\tID:g\tSM:expt\tPL:ILLUMINA\tLB:l\n"]
        starts = sorted(self._random.randrange(LENGTH - READ_LENGTH) for _ in range(READS))
        for number, start in enumerate(starts):
            person = 1 if self._random.random() < share else 0
            bases = self._random.choice(self.copies[person])[start : start + READ_LENGTH]
            fields = (f"r{number}", "0", CONTIG, str(start + 1), "60", f"{READ_LENGTH}M", "*", "0", "0", bases)
            lines.append("\t".join((*fields, "I" * READ_LENGTH, "RG:Z:g")) + "\n")
        command = ["samtools", "view", "-b", "--write-index", "-o", f"{path}##idx##{path}.bai", "-"]
        subprocess.run(command, input="".join(lines), text=True, check=True)
        return IndexedBam(stored(path), stored(path.with_name(f"{path.name}.bai")))

    def write_vcf(
        self, path: Path, header: str = FREQUENCIES, contig: str = CONTIG, length: int = LENGTH
    ) -> StoredFile:
        rows = (
            f"{contig}\t{place + 1}\t.\t{self.bases[place]}\t{self.alternatives[place]}\t.\tPASS\tAF={FREQUENCY}\n"
            for place in self.places
        )
        contigs = f"##contig=<ID={contig},length={length}>\n"
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        return bgzipped(path, f"##fileformat=VCFv4.2\n{header}{contigs}{columns}{''.join(rows)}")


@pytest.fixture(scope="module")
def people() -> People:
    return People(seed=5)


@pytest.fixture(scope="module")
def results(people: People, tmp_path_factory: pytest.TempPathFactory) -> Mapping[float, StepResult]:
    """By the share of the second person."""
    folder = tmp_path_factory.mktemp("contamination")
    sites = people.write_vcf(folder / "common.vcf.gz")
    jobs = [
        estimate_contamination(
            f"expt{number}", people.write_bam(folder / f"{number}.bam", share), sites, OutputLayout(str(folder / "out"))
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
        assert int(result.report.facts["sites"]) == pytest.approx(len(people.places), rel=0.03)


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
    sites = people.write_vcf(tmp_path / "sites.vcf.gz", header="")
    assert bench.failure(job(tmp_path, bam, sites)) == (
        "sites.vcf.gz has no allele frequencies (INFO field AF): give variants that have, such as those of gnomAD"
    )


def test_the_place_of_the_variants_does_not_count(people: People, bam: IndexedBam, tmp_path: Path) -> None:
    """A project that was moved with them reuses its results: the script is part of what decides that."""
    sites = people.write_vcf(tmp_path / "sites.vcf.gz")
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
    sites = people.write_vcf(tmp_path / "sites.vcf.gz", contig=contig, length=length)
    assert reason in bench.failure(job(tmp_path, bam, sites))


def test_a_file_that_is_no_vcf_is_a_failure(bench: Bench, bam: IndexedBam, tmp_path: Path) -> None:
    text = tmp_path / "sites.vcf.gz"
    text.write_text("chr1\t100\n")
    assert bench.failure(job(tmp_path, bam, stored(text))) == (
        f"{text.name} is not a bgzipped VCF: give common variants as .vcf.gz"
    )
