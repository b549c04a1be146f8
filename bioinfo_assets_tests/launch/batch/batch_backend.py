"""The Batch backend on the simulator: jobs are processes of this host, and S3 is moto's server."""

import os
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bioinfo_assets.launch.backend import NO_OPTIONS, IsPublished, State, Status, Submission, never_published
from bioinfo_assets.launch.batch.backend import BatchBackend, BatchConfig, RunIdentity
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import report_of, wait_for_end, wait_for_status

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
    misconfiguration_grace_s=0.2,
)


def fast(**changes: object) -> BatchConfig:
    """Settings with short intervals, and some of them changed."""
    return FAST.model_copy(update=changes)


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


def interrupted(job: Job, marks: Path, times: int = 1) -> Job:
    """Have a job print `begun`, so that a fault can end it then; its first attempts wait until it does.

    Args:
        job: The job.
        marks: A new file that counts its attempts.
        times: How many of them are ended.
    """
    return replace(job, script=f"{until_interrupted('echo begun', marks, times)}; {job.script}")


def until_interrupted(command: str, marks: Path, times: int = 1) -> str:
    """A command for the script of such a job."""
    return f"echo >>{marks}; {command}; (($(wc -l <{marks}) > {times})) || sleep 100"


class BackendWithOptions(BatchBackend):
    """The backend as a launcher uses it: every job has options."""

    options = OPTIONS

    @property
    def one_moment(self) -> threading.Condition:
        """While a test holds it, jobs are only collected: on a busy machine there may be pauses between them."""
        return self._lock

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        own, *rest = (each.with_options(self.options.then(each.options)) for each in (job, *followers))
        return super().submit(own, fingerprint, is_published, rest)

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


def wait_for_running(backend: BatchBackend, job_id: str) -> Status:
    """Poll a job until it is running; return its status."""
    return wait_for_status(backend, job_id, lambda status: status.state is State.RUNNING)


def attempts_of(status: Status) -> int:
    """How often a job was started."""
    return report_of(status).attempts


def run_job(backend: BatchBackend, job: Job, fingerprint: str = "") -> Status:
    """Submit a job and poll it until it is over; return its status."""
    return wait_for_end(backend, backend.submit(job, fingerprint).job_id)
