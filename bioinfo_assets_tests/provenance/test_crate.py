"""A crate has the contents of the records, in the terms of the profile, and is self-contained."""

import hashlib
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.crate.contents import NO_LICENSE, CrateRequest
from bioinfo_assets.provenance.crate.write import write_crate
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.provenance.crate_project import (
    IMAGE,
    WEB_REFERENCE,
    Crate,
    add_result,
    as_inputs,
    as_list,
    crate_project,
    times,
    validate,
    write_test_crate,
)
from bioinfo_assets_tests.records.greeting_project import open_greeting_project
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

# Recommendations of the profiles that a crate does not follow: tools have no address for each version, this project has
# no page, the publisher is unknown, and only the user name is known of whoever ran the jobs.
MISSING = {
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The Application SHOULD have a url",
    "The Main Workflow SHOULD comply with Bioschemas ComputationalWorkflow profile version 1.0 or later",
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The author SHOULD have an organizational affiliation.",
    "The author SHOULD have a Contextual Entity which specifies the organizational `affiliation`.",
}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return crate_project(tmp_path)


@pytest.fixture
def crate(ledger: Ledger, tmp_path: Path) -> Crate:
    return write_test_crate(ledger, tmp_path / "crate")


def record_of(ledger: Ledger, scope: str, asset: str) -> Record:
    record = ledger.read(ResultKey(asset, scope))
    assert record is not None
    return record


def test_the_public_validator_finds_all_required_properties(ledger: Ledger, tmp_path: Path) -> None:
    crate = write_test_crate(ledger, tmp_path / "crate", with_small_files=True)
    assert validate(crate.folder, tmp_path) == {"RECOMMENDED": MISSING}


def test_an_action_has_the_fields_of_its_record(crate: Crate, ledger: Ledger) -> None:
    run = crate.run_of("aligned_bam of expt")
    assert run["startTime"] == "2026-05-01T13:00:00.000+00:00"
    assert run["endTime"] == "2026-05-01T13:30:00.001+00:00"
    assert crate.resolve(run["agent"])[0]["name"] == "ada"
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert [entity["name"] for entity in crate.resolve(run["result"])] == ["expt.aln.bam", "expt.aln.log"]
    inputs = crate.resolve(run["object"])
    assert [entity["name"] for entity in inputs[:2]] == ["expt_1.fastq.gz", "toy.fa"]
    assert {entity["name"]: entity["value"] for entity in inputs if entity["@type"] == "PropertyValue"} == {
        "aligner": "bwa",
        "max_n": "0.1",
        "read_groups": '["@RG\\tID:1", "@RG\\tID:2"]',
    }
    assert inputs[-1]["@id"] == "scripts/aligned_bam-expt.sh"
    assert (crate.folder / "scripts" / "aligned_bam-expt.sh").read_text() == "make aligned_bam\n"
    record = crate.folder / "records" / "expt" / "aligned_bam.json"
    assert Record.model_validate_json(record.read_bytes()) == record_of(ledger, "expt", "aligned_bam")


def test_an_action_names_its_image_by_registry_tag_and_digest(crate: Crate) -> None:
    run = crate.run_of("aligned_bam of expt")
    image = crate.resolve(run["containerImage"])[0]
    parts = (image["registry"], image["name"], image["tag"], image["sha256"])
    assert parts == ("registry.example.org:5000", "genomics/tools", "2", 64 * "a")
    assert IMAGE in unquote(image["@id"])
    assert "containerImage" not in crate.run_of("reference_genome of references")


def test_an_action_has_its_resource_usage(crate: Crate) -> None:
    usage = crate.resolve(crate.run_of("aligned_bam of expt")["resourceUsage"])
    assert {(entity["name"], entity["value"], entity["unitCode"].rpartition("/")[2]) for entity in usage} == {
        ("wall time", "1800.5", "SEC"),
        ("processor time", "3600.0", "SEC"),
        ("peak memory", "512.0", "MebiBYTE"),
    }
    measured = crate.resolve(crate.run_of("reference_genome of references")["resourceUsage"])
    assert [entity["name"] for entity in measured] == ["wall time"], "unmeasured resources are left out"


def test_a_tool_is_a_step_with_the_versions_of_its_software(crate: Crate) -> None:
    tool = crate.resolve(crate.run_of("aligned_bam of expt")["instrument"])[0]
    calls = crate.resolve(tool["softwareRequirements"])
    assert {(entity["name"], entity["version"]) for entity in calls} == {("bwa", "0.7.17"), ("samtools", "1.16.1")}
    steps = sorted(crate.of_type("HowToStep").values(), key=lambda step: int(step["position"]))
    assert [step["name"] for step in steps] == ["reference_genome", "aligned_bam"]
    assert steps[1]["workExample"] == {"@id": tool["@id"]}


def test_sources_have_addresses_and_digests(crate: Crate) -> None:
    whole = crate.run_of("run of bioinfo-assets")
    sources = {entity["name"]: entity for entity in crate.resolve(whole["object"])}
    assert set(sources) == {"expt_1.fastq.gz", "toy.fa.gz"}
    assert sources["toy.fa.gz"]["sha256"] == hashlib.sha256(b"genome").hexdigest()
    reads = sources["expt_1.fastq.gz"]
    assert reads["sha256"] == hashlib.sha256(b"reads").hexdigest()
    assert as_list(reads["encodingFormat"])[1] == {"@id": "http://edamontology.org/format_1930"}


def test_addresses_are_iris(crate: Crate, tmp_path: Path) -> None:
    ids = {id_ for id_ in crate.of_type("File") if id_.startswith("file://")}
    assert len(ids) == 5
    for id_ in ids:
        assert id_.isascii()
        assert " " not in id_
        assert Path(unquote(urlsplit(id_).path)).is_relative_to(tmp_path / "Käfer 1")


def test_all_digests_agree_with_the_files(ledger: Ledger, tmp_path: Path) -> None:
    crate = write_test_crate(ledger, tmp_path / "crate", with_small_files=True)
    compared = 0
    for id_, entity in crate.of_type("File").items():
        path = Path(unquote(urlsplit(id_).path)) if id_.startswith("file://") else crate.folder / unquote(id_)
        assert entity["contentSize"] == str(path.stat().st_size)
        if "sha256" in entity:
            assert entity["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            compared += 1
    assert compared == 5


def test_only_human_readable_files_are_copied_and_only_on_request(ledger: Ledger, tmp_path: Path) -> None:
    assert not (write_test_crate(ledger, tmp_path / "lean").folder / "data").exists()
    data = write_test_crate(ledger, tmp_path / "full", with_small_files=True).folder / "data"
    assert [path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()] == ["expt/expt.aln.log"]


def test_a_changed_file_is_not_copied(ledger: Ledger, tmp_path: Path) -> None:
    Path(ledger.output_path, "expt", "expt.aln.log").write_text("ALIGNED ALL")
    with pytest.raises(InputError, match=r"expt\.aln\.log has changed since it was recorded"):
        write_test_crate(ledger, tmp_path / "crate", with_small_files=True)
    assert list(tmp_path.glob("*crate*")) == []


def test_a_replaced_version_is_described_in_addition_to_the_current_one(ledger: Ledger, tmp_path: Path) -> None:
    """One sample was aligned to a genome that was replaced since, the other to the new one."""
    source = record_of(ledger, "references", "reference_genome").inputs
    ledger.withdraw(record_of(ledger, "references", "reference_genome"))
    genome = add_result(ledger, "reference_genome", "references", {"toy.fa": ">1\nAAAA\n"}, inputs=source, **times(2))
    add_result(ledger, "aligned_bam", "toy", {"toy.aln.bam": "BAM 2"}, inputs=as_inputs(*genome.outputs), **times(3))
    crate = write_test_crate(ledger, tmp_path / "crate", "expt", "toy")

    def genome_of(sample: str) -> str:
        inputs = crate.resolve(crate.run_of(f"aligned_bam of {sample}")["object"])
        return next(str(entity["@id"]) for entity in inputs if entity["name"] == "toy.fa")

    digest = hashlib.sha256(b">1\nACGT\n").hexdigest()
    assert genome_of("expt") == f"{genome_of('toy')}#{digest[:12]}"
    assert (
        sum(entity["name"] == "reference_genome of references" for entity in crate.of_type("CreateAction").values())
        == 2
    )


def test_crates_are_reproducible(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_test_crate(ledger, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {"ro-crate-metadata.json", "README.md", "workflow/graph.py"} < set(archive.namelist())


def test_the_crate_describes_itself(crate: Crate) -> None:
    root = crate.entities["./"]
    assert root["name"] == "Alignment of expt"
    assert root["datePublished"] == "2026-05-01T13:30:00.001+00:00", "the time of its latest result"
    assert root["license"] == {"@id": NO_LICENSE}
    assert root["mainEntity"] == {"@id": "workflow/graph.py"}
    assert {profile["@id"] for profile in root["conformsTo"]} >= {"https://w3id.org/ro/wfrun/provenance/0.5"}


def test_a_job_that_was_run_is_in_the_crate(tmp_path: Path) -> None:
    with open_greeting_project(tmp_path) as project:
        record = project.run(project.job()).record
        crate = write_test_crate(project.ledger, tmp_path / "crate", "expt")
    run = crate.run_of("greeting of expt")
    assert crate.resolve(run["result"])[0]["sha256"] == hashlib.sha256(b"hello world").hexdigest()
    assert crate.resolve(run["result"])[0]["@id"] == project.greeting.as_uri()
    assert (crate.folder / "scripts" / "greeting-expt.sh").read_text() == record.script


def test_an_existing_target_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    with pytest.raises(InputError, match="crate exists already: remove it, or choose another name"):
        write_test_crate(ledger, tmp_path / "crate")


def test_results_in_s3_are_identified_by_their_address(s3: str, tmp_path: Path) -> None:
    ledger = Ledger(Store(), f"{s3}/run 7")
    genome = add_result(ledger, "reference_genome", "references", {"toy #1.fa": ">1\n"})
    add_result(ledger, "depth", "expt", {"expt.depth.txt": "1"}, inputs=as_inputs(*genome.outputs))
    crate = write_test_crate(ledger, tmp_path / "crate", with_small_files=True)
    run = crate.run_of("depth of expt")
    assert crate.resolve(run["object"])[0]["@id"] == f"{s3}/run%207/references/toy%20%231.fa"
    copy = crate.resolve(run["result"])[0]
    assert (copy["@id"], copy["url"]) == ("data/expt/expt.depth.txt", f"{s3}/run%207/expt/expt.depth.txt")
    assert (crate.folder / "data" / "expt" / "expt.depth.txt").read_text() == "1"


def test_a_target_that_cannot_be_written_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    request = CrateRequest(("expt",), "Alignment of expt", tmp_path / "file", "0.1.0")
    with pytest.raises(InputError, match=r"file/crate cannot be written \(.*\): choose another path"):
        write_crate(ledger, request, tmp_path / "file" / "crate")


def test_an_imported_result_has_no_inputs_and_no_script(ledger: Ledger, tmp_path: Path) -> None:
    bam = tmp_path / "elsewhere" / "toy.bam"
    ledger.store.write_bytes(str(bam), b"BAM")
    record_result(ledger, "recalibrated_bam", "toy", str(bam), imported=True, script="", backend="import", user="ada")
    crate = write_test_crate(ledger, tmp_path / "crate", "toy", with_small_files=True)
    run = crate.run_of("recalibrated_bam of toy")
    assert run["description"] == "Files that were not computed here; imported by ada."
    assert run["result"] == {"@id": bam.as_uri()}
    assert "object" not in run
    assert not (crate.folder / "scripts").exists()


def test_a_result_copied_from_another_project_names_the_original(ledger: Ledger, tmp_path: Path) -> None:
    original = "s3://shared/project 1/toy/records/depth.json"
    add_result(ledger, "depth", "toy", {"toy.depth.txt": "1"}, copied_from=original)
    run = write_test_crate(ledger, tmp_path / "crate", "toy").run_of("depth of toy")
    assert run["description"].endswith(f"Its files were copied from {original}.")


def test_a_sample_without_results_is_an_error_and_nothing_is_written(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'nobody' has no results under .*: run it first, or check the name"):
        write_test_crate(ledger, tmp_path / "new" / "crate", "expt", "nobody")
    assert not (tmp_path / "new" / "crate").exists()


def test_a_reference_from_the_web_has_its_address_and_etag(tmp_path: Path) -> None:
    crate = write_test_crate(crate_project(tmp_path, reference=WEB_REFERENCE), tmp_path / "crate")
    source = crate.entities["https://example.org/genomes/toy.fa.gz"]
    assert (source["version"], source["contentSize"]) == ("etag:abc", "7")
    assert "sha256" not in source
    assert source["sdDatePublished"] == "2026-04-30T12:00:00.000+00:00"
