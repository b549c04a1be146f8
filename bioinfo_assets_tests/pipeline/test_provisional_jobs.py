"""A job that is planned before its inputs exist does the same as the one that is built when they do."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.fused import does_same_work, output_uris
from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline.graph import GRAPH, PER_SAMPLE, SHARED_SCOPES_BY_ASSET, parents_of
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Sources
from bioinfo_assets.records.provisional import provisional_record
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project


def build_all(fake: FakeProject, *, planned: bool) -> Mapping[str, Job]:
    """The jobs of a sample, from the records of those before them, or from what is known before these have run."""
    project = fake.project
    jobs: dict[str, Job] = {}

    def record(asset: str) -> Record:
        if planned and asset in jobs:
            return provisional_record(jobs[asset])
        return fake.record(asset, SHARED_SCOPES_BY_ASSET.get(asset, "a"))

    for asset in (asset for asset in PER_SAMPLE if asset in fake.assets):
        records = {parent: RecordSet(parent, {"a": record(parent)}) for parent in parents_of(asset)}
        upstream = Upstream(project, Sources(project), records, lambda: Aligner.BWA)
        jobs[asset] = GRAPH[asset].build(upstream, "a")
    return jobs


def test_read_groups_that_were_given_at_an_import_are_those_of_the_bam(fake: FakeProject) -> None:
    """Also if the sample has lanes, whose library is another."""
    fake.run()
    ledger = fake.project.ledger
    trimmed, group = fake.record("trimmed_reads", "a"), "@RG\\tID:FC1.1\\tSM:a\\tLB:lib7\\tPL:ILLUMINA\\tPU:FC1.1.ACGT"
    assert "LB:lib7" not in build_all(fake, planned=False)["aligned_bam"].script
    ledger.write(trimmed.model_copy(update={"imported": True, "parameters": {"read_groups": (group,)}}))
    save_sample(ledger, replace(fake.project.sample("a"), imported=True))
    assert "LB:lib7" in build_all(fake, planned=False)["aligned_bam"].script


@pytest.fixture
def fake(tmp_path: Path) -> FakeProject:
    fake = open_fake_project(tmp_path, "a")
    fake.settings |= {"cram": "embedded", "read_quality": True, "genome_metrics": True}
    fake.run()
    return fake


def test_a_planned_job_is_the_one_that_is_built_later(fake: FakeProject) -> None:
    built, planned = build_all(fake, planned=False), build_all(fake, planned=True)
    assert built.keys() == planned.keys() == set(fake.assets) & set(PER_SAMPLE)
    made_before = output_uris(planned.values())
    for asset, job in built.items():
        assert render_parts(job) == render_parts(planned[asset])
        assert does_same_work(job, planned[asset], made_before)


def render_parts(job: Job) -> tuple[object, ...]:
    inputs = [(item.local, item.file.uri) for item in job.inputs]
    return job.version, job.script, job.parameters, job.outputs, job.tools, inputs


def test_a_change_of_anything_else_is_noticed(fake: FakeProject) -> None:
    job = build_all(fake, planned=False)["aligned_bam"]
    planned = build_all(fake, planned=True)["aligned_bam"]
    made_before = output_uris([build_all(fake, planned=True)["trimmed_reads"]])
    index = next(item for item in job.inputs if item.shared)
    other_index = replace(index, file=replace(index.file, content="sha256:other"))
    inputs = tuple(other_index if item is index else item for item in job.inputs)
    assert does_same_work(job, planned, made_before)
    assert not does_same_work(replace(job, inputs=inputs), planned, made_before)
    assert not does_same_work(replace(job, script=f"{job.script} "), planned, made_before)
    assert not does_same_work(replace(job, parameters={}), planned, made_before)
    assert not does_same_work(job, planned, ())


def test_sizes_are_estimated_from_the_reads(fake: FakeProject) -> None:
    planned = build_all(fake, planned=True)
    reads = sum(fake.fastq("a", read).stat().st_size for read in (1, 2))
    for asset in ("trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam"):
        own = [item.file.size for item in planned[asset].inputs if not item.shared]
        assert sum(own) == pytest.approx(reads, abs=2)
