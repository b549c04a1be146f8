import pytest

from bioinfo_assets.launch.fake_backend import FakeBackend
from bioinfo_assets_tests.launch.contract import PLAYED, TEXT, BackendContract, job, run


class TestFakeBackend(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path):
        return FakeBackend(tmp_path / "scratch", lambda given: PLAYED[given.step](given))

    def test_it_remembers_what_it_was_given(self, backend):
        jobs = [job("prints"), job("greets", outputs=(TEXT,))]
        for given in jobs:
            run(backend, given)
        assert backend.submitted == jobs
