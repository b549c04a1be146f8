"""The backend contract for the Batch backend on moto, which runs jobs as real containers.

Moto shows a log only after its container has ended, so that reading logs of a running job is tested on the simulator.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import pytest

from bioinfo_assets.launch.backend import IsPublished, Submission, never_published
from bioinfo_assets.launch.batch.backend import BatchBackend, BatchConfig, RunIdentity
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.container_engine import engine, tools_image
from bioinfo_assets_tests.e2e.account import Account, account
from bioinfo_assets_tests.launch.contract import Gate, ScriptContract
from bioinfo_assets_tests.launch.fused_contract import FusedContract

__all__ = ["account", "engine", "tools_image"]

pytestmark = pytest.mark.xdist_group("docker")

WITHOUT_ARRAYS = BatchConfig(array_min_size=10_000, poll_interval_s=0.3, batching_delay_s=0.1)
"""Array jobs are off: moto does not set the array index in its containers."""


class OnMoto(BatchBackend):
    """The backend as a launcher uses it: every job has its options."""

    options = JobOptions()

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        own, *rest = (each.with_options(self.options) for each in (job, *followers))
        return super().submit(own, fingerprint, is_published, rest)

    def tool_versions(self, tools: Collection[str], options: JobOptions | None = None) -> Mapping[str, str]:
        return super().tool_versions(tools, options or self.options)

    def known_tool_versions(
        self, tools: Collection[str], options: JobOptions | None = None
    ) -> Mapping[str, str] | None:
        return super().known_tool_versions(tools, options or self.options)


@pytest.fixture
def backend(account: Account, tools_image: str) -> Iterator[OnMoto]:
    account_config = {"log_group": account.outputs["LogGroupName"], "scratch_volume": str(account.disk)}
    config = WITHOUT_ARRAYS.model_copy(update=account_config)
    scratch = f"{account.outputs['BucketUri']}/scratch"
    backend = OnMoto(scratch, Store(), RunIdentity("run-1", "run-1"), config)
    backend.options = JobOptions(
        image=tools_image,
        queue=account.outputs["SpotQueueName"],
        name_prefix=account.name_prefix,
        environment=dict(account.container_environment),
    )
    yield backend
    backend.close()


class TestBatchOnMoto(ScriptContract):
    TIMEOUT_S = 120.0
    PAUSE_S = 0.2

    @pytest.fixture
    def backend(self, backend: OnMoto) -> OnMoto:
        return backend

    @pytest.fixture
    def place(self, account: Account) -> str:
        return f"{account.outputs['BucketUri']}/place"


class TestFusedJobsOnMoto(FusedContract):
    @pytest.fixture
    def backend(self, backend: OnMoto) -> OnMoto:
        return backend

    @pytest.fixture
    def place(self, account: Account) -> str:
        return f"{account.outputs['BucketUri']}/place"

    @pytest.fixture
    def gate(self, account: Account) -> Gate:
        file = account.disk / "go"
        return Gate(f"until [[ -e {file} ]]; do sleep 0.1; done", lambda _: file.touch())
