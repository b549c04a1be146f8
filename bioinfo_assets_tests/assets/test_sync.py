"""What Dagster forgot, it is told from the records: the same results, and the same of them stale."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.cohort import report_cohort
from bioinfo_assets.assets.sources import observe_known_sites, observe_reads, observe_reference
from bioinfo_assets.assets.sync import ProjectState, sync
from bioinfo_assets.cli.sync import _observations
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.orchestration.partitions import add_samples, set_samples
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.graph import ASSETS, COHORT, GRAPH, PER_SAMPLE, REFERENCES, SHARED
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.assets.graph import Graph
from bioinfo_assets_tests.pipeline.lab import Lab, Tools, open_lab

pytestmark = pytest.mark.xdist_group("sync")  # one run of the whole graph is what all cases begin with

Place = tuple[str, str | None]

DEPTH = dg.AssetKey("depth")
NAMES = ("a", "b")
ALL = {(asset, "") for asset in (*SHARED, "multiqc_report")} | {(asset, name) for asset in PER_SAMPLE for name in NAMES}


@dataclass
class Told:
    """A project of the whole graph, and a Dagster that has seen each of its results made."""

    lab: Lab
    dagster: dg.DagsterInstance

    def graph(self, instance: dg.DagsterInstance | None = None) -> Graph:
        return Graph(self.lab.folder, instance or self.dagster, self.lab.project)

    def look(self) -> None:
        """Tells Dagster what its sensors see."""
        project = self.lab.project
        set_samples(self.dagster, self.lab.samples)
        observe_reads(self.dagster, project, self.lab.samples)
        observe_reference(self.dagster, project)
        observe_known_sites(self.dagster, project)
        report_cohort(self.dagster)

    def known(self) -> ProjectState:
        """What the command finds out before it asks Dagster anything."""
        with self.lab.look() as look:
            forecasts = tuple(look.planned_results())
            return ProjectState(
                self.lab.project, self.lab.samples, _observations(look), forecasts, code_versions(self.lab.project)
            )

    def sync(self, instance: dg.DagsterInstance) -> list[tuple[str, str]]:
        return list(sync(instance, self.known()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The real assets, run by the real machinery; only the tools are not called."""
    folder = tmp_path_factory.mktemp("sync")
    lab = open_lab(folder, *NAMES)

    def open_tools(*_: object) -> Tools:
        return Tools(folder / "scratch", lab.versions)

    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setattr("bioinfo_assets.orchestration.launcher.open_backend", open_tools)
        patch.setattr("bioinfo_assets.pipeline.code_versions.open_backend", open_tools)
        patch.setattr("bioinfo_assets.assets.result_metrics.FIGURES", {})  # made-up files have none
        told = Told(lab, instance)
        add_samples(instance, NAMES)
        told.look()
        graph = told.graph()
        assert graph.run(), graph.failures()
        told.look()
        yield told


@pytest.fixture
def empty() -> Iterator[dg.DagsterInstance]:
    """A Dagster that knows nothing, as after the loss of its database."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def changed(made: Told, tmp_path: Path) -> Iterator[Told]:
    """A copy of inputs, settings and records to change; all is as it was when the test is over."""
    lab, kept = made.lab, tmp_path / "kept"
    shutil.copytree(lab.folder, kept)
    settings, versions = dict(lab.settings), dict(lab.versions)
    yield made
    shutil.rmtree(lab.folder)
    shutil.copytree(kept, lab.folder)
    lab.settings, lab.versions = settings, versions
    made.look()
    assert made.graph().stale() == set(), "the test has left something changed"


def of_samples(asset: str) -> set[Place]:
    return {(asset, name) for name in NAMES}


def nothing(told: Told) -> None:
    pass


def a_fastq(told: Told) -> None:
    told.lab.write_reads("b", pairs=3)


def the_reference(told: Told) -> None:
    (told.lab.folder / "genome.fa").write_text(">chrM\nTTTTACGTACGTACGT\n")


def a_parameter(told: Told) -> None:
    told.lab.settings["optical_distance"] = 100


def a_tool(told: Told) -> None:
    told.lab.versions["mosdepth"] = "2"


def a_removed_sample(told: Told) -> None:
    (told.lab.folder / "out" / "records" / "samples" / "b.json").unlink()


def a_new_sample(told: Told) -> None:
    told.lab.add("c")


CASES: Mapping[Callable[[Told], None], set[Place]] = {
    nothing: set(),
    a_fastq: {("merged_reads", "b")},
    the_reference: {("reference_genome", None), ("reference_index", None)},
    a_parameter: of_samples("marked_bam"),
    a_tool: of_samples("depth"),
    a_removed_sample: {("multiqc_report", None)},
    a_new_sample: set(),  # the report shows what is there, and of this one nothing is yet
}
"""By change: what Dagster calls stale; what is made from it becomes so when it is made."""


@pytest.mark.parametrize(("change", "stale"), CASES.items(), ids=[change.__name__ for change in CASES])
def test_the_same_is_stale_as_before_the_loss(
    changed: Told, empty: dg.DagsterInstance, change: Callable[[Told], None], stale: set[Place]
) -> None:
    change(changed)
    changed.look()
    before = changed.graph().stale()

    told = changed.sync(empty)

    assert before == stale
    assert changed.graph(empty).stale() == before
    gone = {place for place in ALL if place[1] and place[1] not in changed.lab.samples}
    assert set(told) == ALL - gone
    assert len(told) == len(set(told))
    assert changed.sync(empty) == []


@pytest.mark.parametrize(("change", "stale"), CASES.items(), ids=[change.__name__ for change in CASES])
def test_where_dagster_knows_all_nothing_is_told(
    changed: Told, change: Callable[[Told], None], stale: set[Place]
) -> None:
    change(changed)
    changed.look()

    assert changed.sync(changed.dagster) == []
    assert changed.graph().stale() == stale


def test_a_raised_step_version_is_stale_as_before(
    changed: Told, empty: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bioinfo_assets.steps.trimming.VERSION", "99")
    monkeypatch.setitem(GRAPH, "trimmed_reads", replace(GRAPH["trimmed_reads"], version="99"))

    told = changed.sync(empty)
    again = changed.sync(empty)
    before, after = changed.graph().stale(), changed.graph(empty).stale()
    monkeypatch.undo()

    assert before == of_samples("trimmed_reads")
    assert after == before
    assert set(told) == ALL
    assert again == []


def test_what_was_made_after_a_change_is_told_and_what_was_not_is_stale(
    changed: Told, empty: dg.DagsterInstance
) -> None:
    """As if a run had been interrupted: the reads of one sample are new, what is made from them is not."""
    a_fastq(changed)
    changed.lab.run(["merged_reads"], ["b"])

    told = changed.sync(empty)

    assert set(told) == ALL
    assert changed.graph(empty).stale() == {("trimmed_reads", "b")}
    assert changed.sync(empty) == []


def test_a_result_of_a_sample_that_the_report_has_not_seen_makes_it_stale(
    changed: Told, empty: dg.DagsterInstance
) -> None:
    a_fastq(changed)
    changed.lab.run([asset for asset in ASSETS if asset != "multiqc_report"])

    changed.sync(empty)

    assert changed.graph(empty).stale() == {("multiqc_report", None)}
    changed.lab.run()
    assert changed.sync(empty) == [("multiqc_report", "")]
    assert changed.graph(empty).stale() == set()


def test_results_that_dagster_did_not_see_made_are_told_and_no_others(changed: Told, empty: dg.DagsterInstance) -> None:
    changed.sync(empty)
    a_fastq(changed)
    made = changed.lab.run()

    told = changed.sync(empty)

    # What a sample's file says is made from its input here, so that all that comes after it is another too.
    assert set(told) == {(asset, "" if scope in {REFERENCES, COHORT} else scope) for asset, scope in made}
    assert set(told) == {*((asset, "b") for asset in PER_SAMPLE), ("multiqc_report", "")}
    assert changed.graph(empty).stale() == set()


def test_what_is_stale_is_fresh_again_when_the_change_is_taken_back(changed: Told, empty: dg.DagsterInstance) -> None:
    a_parameter(changed)
    changed.sync(empty)
    changed.lab.settings.pop("optical_distance")

    changed.sync(empty)

    assert changed.graph(empty).stale() == set()
    assert changed.sync(empty) == []


def test_a_run_after_it_finds_all_and_leaves_nothing_stale(changed: Told, empty: dg.DagsterInstance) -> None:
    a_fastq(changed)
    changed.sync(empty)
    graph = changed.graph(empty)

    assert graph.run()

    done = {(update.asset, update.partition) for update in graph.updates if update.state is JobState.DONE}
    assert done == {*((asset, "b") for asset in PER_SAMPLE), ("multiqc_report", "")}
    assert graph.stale() == set()


def test_a_reference_with_an_alt_file_is_stale_for_no_other_reason(
    made: Told, empty: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Each of its two jobs reads one of the two files; that a result is gone makes it missing, not stale."""
    lab = open_lab(tmp_path, "a")
    (tmp_path / "genome.fa.alt").write_text("@SQ\tSN:chrM\tLN:16\n")
    lab.settings["reference_alt"] = str(tmp_path / "genome.fa.alt")
    lab.run()
    lab.file("reference_genome", REFERENCES, "fasta").unlink()
    told = Told(lab, empty)

    assert ("reference_index", "") in told.sync(empty)

    assert told.graph(empty).stale() == set()


def test_a_broken_record_is_passed_by(changed: Told, empty: dg.DagsterInstance) -> None:
    (changed.lab.folder / "out" / "b" / "records" / "unheard_of.json").write_bytes(b"{}")

    assert set(changed.sync(empty)) == ALL
    assert changed.graph(empty).stale() == set()


def test_the_partitions_are_the_samples(made: Told, empty: dg.DagsterInstance) -> None:
    set_samples(empty, ["a", "long-gone"])

    made.sync(empty)

    assert list(empty.get_dynamic_partitions("samples")) == ["a", "b"]


def test_events_of_a_removed_sample_stay_readable(changed: Told, empty: dg.DagsterInstance) -> None:
    changed.sync(empty)
    a_removed_sample(changed)

    changed.sync(empty)

    assert list(empty.get_dynamic_partitions("samples")) == ["a"]
    wanted = dg.AssetRecordsFilter(dg.AssetKey("depth"), asset_partitions=["b"])
    (found,) = empty.fetch_materializations(wanted, limit=5).records
    assert found.asset_materialization is not None
    assert found.asset_materialization.metadata["record"].value == changed.lab.project.ledger.uri(
        ResultKey("depth", "b")
    )


def test_a_materialization_that_is_told_shows_what_one_that_was_seen_shows(
    made: Told, empty: dg.DagsterInstance
) -> None:
    made.sync(empty)

    for step, sample in (("marked_bam", "b"), ("reference_index", None), ("multiqc_report", None)):
        seen, told = made.graph().metadata(step, sample), made.graph(empty).metadata(step, sample)
        assert told.pop("told_from_record") is True
        assert told == seen
    record, told = made.lab.record("marked_bam", "b"), made.graph(empty).metadata("marked_bam", "b")
    assert [row.data["file"] for row in told["files"].records] == [file.uri for file in record.outputs]
    assert [row.data["sha256"] for row in told["files"].records] == [file.sha256 for file in record.outputs]
    assert [row.data["file"] for row in told["inputs"].records] == [item.uri for item in record.inputs]
    assert str(made.lab.fastq("b")) in str(told["provenance"])


def test_the_tags_are_those_of_the_run_that_made_it(made: Told, empty: dg.DagsterInstance) -> None:
    made.sync(empty)

    for asset, sample in sorted(ALL):
        seen, told = (_tags(instance, asset, sample) for instance in (made.dagster, empty))
        assert told == seen, (asset, sample)


def _tags(instance: dg.DagsterInstance, asset: str, sample: str) -> dict[str, str]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[sample] if sample else None)
    found = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert found is not None
    return {name: value for name, value in (found.tags or {}).items() if "event_pointer" not in name}


def test_sources_are_told_as_they_were_seen(made: Told, empty: dg.DagsterInstance) -> None:
    made.sync(empty)

    seen = made.lab.project.ledger.read_observation(ResultKey("raw_reads", "b"))
    assert seen is not None
    wanted = dg.AssetRecordsFilter(dg.AssetKey("raw_reads"), asset_partitions=["b"])
    (told,) = empty.fetch_observations(wanted, limit=5).records
    assert told.asset_observation is not None
    assert (told.asset_observation.tags or {})["dagster/data_version"] == seen.data_version


def test_a_result_whose_files_are_gone_is_told_by_its_record(changed: Told, empty: dg.DagsterInstance) -> None:
    """It was made: that its file is gone since, `verify` says."""
    changed.lab.file("depth", "b", "summary").unlink()

    assert set(changed.sync(empty)) == ALL
    assert changed.graph(empty).stale() == set()


def test_the_report_of_a_run_names_the_cohort_that_it_was_made_of(made: Told) -> None:
    """It is told in the run, after the samples' results and before the report reads them: Dagit has it fresh."""
    (report,) = made.dagster.fetch_materializations(dg.AssetKey("multiqc_report"), limit=2).records
    assert report.asset_materialization is not None
    tags = report.asset_materialization.tags or {}

    pointer = int(tags["dagster/input_event_pointer/cohort"])
    wanted = dg.AssetRecordsFilter(dg.AssetKey("cohort"), storage_ids=[pointer])
    (seen,) = made.dagster.fetch_observations(wanted, limit=2).records

    assert pointer < report.storage_id
    assert seen.asset_observation is not None
    assert tags["dagster/input_data_version/cohort"] == (seen.asset_observation.tags or {})["dagster/data_version"]
    assert seen.asset_observation.metadata["samples"].value == len(NAMES)
    assert all(record.storage_id < pointer for record in made.dagster.fetch_materializations(DEPTH, limit=2).records)
