"""The files that a run reads, observed once by all its steps."""

from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.observations import ReadBudget
from bioinfo_assets.records.record import Observation
from bioinfo_assets_tests.pipeline.fake_project import open_fake_project


def test_reads_that_cannot_be_reached_for_the_moment_are_observed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, observe, attempts = open_fake_project(tmp_path, "a").project, Project.observe_reads, list[str]()

    def observe_from_the_second_time_on(own: Project, sample: Sample, budget: ReadBudget | None = None) -> Observation:
        attempts.append(sample.name)
        if len(attempts) == 1:
            raise UnreachableError("S3 does not answer")
        return observe(own, sample, budget)

    monkeypatch.setattr(Project, "observe_reads", observe_from_the_second_time_on)
    sources = Sources(project)
    with pytest.raises(UnreachableError):
        sources.lanes("a")
    assert len(sources.lanes("a")) == 1
    assert sources.problems == {}


def test_reads_that_are_missing_are_looked_for_once(tmp_path: Path) -> None:
    fake = open_fake_project(tmp_path, "a")
    fake.fastq("a").unlink()
    sources = Sources(fake.project)
    with pytest.raises(InputError, match="does not exist"):
        sources.lanes("a")
    fake.write_reads("a")
    with pytest.raises(InputError, match="does not exist"):
        sources.lanes("a")
