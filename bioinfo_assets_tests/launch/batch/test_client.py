"""The calls to AWS Batch."""

from pathlib import Path

import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets_tests.simulator import BatchSimulator, Expired

CREDENTIALS = "[default]\naws_access_key_id = {}\naws_secret_access_key = s\naws_session_token = t\n"


def test_credentials_that_were_renewed_in_their_file_are_used_once_the_old_ones_have_expired(
    simulator: BatchSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs for single sign-on rewrite it; boto3 reads it once for each session."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def key(client: Client) -> str:
        return str(client._batch._request_signer._credentials.access_key)  # type: ignore[attr-defined]

    (tmp_path / "credentials").write_text(CREDENTIALS.format("old"))
    client = Client()
    client.describe(["a"])
    (tmp_path / "credentials").write_text(CREDENTIALS.format("new"))
    client.describe(["a"])
    assert key(client) == "old"
    simulator.inject(Expired())
    with pytest.raises(UnreachableError):
        client.describe(["a"])
    client.describe(["a"])
    assert key(client) == "new"
    client.close()
