"""Which samples are one person's: by real Picard, on reads of two simulated people."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.fingerprint import LOD_THRESHOLD, Comparison, take_fingerprint
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.steps.bench import Bench, StepResult, stored
from bioinfo_assets_tests.steps.builders import reference
from bioinfo_assets_tests.steps.people import CONTIG, LENGTH, People

SAMPLES: Mapping[str, Mapping[str, int]] = {
    "tumor": {"g1": 0, "g2": 0},
    "normal": {"g1": 0},
    "other": {"g1": 1},
    "mixed": {"g1": 0, "g2": 1},
    "shallow": {"g1": 0},
    "blank": {"g1": 0, "g2": 0},
}
"""By sample, the person of each of its read groups."""

READS: Mapping[str, int] = {"shallow": 30, "blank": 0}
"""By sample, how many it has; others have 10,000."""

COLUMNS = "#CHROMOSOME\tPOSITION\tNAME\tMAJOR_ALLELE\tMINOR_ALLELE\tMAF\tANCHOR_SNP\tPANELS\n"


@pytest.fixture(scope="module")
def people() -> People:
    return People(7, frequency=0.4, distance=1000)


def write_map(
    people: People, path: Path, contig: str = CONTIG, length: int = LENGTH, variants: int = 1000
) -> StoredFile:
    rows = [
        f"{contig}\t{place + 1}\ts{place}\t{people.bases[place]}\t{other}\t{people.frequency}\t\t\n"
        for place, other in people.alternatives.items()
    ]
    others = "@SQ\tSN:alt\tLN:500\n"  # as in a map for a reference with more contigs
    path.write_text(f"@HD\tVN:1.6\n{others}@SQ\tSN:{contig}\tLN:{length}\n{COLUMNS}{''.join(rows[:variants])}")
    return stored(path)


def write_reference(people: People, folder: Path) -> IndexedReference:
    fasta = folder / "genome.fa"
    fasta.write_text(f">{CONTIG}\n{people.bases}\n")
    subprocess.run(["samtools", "faidx", fasta], check=True)
    subprocess.run(["samtools", "dict", "-o", folder / "genome.dict", fasta], check=True)
    return replace(
        reference(),
        fasta=stored(fasta),
        fai=stored(folder / "genome.fa.fai"),
        dictionary=stored(folder / "genome.dict"),
        index={},
    )


def write_bam(people: People, path: Path, sample: str) -> IndexedBam:
    groups = SAMPLES[sample]
    return people.write_bam(
        path, f"{sample} of another lab", list(groups), groups.__getitem__, reads=READS.get(sample, 10_000)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fingerprints")


@pytest.fixture(scope="module")
def haplotypes(people: People, folder: Path) -> StoredFile:
    return write_map(people, folder / "map.txt")


@pytest.fixture(scope="module")
def results(people: People, haplotypes: StoredFile, folder: Path) -> Mapping[str, StepResult]:
    """The fingerprint of each sample."""
    genome, layout = write_reference(people, folder), OutputLayout(str(folder / "out"))
    jobs = [
        take_fingerprint(name, write_bam(people, folder / f"{name}.bam", name), genome, haplotypes, layout)
        for name in SAMPLES
    ]
    return dict(zip(SAMPLES, Bench(folder / "jobs").run_all(jobs), strict=True))


def test_every_variant_with_reads_is_counted(people: People, results: Mapping[str, StepResult]) -> None:
    for name in SAMPLES.keys() - READS.keys():
        assert int(results[name].report.facts["sites"]) == pytest.approx(len(people.alternatives), rel=0.05)
    assert 0 < int(results["shallow"].report.facts["sites"]) < 10


def test_a_sample_without_reads_has_a_fingerprint_of_nobody(results: Mapping[str, StepResult]) -> None:
    """The check `identity` shows it as unknown."""
    assert results["blank"].report.facts.keys() & {"sites", "lowest_lane_lod"} == {"sites"}
    assert results["blank"].report.facts["sites"] == "0"
    assert results["blank"].path("lanes").read_text() == "READ_GROUP_1\tREAD_GROUP_2\tLOD\n"


def test_the_lanes_of_one_person_are_alike_and_those_of_two_are_not(results: Mapping[str, StepResult]) -> None:
    lods = {name: float(results[name].report.facts["lowest_lane_lod"]) for name in ("tumor", "mixed")}
    assert lods["mixed"] < LOD_THRESHOLD < -LOD_THRESHOLD < lods["tumor"]
    assert results["mixed"].report.facts["lowest_lanes"] == "g1 and g2"
    assert results["mixed"].path("lanes").read_text().splitlines()[0] == "READ_GROUP_1\tREAD_GROUP_2\tLOD"
    assert "lowest_lane_lod" not in results["other"].report.facts


def test_a_fingerprint_is_the_same_each_time(
    people: People, haplotypes: StoredFile, folder: Path, results: Mapping[str, StepResult], tmp_path: Path
) -> None:
    """Picard writes the time and paths into it."""
    bam = IndexedBam(stored(folder / "other.bam"), stored(folder / "other.bam.bai"))
    genome = write_reference(people, tmp_path)
    again = take_fingerprint("other", bam, genome, haplotypes, OutputLayout(str(tmp_path / "out")))
    assert Bench(tmp_path / "jobs").run(again).contents == results["other"].contents


def identity(
    results: Mapping[str, StepResult], haplotypes: StoredFile, patients: Mapping[str, str | None], folder: Path
) -> tuple[list[list[str]], str]:
    """The rows of the table of unexpected pairs, and the report's page."""
    files = {name: [results[name].files["fingerprint"], metrics(name, folder)] for name in patients}
    job = multiqc(files, OutputLayout(str(folder / "out")), None, Comparison(haplotypes, patients))
    made = Bench(folder / "jobs").run(job)
    lines = made.path("identity").read_text().splitlines()
    assert lines[0] == "SAMPLE_1\tSAMPLE_2\tFOUND\tLOD"
    return [line.split("\t") for line in lines[1:]], made.path("report").read_text()


def metrics(sample: str, folder: Path) -> StoredFile:
    """A table of MarkDuplicates: without general statistics of anything, there is no report."""
    columns = {
        "LIBRARY": sample,
        "UNPAIRED_READS_EXAMINED": 0,
        "READ_PAIRS_EXAMINED": 100,
        "SECONDARY_OR_SUPPLEMENTARY_RDS": 0,
        "UNMAPPED_READS": 0,
        "UNPAIRED_READ_DUPLICATES": 0,
        "READ_PAIR_DUPLICATES": 10,
        "READ_PAIR_OPTICAL_DUPLICATES": 0,
        "PERCENT_DUPLICATION": 0.1,
        "ESTIMATED_LIBRARY_SIZE": 1000,
    }
    rows = "\n".join("\t".join(map(str, row)) for row in (columns, columns.values()))
    path = folder / f"{sample}.markdup.metrics.txt"
    path.write_text(
        "## htsjdk.samtools.metrics.StringHeader\n# MarkDuplicates --INPUT x.bam\n"
        f"## METRICS CLASS\tpicard.sam.DuplicationMetrics\n{rows}\n\n"
    )
    return stored(path)


def test_samples_that_are_whose_the_samplesheet_states_are_not_in_the_table(
    results: Mapping[str, StepResult], haplotypes: StoredFile, tmp_path: Path
) -> None:
    rows, page = identity(results, haplotypes, {"tumor": "p1", "normal": "p1", "other": None}, tmp_path)
    assert rows == []
    assert "Sample identity" not in page


def test_one_person_under_two_names_and_a_patient_of_two_people_are_found(
    results: Mapping[str, StepResult], haplotypes: StoredFile, tmp_path: Path
) -> None:
    """The patient of a sample without one is not that of the sample whose name it has."""
    rows, page = identity(results, haplotypes, {"tumor": "p1", "normal": None, "other": "p1"}, tmp_path)
    assert [row[:3] for row in rows] == [["normal", "tumor", "one person"], ["other", "tumor", "two people"]]
    assert float(rows[0][3]) > -LOD_THRESHOLD > LOD_THRESHOLD > float(rows[1][3])
    assert "Sample identity" in page
    assert "normal and tumor" in page


def test_samples_of_one_patient_with_too_few_reads_are_inconclusive(
    results: Mapping[str, StepResult], haplotypes: StoredFile, tmp_path: Path
) -> None:
    """That one of them has too few in common with somebody else's is nothing to report."""
    rows, page = identity(results, haplotypes, {"tumor": "p1", "shallow": "p1", "other": None}, tmp_path)
    assert [row[:3] for row in rows] == [["shallow", "tumor", "inconclusive"]]
    assert LOD_THRESHOLD < float(rows[0][3]) < -LOD_THRESHOLD
    assert "shallow and tumor" in page


def test_a_single_sample_is_compared_with_nobody(
    results: Mapping[str, StepResult], haplotypes: StoredFile, tmp_path: Path
) -> None:
    assert identity(results, haplotypes, {"other": "tumor"}, tmp_path)[0] == []


@pytest.mark.parametrize(
    ("contig", "length", "variants", "reason"),
    [
        (
            CONTIG,
            LENGTH + 1,
            9,
            "the haplotype map is of another reference: this one has 200000 bases in c1",
        ),
        ("chr1", LENGTH, 9, "the haplotype map is of another reference: this one has no contig chr1"),
        (CONTIG, LENGTH, 0, "the haplotype map has no variants: give lines of contig, position, name, two alleles"),
    ],
)
def test_a_map_that_does_not_fit_is_a_failure(
    people: People, folder: Path, tmp_path: Path, contig: str, length: int, variants: int, reason: str
) -> None:
    haplotypes = write_map(people, tmp_path / "map.txt", contig, length, variants)
    bam = write_bam(people, tmp_path / "expt.bam", "other")
    job = take_fingerprint("expt", bam, write_reference(people, tmp_path), haplotypes, OutputLayout(str(tmp_path)))
    assert reason in Bench(tmp_path / "jobs").failure(job)


def test_a_variant_that_is_none_in_the_reference_is_a_failure(
    people: People, folder: Path, haplotypes: StoredFile, tmp_path: Path
) -> None:
    """Otherwise Picard would find no variant in any sample."""
    *others, last = Path(haplotypes.uri).read_text().splitlines()
    fields = last.split("\t")
    fields[3], fields[4] = (base for base in "ACGT" if base not in fields[3:5])
    wrong = tmp_path / "map.txt"
    wrong.write_text("\n".join([*others, "\t".join(fields), ""]))
    bam = write_bam(people, tmp_path / "expt.bam", "shallow")
    job = take_fingerprint("expt", bam, write_reference(people, tmp_path), stored(wrong), OutputLayout(str(tmp_path)))
    assert "one allele of each variant must be the base of the reference" in Bench(tmp_path / "jobs").failure(job)
