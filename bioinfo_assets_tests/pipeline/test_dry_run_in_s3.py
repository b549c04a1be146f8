"""A dry run of many samples in S3 lists their files, and predicts what it would with a request for each of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bioinfo_assets.application.plan import Plan, all_reusable
from bioinfo_assets.pipeline.dry_run import PlannedAction
from bioinfo_assets.pipeline.result_state import State, result_states
from bioinfo_assets.records import scope_lists
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, Place, not_reused, open_fake_project, with_action
from bioinfo_assets_tests.servers import record_stats, s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

STORE = Store()


@pytest.fixture
def project(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """Three samples with all results, which are listed as if they were many."""
    monkeypatch.setattr(scope_lists, "MAX_UNLISTED_SCOPES", 0)
    monkeypatch.setattr(scope_lists, "SCOPES_PER_LIST", 2)
    project = open_fake_project(tmp_path)
    project.settings["output_path"] = f"{s3}/run"
    project.add("a", "a-1", "b")
    project.run()
    return project


def states(project: FakeProject) -> Mapping[Place, tuple[State, str]]:
    with project.dry_run() as trial:
        return {(result.key.asset, result.key.scope): (result.state, result.reason) for result in result_states(trial)}


def test_no_result_takes_a_request_for_each_file(
    project: FakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = record_stats(monkeypatch)
    assert not_reused(project.plan()) == set()
    assert {state for state, _ in states(project).values()} == {State.CURRENT}
    plan = Plan(project.project, tmp_path / "home", (), project.samples, project.assets, {})
    assert all_reusable(plan) is None  # their tools are not those of this machine
    assert requests == []


def test_damage_is_found(project: FakeProject) -> None:
    missing = project.record("recalibrated_bam", "a").file("bam")
    shorter = project.record("depth", "a-1").outputs[0]
    other = project.record("marked_bam", "b").file("bam")
    STORE.delete(missing.uri)
    STORE.write_bytes(shorter.uri, b"x")
    STORE.write_bytes(other.uri, b"x" * other.size)
    damage = {
        ("recalibrated_bam", "a"): f"{missing.uri} is missing",
        ("depth", "a-1"): f"{shorter.uri} has changed: 1 bytes, published with {shorter.size}",
        ("marked_bam", "b"): f"{other.uri} has changed: its checksum differs from the published file's",
    }

    found = states(project)

    assert {place: reason for place, (state, reason) in found.items() if state is State.DAMAGED} == damage
    assert with_action(project.plan(), PlannedAction.RUN) == set(damage)
    assert project.run() >= set(damage)
    assert not_reused(project.plan()) == set()


def test_what_is_computed_during_a_dry_run_is_intact(project: FakeProject) -> None:
    """As by a run, while Dagit's check looks at thousands of samples."""
    record = project.record("depth", "b")
    project.project.ledger.withdraw(record)
    with project.dry_run() as trial:
        trial.ledger.listed()
        STORE.delete(record.outputs[0].uri)
        assert project.run() >= {("depth", "b")}
        found = {(result.key.asset, result.key.scope): result.state for result in result_states(trial)}
    assert State.DAMAGED not in found.values()
    assert found["depth", "b"] is State.CURRENT
