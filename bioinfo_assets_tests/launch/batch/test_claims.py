"""What lies in scratch for those who come after a host that died."""

from datetime import UTC, datetime

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.attempt_report import read_report
from bioinfo_assets.launch.batch.claims import Claim, Claims, SubmissionNote
from bioinfo_assets.storage.store import Store

CLAIM = Claim(name="n", queue="q", index=3, folder="s3://b/x/1", budget="r", submitted=datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def claims(s3):
    return Claims(Store(), f"{s3}/scratch")


def test_a_claim_is_read_as_it_was_written(claims):
    assert claims.read("f") is None
    claims.write("f", CLAIM)
    assert claims.read("f") == CLAIM
    claims.drop("f")
    claims.drop("f")
    assert claims.read("f") is None


def test_a_note_of_an_array_and_those_of_its_jobs_are_apart(claims):
    claims.write_note("n", SubmissionNote(batch_id="b", run_id="one", size=5))
    claims.write_note("n", SubmissionNote(batch_id="b", run_id="two", size=5), 3)
    assert (claims.read_note("n").run_id, claims.read_note("n", 3).run_id) == ("one", "two")
    assert claims.read_note("n", 4) is None
    claims.drop_note("n", 3)
    assert (claims.read_note("n", 3), claims.read_note("n").size) == (None, 5)


@pytest.mark.parametrize("text", [b"", b"{", b'{"name": 1}', b"\xff", b'{"submitted": "2026-01-02T00:00:00"}'])
def test_what_cannot_be_understood_is_no_claim(claims, text):
    Store().write_bytes(f"{claims.scratch}/claims/f.json", text)
    assert claims.read("f") is None


def test_a_time_without_its_zone_is_not_understood(claims):
    naive = CLAIM.model_dump_json().replace("2026-01-02T00:00:00Z", "2026-01-02T00:00:00")
    Store().write_bytes(f"{claims.scratch}/claims/f.json", naive.encode())
    assert claims.read("f") is None


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_an_error_and_not_a_missing_claim_or_report() -> None:
    with pytest.raises(InputError, match=r"^bucket no-such-bucket does not exist"):
        Claims(Store(), "s3://no-such-bucket/scratch").read("f")
    with pytest.raises(InputError, match=r"^bucket no-such-bucket does not exist"):
        read_report(Store(), "s3://no-such-bucket/scratch", 1)


def test_an_attempt_without_a_report_has_none(s3: str) -> None:
    assert read_report(Store(), f"{s3}/scratch", 1) is None
