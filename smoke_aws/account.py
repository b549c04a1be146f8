"""The stack of a smoke test: how it is created, called and removed."""

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
import tomli_w
from botocore.exceptions import ClientError, WaiterError

from smoke_aws.launcher import Launcher

CLONE: Final = Path(__file__).parent.parent
TEMPLATE: Final = CLONE / "deploy" / "batch.yaml"


class DiffersError(Exception):
    """What AWS did is not what was assumed."""


class NotShownError(Exception):
    """Here it cannot be seen whether it is as assumed."""


@dataclass
class Account:
    """A stack of one smoke test, and what is known of it so far.

    Attributes:
        project: Name of the stack, and its parameter `Project`.
        folder: Folder on this machine for the homes of projects.
        template: The CloudFormation template.
        parameters: Parameters of the stack, in addition to `Project` and `Zones`.
        settings: Settings that replace those that the stack prints, by table.
        image: The image of jobs; None: it is built and pushed.
        outputs: The outputs of the stack, once it is there.
        timeout_s: Seconds that a job or a change of the stack may take.
        launcher: Who launches runs and jobs.
    """

    project: str
    folder: Path
    template: Path = TEMPLATE
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    image: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 1800.0
    launcher: Launcher = field(init=False)

    def __post_init__(self) -> None:
        self.launcher = Launcher(self.project)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's stubs take only literal names
        """A client in the region and with the credentials of the environment."""
        session: Any = boto3.Session()
        return session.client(service)

    @property
    def bucket(self) -> str:
        """Name of the stack's bucket."""
        return self.outputs["BucketUri"].removeprefix("s3://")

    def deploy(self) -> None:
        """Create the stack in all zones of the region, and wait for it.

        Raises:
            DiffersError: it cannot be created.
        """
        ec2, formation = self.client("ec2"), self.client("cloudformation")
        kinds = [{"Name": "zone-type", "Values": ["availability-zone"]}]
        zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones(Filters=kinds)["AvailabilityZones"]]
        parameters = {"Project": self.project, "Zones": ",".join(zones[:6]), **self.parameters}
        formation.create_stack(
            StackName=self.project,
            TemplateBody=self.template.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self.wait_for_stack("stack_create_complete")
        (stack,) = formation.describe_stacks(StackName=self.project)["Stacks"]
        self.outputs |= {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.launcher.create(self.outputs)

    def wait_for_stack(self, waiter: str) -> None:
        """Wait for the end of a change of the stack.

        Raises:
            DiffersError: it failed; the first reasons are in the message.
        """
        formation = self.client("cloudformation")
        try:
            formation.get_waiter(waiter).wait(
                StackName=self.project, WaiterConfig={"Delay": 15, "MaxAttempts": max(1, int(self.timeout_s / 15))}
            )
        except WaiterError as error:
            events = formation.describe_stack_events(StackName=self.project)["StackEvents"]
            reasons = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
                for event in reversed(events)
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise DiffersError("; ".join(reasons[:3]) or str(error)) from error

    def home(self, name: str) -> Path:
        """A home with the settings that the stack printed; one for each output path."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        settings = tomllib.loads(self.outputs["Settings"])
        if self.image is not None:
            settings["jobs"]["image"] = self.image
        for key, value in self.settings.items():
            settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
        (home / "bioinfo-assets.toml").write_text(tomli_w.dumps(settings))
        return home

    def command(self, name: str, *words: str) -> tuple[list[str], dict[str, str]]:
        """A command of bioinfo-assets on the project of this name, and its environment."""
        program = str(Path(sys.executable).parent / "bioinfo-assets")
        others = {key: value for key, value in os.environ.items() if key != "AWS_PROFILE"}
        environment = {**others, **self.launcher.environment(), "DAGSTER_HOME": str(self.home(name))}
        return [program, *words, "--output-path", f"{self.outputs['BucketUri']}/{name}"], environment

    def call(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run such a command."""
        command, environment = self.command(name, *words)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def make(self, *words: str) -> str:
        """Run a target of the Makefile and return its output.

        Raises:
            DiffersError: it fails.
        """
        done = subprocess.run(["make", *words], cwd=CLONE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DiffersError(f"make {words[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def jobs(self, statuses: Sequence[str], queue: str = "SpotQueueName") -> list[dict[str, Any]]:
        """The jobs with one of these statuses in the queue that this output of the stack names."""
        batch = self.client("batch")
        return [
            job
            for status in statuses
            for page in batch.get_paginator("list_jobs").paginate(jobQueue=self.outputs[queue], jobStatus=status)
            for job in page["jobSummaryList"]
        ]

    def remove(self) -> str:
        """Delete everything that the smoke test created; return what was deleted.

        The stack costs money as long as it exists: it is deleted whatever else fails. Its bucket, which the template
        retains, is emptied after it, when no job can write there any longer.
        """
        bucket = self._find_bucket()
        try:
            try:
                if self.outputs:
                    self._end_jobs()
                    self._delete_definitions()
                    self._delete_images()
            finally:
                self.launcher.delete()
        finally:
            self.wait_while_changing(self.timeout_s)
            self.client("cloudformation").delete_stack(StackName=self.project)
            self.wait_for_stack("stack_delete_complete")
            if bucket:
                self._delete_bucket(bucket)
        return f"stack {self.project}, its images, job definitions and bucket"

    def _find_bucket(self) -> str:
        """The bucket of the stack, also of one whose creation failed; empty if it has none."""
        formation = self.client("cloudformation")
        try:
            about = formation.describe_stack_resource(StackName=self.project, LogicalResourceId="Bucket")
        except ClientError:
            return ""  # there is no such stack, or it has no bucket yet
        return str(about["StackResourceDetail"].get("PhysicalResourceId", ""))

    def is_changing(self) -> bool:
        """Whether the stack is being changed; it cannot be deleted then, as it can while it is created."""
        try:
            (about,) = self.client("cloudformation").describe_stacks(StackName=self.project)["Stacks"]
        except ClientError:
            return False  # there is none
        status = str(about["StackStatus"])
        return status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS")

    def wait_while_changing(self, timeout_s: float) -> None:
        """Wait until the stack is not being changed any more, but no longer than this."""
        end = time.monotonic() + timeout_s
        while self.is_changing() and time.monotonic() < end:
            time.sleep(15)

    def _end_jobs(self) -> None:
        for queue in ("SpotQueueName", "OnDemandQueueName"):
            for job in self.jobs(["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"], queue):
                self.client("batch").terminate_job(jobId=job["jobId"], reason="end of the smoke test")

    def _delete_definitions(self) -> None:
        batch, prefix = self.client("batch"), tomllib.loads(self.outputs["Settings"])["jobs"]["name_prefix"]
        for page in batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE"):
            for about in page["jobDefinitions"]:
                is_ours = about.get("containerProperties", {}).get("jobRoleArn") == self.outputs["JobRoleArn"]
                if is_ours and about["jobDefinitionName"].startswith(prefix):
                    batch.deregister_job_definition(jobDefinition=about["jobDefinitionArn"])

    def _delete_images(self) -> None:
        ecr, repository = self.client("ecr"), self.outputs["RepositoryUri"].partition("/")[2]
        with suppress(ecr.exceptions.RepositoryNotFoundException):
            ids = [
                image
                for page in ecr.get_paginator("list_images").paginate(repositoryName=repository)
                for image in page["imageIds"]
            ]
            for start in range(0, len(ids), 100):  # API reference, BatchDeleteImage
                ecr.batch_delete_image(repositoryName=repository, imageIds=ids[start : start + 100])

    def _delete_bucket(self, bucket: str) -> None:
        s3 = self.client("s3")
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                objects = [
                    {"Key": item["Key"], "VersionId": item["VersionId"]}
                    for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
                ]
                if objects:
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            s3.delete_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise


def parse_json(text: str) -> Any:  # noqa: ANN401 - the JSON of a command
    """The JSON that a command printed.

    Raises:
        DiffersError: it printed none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DiffersError(f"no JSON, but {text[:200]!r}") from error
