"""The Batch backend against the simulator, with the real boto3 client and real processes."""

import pytest

from bioinfo_assets_tests.launch.contract import Gate, LiveContract, ScriptContract


class TestBatchBackend(LiveContract, ScriptContract):
    PAUSE_S = 0.05

    @pytest.fixture
    def backend(self, backend):
        return backend

    @pytest.fixture
    def place(self, s3):
        return f"{s3}/place"

    @pytest.fixture
    def gate(self, tmp_path):
        file = tmp_path / "go"
        return Gate(f"until [[ -e {file} ]]; do sleep 0.02; done", lambda _: file.touch())
