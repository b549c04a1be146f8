"""Claims and submission notes in scratch."""

import inspect
from datetime import UTC, datetime

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch import client, preparation
from bioinfo_assets.launch.batch.adoption import Claim, Claims, SubmissionNote
from bioinfo_assets.launch.batch.attempt_report import read_report
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.storage.store import Store

CLAIM = Claim(name="n", queue="q", index=3, folder="s3://b/x/1", budget="r", submitted=datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def claims(s3: str) -> Claims:
    return Claims(Store(), ScratchPaths(f"{s3}/scratch"))


def run_id(claims: Claims, index: int | None) -> str | None:
    note = claims.read_note("n", index)
    return None if note is None else note.run_id


def test_a_claim_is_read_as_it_was_written(claims: Claims) -> None:
    assert claims.read("f") is None
    claims.write("f", CLAIM)
    assert claims.read("f") == CLAIM
    claims.delete("f")
    claims.delete("f")
    assert claims.read("f") is None


def test_the_note_of_an_array_and_those_of_its_jobs_are_separate(claims: Claims) -> None:
    claims.write_note("n", SubmissionNote(batch_id="b", run_id="one", size=5))
    claims.write_note("n", SubmissionNote(batch_id="b", run_id="two", size=5), 3)
    assert [run_id(claims, None), run_id(claims, 3)] == ["one", "two"]
    assert claims.read_note("n", 4) is None
    claims.store.delete(claims.paths.submission_note("n", 3))
    assert [run_id(claims, None), run_id(claims, 3)] == ["one", None]


@pytest.mark.parametrize("text", [b"", b"{", b'{"name": 1}', b"\xff", b'{"submitted": "2026-01-02T00:00:00"}'])
def test_a_claim_that_cannot_be_parsed_is_ignored(claims: Claims, text: bytes) -> None:
    Store().write_bytes(claims.paths.claim("f"), text)
    assert claims.read("f") is None


def test_a_claim_whose_time_has_no_zone_is_ignored(claims: Claims) -> None:
    naive = CLAIM.model_dump_json().replace("2026-01-02T00:00:00Z", "2026-01-02T00:00:00")
    Store().write_bytes(claims.paths.claim("f"), naive.encode())
    assert claims.read("f") is None


def test_a_run_is_given_the_time_that_its_largest_submission_takes() -> None:
    writing_s = preparation.PREPARATION_TIMEOUT_S  # of ten thousand claims and packages, with all that S3 may delay
    calling_s = client._SUBMIT_TIMEOUT_S + inspect.signature(Client).parameters["listing_delay_s"].default
    assert writing_s + calling_s < preparation.SUBMISSION_TIMEOUT_S


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_an_error_and_not_a_missing_claim_or_report() -> None:
    with pytest.raises(InputError, match=r"^bucket no-such-bucket does not exist"):
        Claims(Store(), ScratchPaths("s3://no-such-bucket/scratch")).read("f")
    with pytest.raises(InputError, match=r"^bucket no-such-bucket does not exist"):
        read_report(Store(), "s3://no-such-bucket/scratch")


def test_an_attempt_without_a_report_has_none(s3: str) -> None:
    assert read_report(Store(), f"{s3}/scratch") is None
