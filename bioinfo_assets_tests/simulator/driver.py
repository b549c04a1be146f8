"""A user of Batch in tests: what each request says beside what matters to the test."""

import time

PATIENCE_S = 120.0


class Driver:
    """boto3's client, a definition, and waiting."""

    def __init__(self, client):
        self.client = client
        self.register("tools")

    def register(self, name, *, container=None, **more):
        properties = {
            "image": "tools:1",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
        }
        return self.client.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties | (container or {}), **more
        )

    def submit(self, script="true", *, name="job", queue="queue", definition="tools", overrides=None, **more):
        """The id of a job that runs a bash script."""
        command = {} if script is None else {"command": ["bash", "-c", script]}
        return self.client.submit_job(
            jobName=name,
            jobQueue=queue,
            jobDefinition=definition,
            containerOverrides=command | (overrides or {}),
            **more,
        )["jobId"]

    def job(self, job_id):
        return self.client.describe_jobs(jobs=[job_id])["jobs"][0]

    def wait(self, job_id, *states):
        """The job as soon as it is in one of the states; an array's child may not be there yet."""
        (job,) = self.until(
            lambda: self.client.describe_jobs(jobs=[job_id])["jobs"], lambda jobs: jobs and jobs[0]["status"] in states
        )
        return job

    def end(self, job_id):
        """The job once it is over."""
        return self.wait(job_id, "SUCCEEDED", "FAILED")

    def run(self, script="true", **more):
        return self.end(self.submit(script, **more))

    def names(self, **request):
        return [job["jobName"] for job in self.client.list_jobs(**request)["jobSummaryList"]]

    @staticmethod
    def until(ask, true_of=bool):
        deadline = time.monotonic() + PATIENCE_S
        while not true_of(answer := ask()):
            assert time.monotonic() < deadline, f"still {answer} after {PATIENCE_S} s"
            time.sleep(0.005)
        return answer
