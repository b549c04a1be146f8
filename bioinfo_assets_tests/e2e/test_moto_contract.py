"""The Batch backend keeps the contract where moto's Batch runs its jobs as real containers.

Moto shows a log only when its container is gone, so that what is read while a job runs is the simulator's to prove.
"""

import pytest

from bioinfo_assets.launch.batch.backend import BatchBackend, BatchConfig, RunIdentity
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.e2e.account import Account, account
from bioinfo_assets_tests.engine import engine, tools_image
from bioinfo_assets_tests.launch.contract import ScriptContract

__all__ = ["account", "engine", "tools_image"]

pytestmark = pytest.mark.xdist_group("docker")

WITHOUT_ARRAYS = BatchConfig(array_min_size=10_000, poll_interval_s=0.3, batching_delay_s=0.1)
"""Moto's containers are not told their index in an array."""


class OnMoto(BatchBackend):
    """The backend as a launcher uses it: every job comes with its options."""

    options = JobOptions()

    def submit(self, job: Job, fingerprint: str = ""):
        return super().submit(job.with_options(self.options), fingerprint)

    def tool_versions(self, tools, options=None):
        return super().tool_versions(tools, options or self.options)


class TestBatchOnMoto(ScriptContract):
    PATIENCE_S = 120.0
    PAUSE_S = 0.2

    @pytest.fixture
    def backend(self, account: Account, tools_image):
        place = {"log_group": account.made["LogGroupName"], "scratch_volume": str(account.disk)}
        config = WITHOUT_ARRAYS.model_copy(update=place)
        scratch = f"{account.made['BucketUri']}/scratch"
        backend = OnMoto(scratch, Store(), RunIdentity("run-1", "run-1"), config)
        backend.options = JobOptions(
            image=tools_image, queue=account.made["SpotQueueName"], environment=dict(account.inside)
        )
        yield backend
        backend.close()

    @pytest.fixture
    def place(self, account: Account) -> str:
        return f"{account.made['BucketUri']}/place"
