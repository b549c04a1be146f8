"""S3 gets new credentials before the old ones expire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from bioinfo_assets.storage.s3_credentials import CredentialProvider


def refreshable(expires: datetime) -> RefreshableCredentials:
    """Temporary credentials as an instance role or a session gives them; renewed ones are good for six hours."""

    def renew() -> dict[str, str]:
        later = datetime.now(UTC) + timedelta(hours=6)
        return {"access_key": "new", "secret_key": "s", "token": "t", "expiry_time": later.isoformat()}

    return RefreshableCredentials("old", "s", "t", expires, renew, "test")


@pytest.mark.parametrize("minutes", [16, 20, 25, 29])
def test_temporary_credentials_are_said_to_expire_when_they_do(minutes: int) -> None:
    """boto3 renews them a quarter of an hour before their end, obstore asks again five minutes before it."""
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    given = CredentialProvider(refreshable(expires))()
    assert (given["access_key_id"], given["expires_at"]) == ("old", expires)


def test_credentials_near_their_end_are_renewed() -> None:
    given = CredentialProvider(refreshable(datetime.now(UTC) + timedelta(minutes=9)))()
    assert given["access_key_id"] == "new"
    assert given["expires_at"] is not None
    assert given["expires_at"] > datetime.now(UTC) + timedelta(hours=5)


def test_credentials_without_an_end_are_looked_at_from_time_to_time() -> None:
    given = CredentialProvider(Credentials("id", "secret"))()
    assert given["token"] is None
    assert given["expires_at"] is not None
    assert given["expires_at"] < datetime.now(UTC) + timedelta(hours=1)


def test_a_file_of_credentials_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs for single sign-on rewrite it every hour."""
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    text = "[default]\naws_access_key_id = {}\naws_secret_access_key = s\naws_session_token = t\n"
    file.write_text(text.format("old"))
    provider = CredentialProvider()
    assert provider()["access_key_id"] == "old"
    file.write_text(text.format("new"))
    assert provider()["access_key_id"] == "new"
