"""The whole graph on real reads with the real tools, from FASTQs to the report."""

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.cli.verify import verify
from bioinfo_assets.genomics.metrics import picard_numbers
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, SHARED_SCOPES_BY_ASSET
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.quality import QUALITY_CHECKS, check_samples
from bioinfo_assets.quality_settings import CHECKS
from bioinfo_assets.records.samples import load_sample
from bioinfo_assets.result_key import COHORT, REFERENCES
from bioinfo_assets.settings import StepOptions, save
from bioinfo_assets_tests.assets.real_project import REPOSITORY, RealProject
from bioinfo_assets_tests.cli.small_project import call_command

pytestmark = pytest.mark.xdist_group("whole graph")

ENGINE_VERSION = (REPOSITORY / "engine" / "VERSION").read_text().strip()
BAMS = ("aligned_bam", "marked_bam", "recalibrated_bam")


def samtools(*arguments: object) -> str:
    command = ["samtools", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def count_fastq_records(files: list[str]) -> int:
    text = subprocess.run(["gzip", "-dc", *files], capture_output=True, check=True).stdout
    return text.count(b"\n") // 4


def scopes_of(project: RealProject, asset: str) -> tuple[str, ...]:
    return (SHARED_SCOPES_BY_ASSET[asset],) if asset in SHARED_SCOPES_BY_ASSET else project.samples


def test_every_lane_is_a_read_group_of_its_own(complete: RealProject) -> None:
    for sample in complete.samples:
        lanes = load_sample(complete.project.ledger, sample).lanes
        header = samtools("view", "-H", complete.file("recalibrated_bam", sample, "bam"))

        groups = [dict(field.split(":", 1) for field in line.split("\t")[1:])
                  for line in header.splitlines() if line.startswith("@RG")]  # fmt: skip
        assert {group["ID"] for group in groups} == {f"{lane.flowcell}.{lane.number}" for lane in lanes}
        assert len({group["PU"] for group in groups}) == len(lanes)
        assert {(group["SM"], group["LB"], group["PL"]) for group in groups} == {(sample, sample, "ILLUMINA")}


def test_the_quality_checks_pass(complete: RealProject) -> None:
    """Without limits; with the facts and tables that the real tools leave."""
    findings = check_samples(complete.project, complete.samples)
    for sample in complete.samples:
        expected = [check for check in CHECKS if QUALITY_CHECKS[check].asset in complete.assets]
        assert {finding.check: finding.outcome.value for finding in findings[sample]} == dict.fromkeys(expected, "pass")


def test_every_read_keeps_the_read_group_of_its_lane(complete: RealProject) -> None:
    """The flow cell and lane in a read's name are those of its read group."""
    for sample in complete.samples:
        records = samtools("view", complete.file("recalibrated_bam", sample, "bam")).splitlines()
        assert records
        for record in records[:: max(1, len(records) // 2000)]:
            name, *fields = record.split("\t")
            group = next(field.removeprefix("RG:Z:") for field in fields if field.startswith("RG:Z:"))
            words = name.split(":")
            assert ".".join(words[:2] if len(words) == 5 else words[2:4]) == group


@pytest.mark.parametrize("asset", BAMS)
def test_every_bam_is_complete_and_no_read_is_lost(complete: RealProject, asset: str) -> None:
    for sample in complete.samples:
        bam = complete.file(asset, sample, "bam")
        samtools("quickcheck", "-v", bam)
        lanes = load_sample(complete.project.ledger, sample).lanes
        kept = int(str(complete.metadata("trimmed_reads", sample)["pairs_kept"]))
        assert 0 < kept <= count_fastq_records([lane.read1 for lane in lanes])
        assert int(samtools("view", "-c", "-F", "0x900", bam)) == 2 * kept


def test_the_final_bam_is_sorted_by_coordinate(complete: RealProject) -> None:
    for sample in complete.samples:
        header = samtools("view", "-H", complete.file("recalibrated_bam", sample, "bam"))
        assert "SO:coordinate" in header.splitlines()[0]


def test_supplementary_records_are_flagged_with_their_duplicates(complete: RealProject) -> None:
    """Every supplementary record has the duplicate flag of the primary record of its read."""
    count = 0
    for sample in complete.samples:
        primary: dict[tuple[str, int], int] = {}
        supplementary: list[tuple[tuple[str, int], int]] = []
        for record in samtools("view", complete.file("marked_bam", sample, "bam")).splitlines():
            name, flag, _ = record.split("\t", 2)
            read = (name, int(flag) & 0xC0)
            if int(flag) & 0x800:
                supplementary.append((read, int(flag) & 0x400))
            else:
                primary[read] = int(flag) & 0x400
        assert [read for read, duplicate in supplementary if primary[read] != duplicate] == []
        assert any(primary.values())
        count += len(supplementary)
    assert count > 0


def test_picard_finds_no_error_in_the_final_bam(complete: RealProject) -> None:
    for sample in complete.samples:
        bam = complete.file("recalibrated_bam", sample, "bam")
        fasta = complete.file("reference_genome", REFERENCES, "fasta")
        picard = REPOSITORY / ".tools" / "bin" / "picard"
        command = [picard, "ValidateSamFile", "-I", bam, "-R", fasta, "--MODE", "SUMMARY", "--IGNORE_WARNINGS", "true"]
        completed = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert "No errors found" in completed.stdout, completed.stdout


def test_each_lane_is_recalibrated_separately(complete: RealProject) -> None:
    for sample in complete.samples:
        facts = complete.record("recalibrated_bam", sample).facts
        units = {name.removeprefix("observed_bases.") for name in facts if name.startswith("observed_bases.")}
        header = samtools("view", "-H", complete.file("recalibrated_bam", sample, "bam"))
        assert units == {field.removeprefix("PU:") for line in header.splitlines() if line.startswith("@RG")
                         for field in line.split("\t") if field.startswith("PU:")}  # fmt: skip


def test_the_recorded_digests_match_the_files(complete: RealProject) -> None:
    for asset in complete.assets:
        for scope in scopes_of(complete, asset):
            outputs = complete.record(asset, scope).outputs
            assert outputs
            for file in outputs:
                assert hashlib.sha256(Path(file.uri).read_bytes()).hexdigest() == file.sha256


def test_the_cram_has_the_records_of_the_bam(complete: RealProject) -> None:
    for sample in complete.samples:
        contents = []
        for asset, key in (("recalibrated_bam", "bam"), ("recalibrated_cram", "cram")):
            lines = samtools("view", complete.file(asset, sample, key)).splitlines()
            contents.append([sorted(line.split("\t")) for line in lines])
        of_bam, of_cram = contents
        assert of_bam
        assert of_cram == of_bam


def test_md5_files_match_the_bams(complete: RealProject) -> None:
    for sample in complete.samples:
        for asset in ("marked_bam", "recalibrated_bam"):
            bam, md5 = complete.file(asset, sample, "bam"), complete.file(asset, sample, "md5")
            digest = hashlib.md5(bam.read_bytes(), usedforsecurity=False).hexdigest()
            assert md5.read_text().split()[0] == digest


def test_the_final_bam_has_the_m5_of_each_reference_sequence(complete: RealProject) -> None:
    """So do the record and the dictionary. An M5 is the MD5 of the bases in upper case."""
    fasta = complete.file("reference_genome", REFERENCES, "fasta").read_text()
    sequences = dict(part.split("\n", 1) for part in fasta.split(">")[1:])
    expected = {
        name.split()[0]: hashlib.md5(bases.replace("\n", "").upper().encode(), usedforsecurity=False).hexdigest()
        for name, bases in sequences.items()
    }
    headers = [samtools("view", "-H", complete.file("recalibrated_bam", sample, "bam")) for sample in complete.samples]
    for header in [*headers, complete.file("reference_index", REFERENCES, "dict").read_text()]:
        lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@SQ")]
        contigs = [dict(field.split(":", 1) for field in line) for line in lines]
        assert {contig["SN"]: contig["M5"] for contig in contigs} == expected
    facts = complete.record("reference_index", REFERENCES).facts
    assert {f"m5.{name}": digest for name, digest in expected.items()}.items() <= facts.items()


def test_the_programs_of_the_final_bam_form_one_chain(complete: RealProject) -> None:
    for sample in complete.samples:
        header = samtools("view", "--no-PG", "-H", complete.file("recalibrated_bam", sample, "bam"))
        lines = [line.split("\t")[1:] for line in header.splitlines() if line.startswith("@PG")]
        programs = [dict(field.split(":", 1) for field in line) for line in lines]
        ids = [program["ID"] for program in programs]
        engine = "bioinfo-assets-engine"  # for duplicates, for tags, and for recalibration
        assert ids == ["bwa", engine, f"{engine}.1", f"{engine}.2"]
        assert [program.get("PP") for program in programs] == [None, *ids[:-1]]


def test_depth_equals_samtools_depth_of_the_final_bam(complete: RealProject) -> None:
    for sample in complete.samples:
        table = complete.file("depth", sample, "depth")
        published = subprocess.run(["gzip", "-dc", table], capture_output=True, text=True, check=True).stdout
        assert published == samtools("depth", "-a", complete.file("recalibrated_bam", sample, "bam"))
        first = published.split("\t", 1)[0]
        assert (
            subprocess.run(["tabix", table, f"{first}:10-12"], capture_output=True, check=True).stdout.count(b"\n") == 3
        )


def test_dagit_shows_metrics_and_plots(complete: RealProject) -> None:
    for sample in complete.samples:
        insert_sizes = complete.metadata("insert_size_metrics", sample)
        text = complete.file("insert_size_metrics", sample, "metrics").read_text()
        assert insert_sizes["median_insert_size"] == picard_numbers(text)["median_insert_size"]
        assert str(insert_sizes["insert_size_histogram"]).startswith(f"![Insert sizes of {sample}](data:image/svg+xml,")
        assert str(complete.metadata("depth", sample)["coverage"]).startswith(f"![Coverage of {sample}](data:image/svg")
        assert complete.metadata("read_quality", sample)["reads"] == 2 * int(
            complete.record("merged_reads", sample).facts["pairs"]
        )
        recalibrated = complete.metadata("recalibrated_bam", sample)
        assert recalibrated["recalibration"] == "recalibrated"
        assert float(str(recalibrated["wall_s"])) > 0
        assert "engine apply -i" in str(recalibrated["command"])
        assert {"bioinfo-assets-engine", "samtools"} <= complete.record("recalibrated_bam", sample).tools.keys()
        assert recalibrated["igv"] == f"/igv/{sample}/{sample}.recalib.bam"
        assert recalibrated["tools"] == dict(complete.record("recalibrated_bam", sample).tools)


def test_too_few_observations_for_recalibration_cause_a_warning(complete: RealProject) -> None:
    """GATK's guide recommends some 100 million bases per read group, far more than a mitochondrion has."""
    for sample in complete.samples:
        warnings = complete.record("recalibrated_bam", sample).warnings
        assert warnings
        assert "warnings" in complete.metadata("recalibrated_bam", sample)


def test_the_report_has_a_row_for_every_sample(complete: RealProject) -> None:
    table = complete.file("multiqc_report", COHORT, "table").read_text().splitlines()
    assert {line.split("\t")[0] for line in table[1:]} == set(complete.samples)
    metadata = complete.metadata("multiqc_report")
    assert metadata["page"] == "/results/multiqc/multiqc_report.html"
    shown = metadata["general_statistics"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["sample"] for record in shown.records] == [line.split("\t")[0] for line in table[1:]]
    assert {str(column.name) for column in shown.schema.columns} == set(table[0].lower().split("\t"))


def test_nothing_is_stale_and_a_second_run_runs_no_job(complete: RealProject) -> None:
    assert complete.stale() == set()

    assert complete.run()

    assert {update.state for update in complete.updates} == {JobState.CACHED}
    assert complete.stale() == set()


BY_ENGINE = tuple(asset for asset in ASSETS if GRAPH[asset].native_tools)
"""What the native engine computes, and GATK, Picard and other programs compute with the same contents."""


def test_gatk_and_picard_compute_the_same_data_versions_so_nothing_after_them_is_stale(complete: RealProject) -> None:
    """From here on, the settings of the project are changed."""
    keys = [(asset, name) for asset in BY_ENGINE for name in complete.samples]
    before = {key: complete.record(*key) for key in keys}
    assert {record.tools["bioinfo-assets-engine"] for record in before.values()} == {ENGINE_VERSION}
    complete.project = Project(complete.project.settings.model_copy(update={"engine": "gatk"}))

    assert complete.run(), complete.failures()

    assert {key for key, state in complete.states().items() if state is JobState.DONE} == before.keys()
    after = {key: complete.record(*key) for key in keys}
    assert {key: after[key].data_version for key in keys} == {key: before[key].data_version for key in keys}
    assert not any("bioinfo-assets-engine" in record.tools for record in after.values())
    assert {"gatk", "samtools"} <= complete.record("recalibrated_bam", complete.samples[0]).tools.keys()
    assert complete.metadata("marked_bam", complete.samples[0])["parameters"]["engine"] == "gatk"  # type: ignore[index]
    assert complete.stale() == set()


def test_the_engine_of_a_step_is_chosen_by_itself(complete: RealProject) -> None:
    steps = {"alignment_metrics": StepOptions(engine="gatk")}
    complete.project = Project(complete.project.settings.model_copy(update={"engine": "native", "steps": steps}))

    assert complete.run(), complete.failures()

    done = {key for key, state in complete.states().items() if state is JobState.DONE}
    assert done == {(asset, name) for asset in BY_ENGINE if asset != "alignment_metrics" for name in complete.samples}
    for sample in complete.samples:
        record = complete.record("alignment_metrics", sample)
        assert record.parameters["engine"] == "gatk"
        assert "picard" in record.tools


def test_verification_against_the_originals(complete: RealProject) -> None:
    """The first sample's, in whose insert sizes a number is changed."""
    sample = complete.samples[0]
    save(complete.project.settings, Path(complete.project.layout.home))
    per_sample = [asset for asset in complete.assets if GRAPH[asset].scope is None]
    native = [asset for asset in per_sample if "bioinfo-assets-engine" in complete.record(asset, sample).tools]
    forge_insert_sizes(complete, sample)
    before = files_under(complete)

    result = call_command(verify, "--against", "gatk", sample, "--output-path", complete.project.settings.output_path)

    assert result.exit_code == 1, result.stderr
    lines = dict(line.split(f" of {sample}: ", 1) for line in result.stdout.splitlines())
    assert list(lines) == native
    assert {asset for asset, outcome in lines.items() if outcome == "equal"} == {*native} - {"insert_size_metrics"}
    assert f"{sample}.insert_metrics.txt differs: line 6 (" in lines["insert_size_metrics"]
    assert "field 8, is '7', and '" in lines["insert_size_metrics"]
    assert files_under(complete) == before


def forge_insert_sizes(project: RealProject, sample: str) -> None:
    """Publish another number of pairs, with a record that fits."""
    record = project.record("insert_size_metrics", sample)
    path = project.file("insert_size_metrics", sample, "metrics")
    lines = path.read_text().split("\n")
    row = 1 + next(number for number, line in enumerate(lines) if line.startswith("MEDIAN_INSERT_SIZE"))
    cells = lines[row].split("\t")
    lines[row] = "\t".join([*cells[:7], "7", *cells[8:]])
    path.write_text("\n".join(lines))
    store = project.project.store
    stat, sha256 = store.stat(str(path)), store.digest(str(path)).removeprefix("sha256:")
    outputs = tuple(
        replace(file, size=stat.size, stamp=stat.stamp, sha256=sha256, content=f"sha256:{sha256}")
        if file.key == "metrics"
        else file
        for file in record.outputs
    )
    project.project.ledger.write(record.model_copy(update={"outputs": outputs}))


def files_under(project: RealProject) -> dict[Path, tuple[int, int]]:
    """The files of the project, but for Dagster's database, with size and time."""
    root = Path(project.project.settings.output_path)
    paths = [path for path in root.rglob("*") if path.is_file() and ".scratch" not in path.parts]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}
