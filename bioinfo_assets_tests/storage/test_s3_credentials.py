"""S3 gets new credentials before the old ones expire."""

from datetime import UTC, datetime, timedelta

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
