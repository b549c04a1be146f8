"""The whole graph on real reads with the real tools, from FASTQs to the report."""

import hashlib
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.genomics.metrics import picard_numbers
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.graph import SHARED_SCOPES_BY_ASSET
from bioinfo_assets.records.samples import load_sample
from bioinfo_assets_tests.assets.graph import REPOSITORY, STEPS, Graph, open_graph
from bioinfo_assets_tests.data_sets import DataSet

pytestmark = pytest.mark.xdist_group("whole graph")

BAMS = ("aligned_bam", "marked_bam", "recalibrated_bam")


def samtools(*arguments: object) -> str:
    command = ["samtools", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fastq_records(files: list[str]) -> int:
    text = subprocess.run(["gzip", "-dc", *files], capture_output=True, check=True).stdout
    return text.count(b"\n") // 4


def test_every_lane_is_a_read_group_of_its_own(graph: Graph) -> None:
    for sample in graph.samples:
        lanes = load_sample(graph.project.ledger, sample).lanes
        header = samtools("view", "-H", graph.file("recalibrated_bam", sample, "bam"))

        groups = [dict(field.split(":", 1) for field in line.split("\t")[1:])
                  for line in header.splitlines() if line.startswith("@RG")]  # fmt: skip
        assert {group["ID"] for group in groups} == {f"{lane.flowcell}.{lane.number}" for lane in lanes}
        assert len({group["PU"] for group in groups}) == len(lanes)
        assert {(group["SM"], group["LB"], group["PL"]) for group in groups} == {(sample, sample, "ILLUMINA")}


def test_every_read_kept_its_lane(graph: Graph) -> None:
    """The flow cell and lane in a read's name are those of its read group."""
    for sample in graph.samples:
        records = samtools("view", graph.file("recalibrated_bam", sample, "bam")).splitlines()
        for record in records[:: max(1, len(records) // 2000)]:
            name, *fields = record.split("\t")
            group = next(field.removeprefix("RG:Z:") for field in fields if field.startswith("RG:Z:"))
            words = name.split(":")
            assert ".".join(words[:2] if len(words) == 5 else words[2:4]) == group


@pytest.mark.parametrize("step", BAMS)
def test_every_bam_is_whole_and_no_read_is_lost(graph: Graph, step: str) -> None:
    for sample in graph.samples:
        bam = graph.file(step, sample, "bam")
        samtools("quickcheck", "-v", bam)
        lanes = load_sample(graph.project.ledger, sample).lanes
        kept = int(graph.metadata("trimmed_reads", sample)["pairs_kept"])
        assert kept <= fastq_records([lane.read1 for lane in lanes])
        assert int(samtools("view", "-c", "-F", "0x900", bam)) == 2 * kept


def test_the_final_bam_is_sorted_by_coordinate(graph: Graph) -> None:
    for sample in graph.samples:
        header = samtools("view", "-H", graph.file("recalibrated_bam", sample, "bam"))
        assert "SO:coordinate" in header.splitlines()[0]


def test_supplementary_records_are_flagged_with_their_duplicates(graph: Graph) -> None:
    """Every supplementary record has the duplicate flag of the primary record of its read."""
    for sample in graph.samples:
        primary: dict[tuple[str, int], int] = {}
        supplementary: list[tuple[tuple[str, int], int]] = []
        for record in samtools("view", graph.file("marked_bam", sample, "bam")).splitlines():
            name, flag, _ = record.split("\t", 2)
            read = (name, int(flag) & 0xC0)
            if int(flag) & 0x800:
                supplementary.append((read, int(flag) & 0x400))
            else:
                primary[read] = int(flag) & 0x400
        assert [read for read, duplicate in supplementary if primary[read] != duplicate] == []
        assert any(primary.values())


def test_picard_finds_no_error_in_the_final_bam(graph: Graph) -> None:
    for sample in graph.samples:
        bam = graph.file("recalibrated_bam", sample, "bam")
        fasta = graph.file("reference_genome", SHARED_SCOPES_BY_ASSET["reference_genome"], "fasta")
        picard = REPOSITORY / ".tools" / "bin" / "picard"
        command = [picard, "ValidateSamFile", "-I", bam, "-R", fasta, "--MODE", "SUMMARY", "--IGNORE_WARNINGS", "true"]
        said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert "No errors found" in said.stdout, said.stdout


def test_each_lane_is_recalibrated_by_itself(graph: Graph) -> None:
    for sample in graph.samples:
        facts = graph.record("recalibrated_bam", sample).facts
        units = {name.removeprefix("observed_bases.") for name in facts if name.startswith("observed_bases.")}
        header = samtools("view", "-H", graph.file("recalibrated_bam", sample, "bam"))
        assert units == {field.removeprefix("PU:") for line in header.splitlines() if line.startswith("@RG")
                         for field in line.split("\t") if field.startswith("PU:")}  # fmt: skip


def test_the_records_digests_are_those_of_the_files(graph: Graph) -> None:
    for step in STEPS:
        for scope in [SHARED_SCOPES_BY_ASSET[step]] if step in SHARED_SCOPES_BY_ASSET else graph.samples:
            for file in graph.record(step, scope).outputs:
                assert hashlib.sha256(Path(file.uri).read_bytes()).hexdigest() == file.sha256


def test_md5_files_are_those_of_the_bams(graph: Graph) -> None:
    for sample in graph.samples:
        for step in ("marked_bam", "recalibrated_bam"):
            bam, md5 = graph.file(step, sample, "bam"), graph.file(step, sample, "md5")
            digest = hashlib.md5(bam.read_bytes(), usedforsecurity=False).hexdigest()
            assert md5.read_text().split()[0] == digest


def test_the_final_bam_names_the_references_sequences_by_their_m5s(graph: Graph) -> None:
    """So do the record and the dictionary; an M5 is that of the letters in upper case."""
    scope = SHARED_SCOPES_BY_ASSET["reference_index"]
    fasta = graph.file("reference_genome", SHARED_SCOPES_BY_ASSET["reference_genome"], "fasta").read_text()
    sequences = dict(part.split("\n", 1) for part in fasta.split(">")[1:])
    expected = {
        name.split()[0]: hashlib.md5(bases.replace("\n", "").upper().encode(), usedforsecurity=False).hexdigest()
        for name, bases in sequences.items()
    }
    headers = [samtools("view", "-H", graph.file("recalibrated_bam", sample, "bam")) for sample in graph.samples]
    for header in [*headers, graph.file("reference_index", scope, "dict").read_text()]:
        lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@SQ")]
        contigs = [dict(field.split(":", 1) for field in line) for line in lines]
        assert {contig["SN"]: contig["M5"] for contig in contigs} == expected
    facts = graph.record("reference_index", scope).facts
    assert {f"m5.{name}": digest for name, digest in expected.items()}.items() <= facts.items()


def test_the_programs_of_the_final_bam_are_one_chain(graph: Graph) -> None:
    for sample in graph.samples:
        header = samtools("view", "--no-PG", "-H", graph.file("recalibrated_bam", sample, "bam"))
        lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@PG")]
        programs = [dict(field.split(":", 1) for field in line) for line in lines]
        ids = [program["ID"] for program in programs]
        assert ids == ["bwa", "MarkDuplicates", "GATK ApplyBQSR"]
        assert [program.get("PP") for program in programs] == [None, *ids[:-1]]


def test_depth_is_what_samtools_says_of_the_final_bam(graph: Graph) -> None:
    for sample in graph.samples:
        table = graph.file("depth", sample, "depth")
        published = subprocess.run(["gzip", "-dc", table], capture_output=True, text=True, check=True).stdout
        assert published == samtools("depth", "-a", graph.file("recalibrated_bam", sample, "bam"))
        first = published.split("\t", 1)[0]
        assert (
            subprocess.run(["tabix", table, f"{first}:10-12"], capture_output=True, check=True).stdout.count(b"\n") == 3
        )


def test_dagit_shows_figures_and_pictures(graph: Graph) -> None:
    for sample in graph.samples:
        insert_sizes = graph.metadata("insert_size_metrics", sample)
        text = graph.file("insert_size_metrics", sample, "metrics").read_text()
        assert insert_sizes["median_insert_size"] == picard_numbers(text)["median_insert_size"]
        assert str(insert_sizes["insert_size_histogram"]).startswith("![Insert sizes of")
        assert "data:image/png;base64," in str(graph.metadata("depth", sample)["coverage"])
        recalibrated = graph.metadata("recalibrated_bam", sample)
        assert recalibrated["recalibration"] == "recalibrated"
        assert float(str(recalibrated["wall_s"])) > 0
        assert "ApplyBQSR" in str(recalibrated["command"])
        assert set(recalibrated["tools"]) >= {"gatk", "samtools"}


def test_few_observations_are_warned_of(graph: Graph) -> None:
    """GATK's guide asks for some 100 million bases a read group; a mitochondrion has none of that."""
    for sample in graph.samples:
        warnings = graph.record("recalibrated_bam", sample).warnings
        assert warnings
        assert "warnings" in graph.metadata("recalibrated_bam", sample)


def test_the_report_has_a_row_for_every_sample(graph: Graph) -> None:
    table = graph.file("multiqc_report", SHARED_SCOPES_BY_ASSET["multiqc_report"], "table").read_text().splitlines()
    assert {line.split("\t")[0] for line in table[1:]} == set(graph.samples)


def test_nothing_is_stale_and_a_second_run_makes_nothing(graph: Graph) -> None:
    assert graph.stale() == set()

    assert graph.run()

    assert {update.state for update in graph.updates} == {JobState.CACHED}
    assert graph.stale() == set()


def test_other_threads_and_scratch_give_the_same_data_versions(graph: Graph, data_set: DataSet, tmp_path: Path) -> None:
    """For every asset: one CPU instead of all, and another folder for output and scratch."""
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        other = open_graph(
            tmp_path,
            instance,
            reference=str(data_set.reference),
            known_sites=tuple(map(str, data_set.known_sites)),
            cpus=1,
            scratch=str(tmp_path / "elsewhere"),
        )
        other.add([data_set.fastqs])
        assert other.run()

    for step in STEPS:
        for scope in [SHARED_SCOPES_BY_ASSET[step]] if step in SHARED_SCOPES_BY_ASSET else graph.samples:
            ours, theirs = graph.record(step, scope), other.record(step, scope)
            assert (step, ours.data_version) == (step, theirs.data_version)
            assert ours.fingerprint == theirs.fingerprint
