"""The job `depth` asks for memory by the reference's size, which is neither its input nor part of its fingerprint."""

from dataclasses import replace
from pathlib import Path

from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline.graph import GRAPH, parents_of
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.reuse import fingerprint_of
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets_tests.pipeline.fake_project import open_fake_project

HUMAN = 3_209_286_105


def depth_job(project: Project) -> Job:
    records = {parent: RecordSet.read(project.ledger, parent, ["expt"]) for parent in parents_of("depth")}
    return GRAPH["depth"].build(Upstream(project, Sources(project), records, lambda: Aligner.BWA), "expt")


def test_memory_and_disk_grow_with_the_reference_and_the_fingerprint_does_not_change(tmp_path: Path) -> None:
    fake = open_fake_project(tmp_path, "expt")
    fake.run()
    small = depth_job(fake.project)
    project = fake.project
    genome = fake.record("reference_genome", "references")
    large = replace(genome.outputs[0], size=HUMAN)
    project.ledger.write(genome.model_copy(update={"outputs": (large,)}))
    human = depth_job(project)
    assert small.resources.memory_mib < 2 * 1024
    assert human.resources.memory_mib > 4 * HUMAN / 1024**2
    assert human.resources.disk_mib > small.resources.disk_mib + 1024
    assert fingerprint_of(human, {}) == fingerprint_of(small, {})
    assert human.inputs == small.inputs


def test_without_a_reference_that_of_a_human_is_assumed(tmp_path: Path) -> None:
    fake = open_fake_project(tmp_path, "expt")
    fake.run()
    project = fake.project
    Path(project.ledger.uri(ResultKey("reference_genome", "references"))).unlink()
    assert depth_job(project).resources.memory_mib > 4 * HUMAN / 1024**2
