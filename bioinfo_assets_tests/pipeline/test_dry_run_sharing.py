"""A dry run predicts copies of results that another project shares."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.pipeline.dry_run import PlannedAction
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, by_place, open_fake_project


def test_states_are_found_without_reading_fastqs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of samples that are not computed yet are missing, whatever is in the cache."""
    fake = open_fake_project(tmp_path, "a")
    fake.settings["cache"] = str(tmp_path / "cache")
    monkeypatch.setattr(Project, "observe_reads", None)
    with fake.dry_run() as trial:
        states = by_place(replace(trial, states_only=True))
    assert states["merged_reads", "a"].action is PlannedAction.RUN
    assert states["aligned_bam", "a"].reason == "not computed yet"


def test_a_result_that_another_project_shares_would_be_copied(tmp_path: Path) -> None:
    projects: list[FakeProject] = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        project = open_fake_project(tmp_path / name, "a")
        project.settings["cache"] = str(tmp_path / "cache")
        projects.append(project)
    first, second = projects
    first.run()
    cache = SharedCache(Store(), str(tmp_path / "cache"))
    cache.add(first.record("merged_reads", "a"))

    plan = second.plan()

    merged, trimmed = plan["merged_reads", "a"], plan["trimmed_reads", "a"]
    assert merged.action is PlannedAction.COPY
    assert merged.reason.startswith("not computed yet")
    assert plan["reference_genome", "references"].action is PlannedAction.RUN
    assert (trimmed.action, trimmed.reason) == (PlannedAction.DEPENDS_ON_UPSTREAM, "after merged_reads of a")
    os.truncate(first.file("merged_reads", "a", "reads1"), 0)
    assert second.plan()["merged_reads", "a"].action is PlannedAction.RUN
