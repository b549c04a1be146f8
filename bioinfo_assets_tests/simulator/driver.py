"""A user of Batch in tests: boto3's client with default arguments, and waiting."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bioinfo_assets_tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

Shape = dict[str, Any]


class Driver:
    """boto3's client with a registered job definition."""

    def __init__(self, client: "BatchClient") -> None:
        self.client: Any = client  # not typed: tests also send requests that Batch rejects
        self.register("tools")

    def register(self, name: str, *, container: Mapping[str, Any] | None = None, **arguments: Any) -> Shape:
        properties = {
            "image": "tools:1",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        }
        answer: Shape = self.client.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties=properties | dict(container or {}),
            **arguments,
        )
        return answer

    def submit(
        self,
        script: str | None = "true",
        *,
        name: str = "job",
        queue: str = "queue",
        definition: str = "tools",
        overrides: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> str:
        """Submit a job that runs a bash script; return its id."""
        command = {} if script is None else {"command": ["bash", "-c", script]}
        job_id: str = self.client.submit_job(
            jobName=name,
            jobQueue=queue,
            jobDefinition=definition,
            containerOverrides=command | dict(overrides or {}),
            **arguments,
        )["jobId"]
        return job_id

    def describe(self, *job_ids: str) -> list[Shape]:
        """The descriptions of those of the jobs that Batch knows."""
        jobs: list[Shape] = self.client.describe_jobs(jobs=list(job_ids))["jobs"]
        return jobs

    def job(self, job_id: str) -> Shape:
        return self.describe(job_id)[0]

    def wait_for(self, job_id: str, condition: Callable[[Shape], object]) -> Shape:
        """Wait until Batch knows a job and its description meets a condition; return the description."""
        jobs: list[Shape] = []

        def is_met() -> object:
            jobs[:] = self.describe(job_id)
            return jobs and condition(jobs[0])

        wait_until(is_met, what=f"job {job_id}")
        return jobs[0]

    def wait(self, job_id: str, *statuses: str) -> Shape:
        """Wait until a job has one of the statuses; return its description."""
        return self.wait_for(job_id, lambda job: job["status"] in statuses)

    def wait_for_end(self, job_id: str) -> Shape:
        """Wait until a job is over; return its description."""
        return self.wait(job_id, "SUCCEEDED", "FAILED")

    def run(self, script: str | None = "true", **arguments: Any) -> Shape:
        """Submit a job and wait until it is over; return its description."""
        return self.wait_for_end(self.submit(script, **arguments))

    def names(self, **arguments: Any) -> list[str]:
        return [job["jobName"] for job in self.client.list_jobs(**arguments)["jobSummaryList"]]
