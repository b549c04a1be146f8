"""Records of results whose files have got other times, as in a copy of a project."""

import os

import pytest

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.greeting_project import GreetingProject


def touched(project: GreetingProject) -> tuple[Record, Record]:
    """A result whose file has got another time, as it is recorded and as it would be."""
    record = project.run(project.job()).record
    os.utime(project.greeting)
    return record, project.ledger.check_files(record).record


def test_whoever_may_only_read_a_copy_finds_its_results_intact(
    project: GreetingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, checked = touched(project)

    def refuse(_: Store, uri: str, __: bytes) -> None:
        raise InputError(f"{uri} cannot be written to (Read-only file system): choose another folder")

    monkeypatch.setattr(Store, "write_bytes", refuse)
    assert checked != record
    assert project.ledger.refresh_stamps(record, checked)
    assert project.ledger.read(record.key) == record


def test_an_s3_that_does_not_answer_is_no_copy_that_may_only_be_read(
    project: GreetingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, checked = touched(project)

    def fail(_: Store, __: str, ___: bytes) -> None:
        raise UnreachableError("S3 does not answer")

    monkeypatch.setattr(Store, "write_bytes", fail)
    with pytest.raises(UnreachableError):
        project.ledger.refresh_stamps(record, checked)
