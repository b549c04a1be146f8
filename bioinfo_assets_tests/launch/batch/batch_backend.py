"""The Batch backend on the simulator: jobs are processes of this host, and S3 is moto's server."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bioinfo_assets.launch.backend import NO_OPTIONS, JobReport, State, Status, Submission
from bioinfo_assets.launch.batch.backend import BatchBackend, BatchConfig, RunIdentity
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch import contract
from bioinfo_assets_tests.waiting import wait_until

TOOLS: Final = ("samtools", "bgzip")
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
OPTIONS: Final = JobOptions(image="tools:1", queue="default")
LOG_GROUP: Final = "/aws/batch/job"
FAST: Final = BatchConfig(
    log_group=LOG_GROUP,
    scratch_volume="",
    array_min_size=5,
    poll_interval_s=0.05,
    batching_delay_s=0.05,
    visibility_grace_s=2.0,
)


def fast(**changes: object) -> BatchConfig:
    """Settings with short intervals, and some of them changed."""
    return FAST.model_copy(update=changes)


def job(asset: str, script: str | None = None, *, scope: str = "expt", **changes: Any) -> Job:
    """A job of the contract suite, for a scope."""
    return replace(contract.job(asset, script, **changes), key=ResultKey(asset, scope))


def write_tool_list(folder: Path) -> Path:
    """Write the list that an image would have of the tools of this host."""
    file = folder / "tools.tsv"
    versions = tool_versions(TOOLS, PATH)
    file.write_text("".join(f"{tool}\t{version}\n" for tool, version in sorted(versions.items())))
    return file


def container_environment(s3_url: str, tools: Path) -> dict[str, str]:
    """The variables that an image and a job role would give a container."""
    return {
        "PATH": PATH,
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIOINFO_ASSETS_TOOLS": str(tools),
    }


class BackendWithOptions(BatchBackend):
    """The backend as a launcher uses it: every job has options."""

    options = OPTIONS

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        return super().submit(job.with_options(self.options.then(job.options)), fingerprint)

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        return super().tool_versions(tools, self.options.then(options))

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:
        return super().known_tool_versions(tools, self.options.then(options))


@contextmanager
def batch_backend(
    scratch: str,
    run: str = "run-1",
    config: BatchConfig = FAST,
    budget: str = "",
    disk: str = "",
    **options: Any,
) -> Iterator[BackendWithOptions]:
    """The backend of one run."""
    backend = BackendWithOptions(
        scratch,
        Store(),
        RunIdentity(run, budget or run),
        config.model_copy(update={"scratch_volume": disk}),
        Client(listing_delay_s=1.0),
        CloudWatchLogs(LOG_GROUP, max_lateness_s=2.0, min_interval_s=0.1),
    )
    backend.options = OPTIONS.then(JobOptions(**options))
    try:
        yield backend
    finally:
        backend.close()


def wait_for(backend: BatchBackend, job_id: str, condition: Callable[[Status], object]) -> Status:
    """Poll a job until its status meets a condition; return the status."""
    statuses: list[Status] = []

    def is_met() -> object:
        statuses[:] = backend.poll([job_id]).values()
        return condition(statuses[0])

    wait_until(is_met, what=f"a status of job {job_id}")
    return statuses[0]


def wait_for_end(backend: BatchBackend, job_id: str) -> Status:
    """Poll a job until it is over; return its status."""
    return wait_for(backend, job_id, lambda status: status.state.is_over)


def wait_for_running(backend: BatchBackend, job_id: str) -> Status:
    """Poll a job until it is running; return its status."""
    return wait_for(backend, job_id, lambda status: status.state is State.RUNNING)


def report_of(status: Status) -> JobReport:
    """The report of a job that was started and is over."""
    assert status.report is not None, status.reason
    return status.report


def attempts_of(status: Status) -> int:
    """How often a job was started."""
    return report_of(status).attempts


def run_job(backend: BatchBackend, job: Job, fingerprint: str = "") -> Status:
    """Submit a job and poll it until it is over; return its status."""
    return wait_for_end(backend, backend.submit(job, fingerprint).job_id)
