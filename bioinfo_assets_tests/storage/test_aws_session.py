"""Sessions of boto3 read botocore's files once, and have the settings of the environment as it is."""

from collections import Counter

import pytest
from botocore.loaders import JSONFileLoader

from bioinfo_assets.storage.aws_session import new_session


def test_the_models_of_a_service_are_read_once(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counter[str]()
    load_file = JSONFileLoader.load_file

    def count(loader: JSONFileLoader, file_path: str) -> object:
        read[file_path] += 1
        return load_file(loader, file_path)

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(JSONFileLoader, "load_file", count)
    for _ in range(2):
        new_session().client("polly").close()  # no other test uses it
    assert [path for path in read if "polly" in path]
    assert max(read.values()) == 1


def test_each_session_has_the_settings_of_its_time(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for region, key in (("eu-west-1", "one"), ("us-west-2", "two")):
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        session = new_session()
        credentials = session.get_credentials()
        assert credentials is not None
        found.append((session.region_name, credentials.access_key))
    assert found == [("eu-west-1", "one"), ("us-west-2", "two")]
