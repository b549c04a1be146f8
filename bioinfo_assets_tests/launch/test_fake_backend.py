from pathlib import Path

import pytest

from bioinfo_assets.launch.fake_backend import FakeBackend
from bioinfo_assets_tests.launch.contract import BEHAVIOURS, TEXT, BackendContract, job, run


class TestFakeBackend(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> FakeBackend:
        return FakeBackend(tmp_path / "scratch", lambda submitted: BEHAVIOURS[submitted.key.asset](submitted))

    def test_it_remembers_the_submitted_jobs(self, backend: FakeBackend) -> None:
        jobs = [job("prints"), job("greets", outputs=(TEXT,))]
        for submitted in jobs:
            run(backend, submitted)
        assert backend.submitted == jobs
