"""The Batch backend against the simulator, with the real boto3 client and real processes."""

from pathlib import Path

import pytest

from bioinfo_assets_tests.launch.batch.batch_backend import BackendWithOptions
from bioinfo_assets_tests.launch.contract import Gate, LiveContract, ScriptContract
from bioinfo_assets_tests.launch.fused_contract import FusedContract


class TestFusedJobs(FusedContract):
    @pytest.fixture
    def backend(self, backend: BackendWithOptions) -> BackendWithOptions:
        return backend

    @pytest.fixture
    def place(self, s3: str) -> str:
        return f"{s3}/place"

    @pytest.fixture
    def gate(self, tmp_path: Path) -> Gate:
        file = tmp_path / "go"
        return Gate(f"until [[ -e {file} ]]; do sleep 0.02; done", lambda _: file.touch())


class TestBatchBackend(LiveContract, ScriptContract):
    PAUSE_S = 0.05

    @pytest.fixture
    def backend(self, backend: BackendWithOptions) -> BackendWithOptions:
        return backend

    @pytest.fixture
    def place(self, s3: str) -> str:
        return f"{s3}/place"

    @pytest.fixture
    def gate(self, tmp_path: Path) -> Gate:
        file = tmp_path / "go"
        return Gate(f"until [[ -e {file} ]]; do sleep 0.02; done", lambda _: file.touch())
