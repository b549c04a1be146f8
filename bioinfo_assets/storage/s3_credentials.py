"""The AWS credentials that boto3 finds, for obstore, with the time at which they really expire.

obstore's own provider declares any credentials valid for half an hour. boto3 renews temporary ones a
quarter of an hour before their end, so that S3 would refuse requests for minutes at many rotations.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.credentials import Credentials, RefreshableCredentials

from bioinfo_assets.storage.aws_session import new_session

if TYPE_CHECKING:
    from obstore.store import S3Credential

CHECK_INTERVAL: Final = timedelta(minutes=10)
"""How long credentials without an end are used before boto3 looks for them again: other programs rewrite its file."""


class CredentialProvider:
    """Gives obstore the present credentials; it asks again five minutes before they expire.

    Args:
        credentials: Those that boto3 finds by default.

    Raises:
        ValueError: boto3 finds none.
    """

    def __init__(self, credentials: Credentials | None = None) -> None:
        found = credentials or new_session().get_credentials()
        if found is None:
            raise ValueError("boto3 finds no AWS credentials")
        self._credentials = found
        self._is_found = credentials is None

    def __call__(self) -> "S3Credential":
        """Return the credentials, renewed if boto3 considers it time."""
        if self._is_found and not isinstance(self._credentials, RefreshableCredentials):
            self._credentials = new_session().get_credentials() or self._credentials
        frozen = self._credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key or "",
            "secret_access_key": frozen.secret_key or "",
            "token": frozen.token,
            "expires_at": self._expires_at(),
        }

    def _expires_at(self) -> datetime:
        # botocore shows it nowhere else; all credentials that it renews have it
        expires_at: datetime | None = getattr(self._credentials, "_expiry_time", None)
        return expires_at or datetime.now(UTC) + CHECK_INTERVAL
