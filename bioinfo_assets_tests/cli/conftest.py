import os

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests independent of the environment of whoever runs them."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_HOME", "BIOINFO_ASSETS_"))]:
        monkeypatch.delenv(name)
