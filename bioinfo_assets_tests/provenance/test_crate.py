"""A crate says what the records say, in the terms of the profile, and stands alone."""

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
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.records.crates import (
    IMAGE,
    WEB_REFERENCE,
    Crate,
    complaints,
    listed,
    made,
    read,
    small_history,
    times,
    write,
)
from bioinfo_assets_tests.records.elsewhere import made_record
from bioinfo_assets_tests.records.greeting_project import GreetingProject

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below

# What the profiles recommend and a crate has not: tools have no address of their own for each version, this project
# has no page, nobody said who publishes, and of whoever ran it only the user name is known.
NOT_SAID = {
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The Application SHOULD have a url",
    "The Main Workflow SHOULD comply with Bioschemas ComputationalWorkflow profile version 1.0 or later",
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The author SHOULD have an organizational affiliation.",
    "The author SHOULD have a Contextual Entity which specifies the organizational `affiliation`.",
}


@pytest.fixture
def history(tmp_path: Path) -> Ledger:
    return small_history(tmp_path)


@pytest.fixture
def crate(history: Ledger, tmp_path: Path) -> Crate:
    return write(history, tmp_path / "crate")


def record_of(history: Ledger, scope: str, step: str) -> Record:
    record = history.read(scope, step)
    assert record is not None
    return record


def test_the_public_validator_finds_nothing_that_is_required_missing(history: Ledger, tmp_path: Path) -> None:
    crate = write(history, tmp_path / "crate", with_small_files=True)
    assert complaints(crate.folder, tmp_path) == {"RECOMMENDED": NOT_SAID}


def test_an_action_has_what_its_record_has(crate: Crate, history: Ledger) -> None:
    run = crate.run_of("aligned_bam of expt")
    assert run["startTime"] == "2026-05-01T13:00:00.000+00:00"
    assert run["endTime"] == "2026-05-01T13:30:00.001+00:00"
    assert crate.named(run["agent"])[0]["name"] == "ada"
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert [one["name"] for one in crate.named(run["result"])] == ["expt.aln.bam", "expt.aln.log"]
    inputs = crate.named(run["object"])
    assert [one["name"] for one in inputs[:2]] == ["expt_1.fastq.gz", "toy.fa"]
    assert {one["name"]: one["value"] for one in inputs if one["@type"] == "PropertyValue"} == {
        "aligner": "bwa",
        "max_n": "0.1",
        "read_groups": '["@RG\\tID:1", "@RG\\tID:2"]',
    }
    assert inputs[-1]["@id"] == "scripts/aligned_bam-expt.sh"
    assert (crate.folder / "scripts" / "aligned_bam-expt.sh").read_text() == "make aligned_bam\n"
    kept = crate.folder / "records" / "expt" / "aligned_bam.json"
    assert Record.model_validate_json(kept.read_bytes()) == record_of(history, "expt", "aligned_bam")


def test_an_action_names_its_image_by_registry_tag_and_digest(crate: Crate) -> None:
    run = crate.run_of("aligned_bam of expt")
    image = crate.named(run["containerImage"])[0]
    told = (image["registry"], image["name"], image["tag"], image["sha256"])
    assert told == ("registry.example.org:5000", "genomics/tools", "2", 64 * "a")
    assert IMAGE in unquote(image["@id"])
    assert "containerImage" not in crate.run_of("reference_genome of references")


def test_an_action_tells_what_it_took(crate: Crate) -> None:
    usage = crate.named(crate.run_of("aligned_bam of expt")["resourceUsage"])
    assert {(one["name"], one["value"], one["unitCode"].rpartition("/")[2]) for one in usage} == {
        ("wall time", "1800.5", "SEC"),
        ("processor time", "3600.0", "SEC"),
        ("peak memory", "512.0", "MebiBYTE"),
    }
    measured = crate.named(crate.run_of("reference_genome of references")["resourceUsage"])
    assert [one["name"] for one in measured] == ["wall time"], "what was not measured is not told"


def test_a_tool_is_a_step_with_the_versions_of_what_it_calls(crate: Crate) -> None:
    tool = crate.named(crate.run_of("aligned_bam of expt")["instrument"])[0]
    calls = crate.named(tool["softwareRequirements"])
    assert {(one["name"], one["version"]) for one in calls} == {("bwa", "0.7.17"), ("samtools", "1.16.1")}
    steps = sorted(crate.of_type("HowToStep").values(), key=lambda step: int(step["position"]))
    assert [step["name"] for step in steps] == ["reference_genome", "aligned_bam"]
    assert steps[1]["workExample"] == {"@id": tool["@id"]}


def test_sources_have_addresses_and_digests(crate: Crate) -> None:
    whole = crate.run_of("run of bioinfo-assets")
    sources = {one["name"]: one for one in crate.named(whole["object"])}
    assert set(sources) == {"expt_1.fastq.gz", "toy.fa.gz"}
    assert sources["toy.fa.gz"]["sha256"] == hashlib.sha256(b"genome").hexdigest()
    reads = sources["expt_1.fastq.gz"]
    assert reads["sha256"] == hashlib.sha256(b"reads").hexdigest()
    assert listed(reads["encodingFormat"])[1] == {"@id": "http://edamontology.org/format_1930"}


def test_addresses_are_iris(crate: Crate, tmp_path: Path) -> None:
    ids = {id_ for id_ in crate.of_type("File") if id_.startswith("file://")}
    assert len(ids) == 5
    for id_ in ids:
        assert id_.isascii()
        assert " " not in id_
        assert Path(unquote(urlsplit(id_).path)).is_relative_to(tmp_path / "Käfer 1")


def test_all_digests_agree_with_the_files(history: Ledger, tmp_path: Path) -> None:
    crate = write(history, tmp_path / "crate", with_small_files=True)
    looked_at = 0
    for id_, entity in crate.of_type("File").items():
        path = Path(unquote(urlsplit(id_).path)) if id_.startswith("file://") else crate.folder / unquote(id_)
        assert entity["contentSize"] == str(path.stat().st_size)
        if "sha256" in entity:
            assert entity["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            looked_at += 1
    assert looked_at == 5


def test_only_what_people_read_is_copied_and_only_when_asked(history: Ledger, tmp_path: Path) -> None:
    assert not (write(history, tmp_path / "lean").folder / "data").exists()
    data = write(history, tmp_path / "full", with_small_files=True).folder / "data"
    assert [path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()] == ["expt/expt.aln.log"]


def test_a_copy_that_is_not_what_was_recorded_is_refused(history: Ledger, tmp_path: Path) -> None:
    Path(history.output_path, "expt", "expt.aln.log").write_text("ALIGNED ALL")
    with pytest.raises(InputError, match=r"expt\.aln\.log is not what its record says"):
        write(history, tmp_path / "crate", with_small_files=True)
    assert list(tmp_path.glob("*crate*")) == []


def test_a_version_that_was_replaced_is_told_beside_the_present_one(history: Ledger, tmp_path: Path) -> None:
    """The BAM was aligned to a genome that was replaced since; another sample to the new one."""
    source = record_of(history, "references", "reference_genome").inputs
    history.withdraw(record_of(history, "references", "reference_genome"))
    genome = made(history, "reference_genome", "references", {"toy.fa": ">1\nAAAA\n"}, inputs=source, **times(2))
    made(history, "aligned_bam", "toy", {"toy.aln.bam": "BAM 2"}, inputs=read(*genome.outputs), **times(3))
    crate = write(history, tmp_path / "crate", "expt", "toy")

    def genome_of(sample: str) -> str:
        inputs = crate.named(crate.run_of(f"aligned_bam of {sample}")["object"])
        return next(str(one["@id"]) for one in inputs if one["name"] == "toy.fa")

    digest = hashlib.sha256(b">1\nACGT\n").hexdigest()
    assert genome_of("expt") == f"{genome_of('toy')}#{digest[:12]}"
    assert sum(one["name"] == "reference_genome of references" for one in crate.of_type("CreateAction").values()) == 2


def test_the_same_records_give_the_same_bytes(history: Ledger, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write(history, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {"ro-crate-metadata.json", "README.md", "workflow/graph.py"} < set(archive.namelist())


def test_the_crate_says_what_it_is(crate: Crate) -> None:
    root = crate.entities["./"]
    assert root["name"] == "Alignment of expt"
    assert root["datePublished"] == "2026-05-01T13:30:00.001+00:00", "of its youngest result, not of today"
    assert root["license"] == {"@id": NO_LICENSE}
    assert root["mainEntity"] == {"@id": "workflow/graph.py"}
    assert {profile["@id"] for profile in root["conformsTo"]} >= {"https://w3id.org/ro/wfrun/provenance/0.5"}


def test_what_a_job_really_did_is_in_the_crate(project: GreetingProject, tmp_path: Path) -> None:
    record = project.run(project.job()).record
    crate = write(project.ledger, tmp_path / "crate", "expt")
    run = crate.run_of("greeting of expt")
    assert crate.named(run["result"])[0]["sha256"] == hashlib.sha256(b"hello world").hexdigest()
    assert crate.named(run["result"])[0]["@id"] == project.greeting.as_uri()
    assert (crate.folder / "scripts" / "greeting-expt.sh").read_text() == record.script


def test_a_target_that_is_there_is_refused(history: Ledger, tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    with pytest.raises(InputError, match="crate is there already: remove it, or give another name"):
        write(history, tmp_path / "crate")


def test_results_in_s3_are_named_by_their_address(s3: str, tmp_path: Path) -> None:
    ledger = Ledger(Store(), f"{s3}/run 7")
    genome = made(ledger, "reference_genome", "references", {"toy #1.fa": ">1\n"})
    made(ledger, "depth", "expt", {"expt.depth.txt": "1"}, inputs=read(*genome.outputs))
    crate = write(ledger, tmp_path / "crate", with_small_files=True)
    run = crate.run_of("depth of expt")
    assert crate.named(run["object"])[0]["@id"] == f"{s3}/run%207/references/toy%20%231.fa"
    copy = crate.named(run["result"])[0]
    assert (copy["@id"], copy["url"]) == ("data/expt/expt.depth.txt", f"{s3}/run%207/expt/expt.depth.txt")
    assert (crate.folder / "data" / "expt" / "expt.depth.txt").read_text() == "1"


def test_a_place_that_cannot_be_written_is_told(history: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    wanted = CrateRequest(("expt",), "Alignment of expt", tmp_path / "file", "0.1.0")
    with pytest.raises(InputError, match=r"file/crate cannot be written \(.*\): give another place"):
        write_crate(history, wanted, tmp_path / "file" / "crate")


def test_what_was_made_elsewhere_is_told_so(history: Ledger, tmp_path: Path) -> None:
    bam = tmp_path / "elsewhere" / "toy.bam"
    history.store.write_bytes(str(bam), b"BAM")
    made_record(history, "recalibrated_bam", "toy", str(bam), imported=True, script="", backend="import", user="ada")
    crate = write(history, tmp_path / "crate", "toy", with_small_files=True)
    run = crate.run_of("recalibrated_bam of toy")
    assert run["description"] == "Made elsewhere and registered here by ada."
    assert run["result"] == {"@id": bam.as_uri()}
    assert "object" not in run
    assert not (crate.folder / "scripts").exists()


def test_a_copy_of_another_projects_result_names_the_record_it_is_from(history: Ledger, tmp_path: Path) -> None:
    original = "s3://shared/project 1/toy/records/depth.json"
    made(history, "depth", "toy", {"toy.depth.txt": "1"}, copied_from=original)
    run = write(history, tmp_path / "crate", "toy").run_of("depth of toy")
    assert run["description"].endswith(f"Its files were copied from {original}.")


def test_a_sample_without_results_is_refused_and_nothing_is_written(history: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'nobody' has no results under .*: run it first, or check the name"):
        write(history, tmp_path / "new" / "crate", "expt", "nobody")
    assert not (tmp_path / "new" / "crate").exists()


def test_a_reference_of_the_web_has_its_address_and_what_its_server_calls_it(tmp_path: Path) -> None:
    crate = write(small_history(tmp_path, reference=WEB_REFERENCE), tmp_path / "crate")
    source = crate.entities["https://example.org/genomes/toy.fa.gz"]
    assert (source["version"], source["contentSize"]) == ("etag:abc", "7")
    assert "sha256" not in source
    assert source["sdDatePublished"] == "2026-04-30T12:00:00.000+00:00"
