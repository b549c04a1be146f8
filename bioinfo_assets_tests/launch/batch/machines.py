"""The Batch backend on the simulator: jobs are processes here, S3 is moto's server."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.backend import BatchBackend, Limits
from bioinfo_assets.launch.batch.batch_job import RunIdentity
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets.launch.batch.job_definition import MachineConfig
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import wait_until

TOOLS = ("samtools", "bgzip")
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
OPTIONS = JobOptions(image="tools:1", queue="default")
FAST = Limits(arrays_from=5, poll_s=0.05, gather_s=0.05, listed_s=2.0)
LOG_GROUP = "/aws/batch/job"


def tools_list(folder: Path) -> Path:
    """The list that an image would have of the tools of this machine."""
    file = folder / "tools.tsv"
    versions = tool_versions(TOOLS, PATH)
    file.write_text("".join(f"{tool}\t{version}\n" for tool, version in sorted(versions.items())))
    return file


def container_environment(s3_url: str, tools: Path) -> dict[str, str]:
    """What an image and a job role would give a container."""
    return {
        "PATH": PATH,
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIOINFO_ASSETS_TOOLS": str(tools),
    }


class SetOptions(BatchBackend):
    """The backend as a launcher uses it: every job comes with its options."""

    options = OPTIONS

    def submit(self, job: Job, fingerprint: str = ""):
        return super().submit(job.with_options(self.options.then(job.options)), fingerprint)

    def tool_versions(self, tools, options=None):
        return super().tool_versions(tools, options or self.options)


@contextmanager
def opened(scratch: str, run: str = "run-1", limits: Limits = FAST, budget: str = "", disk: str = "", **options):
    """A backend of one run."""
    backend = SetOptions(
        scratch,
        Store(),
        RunIdentity(run, budget or run),
        MachineConfig(LOG_GROUP, disk),
        limits,
        Client(look_again_s=1.0),
        CloudWatchLogs(LOG_GROUP, lag_s=2.0, every_s=0.1),
    )
    backend.options = OPTIONS.then(JobOptions(**options))
    try:
        yield backend
    finally:
        backend.close()


def until(backend, job_id, true_of):
    """The job's status as soon as it is as wished."""
    return wait_until(lambda: backend.poll([job_id])[job_id], true_of, pause_s=0.03)


def ended(backend, to_run, fingerprint=""):
    """The job's status at its end."""
    return until(backend, backend.submit(to_run, fingerprint).job_id, lambda status: status.state.is_over)


def running(backend, job_id):
    return until(backend, job_id, lambda status: status.state is State.RUNNING)
