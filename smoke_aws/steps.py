"""The steps of the smoke test: each tries one thing that is assumed of AWS, and returns what it found."""

import os
import secrets
import signal
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.job_definition import definition_body, definition_name
from bioinfo_assets.launch.batch.submission_request import SubmissionRequest, job_name, submit_job_arguments
from bioinfo_assets.launch.job import JobOptions, Resources
from smoke_aws.account import Account, DiffersError, NotShownError, parse_json

Found = TypeVar("Found")

ENDED: Final = ("SUCCEEDED", "FAILED")
ACTIVE: Final = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
POLL_S: Final = 2.0
_UPDATE_S: Final = 600.0
"""How long a job is watched while the machines are changed."""

_LOOK_AROUND: Final = r"""df -Pk "${JOB_DISK:-/}" | awk 'NR == 2 { print "disk", int($2 / 1000000) }'
echo "uid $(id -u)"
code=$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' http://169.254.169.254/latest/) || true
echo "metadata $code"
role=$(curl --silent --max-time 5 "http://169.254.170.2${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI:-}" |
  sed -n 's/.*"RoleArn" *: *"\([^"]*\)".*/\1/p') || true
echo "identity ${role:-none}"
"""


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes:
        name: Its name, for `--only`.
        assumed: What is assumed, and by whom or why.
        run: Tries it; returns what it found, or raises DiffersError or NotShownError.
    """

    name: str
    assumed: str
    run: Callable[[Account], str]


def deploy(account: Account) -> str:
    """Create the stack."""
    account.deploy()
    batch, found = account.client("batch"), []
    for queue in (account.outputs["SpotQueueName"], account.outputs["OnDemandQueueName"]):
        (about,) = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        names = [order["computeEnvironment"] for order in about["computeEnvironmentOrder"]]
        for machines in batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]:
            if machines["status"] != "VALID":
                raise DiffersError(f"machines of {queue} are {machines['status']}: {machines.get('statusReason')}")
            role = machines.get("serviceRole", "none").rpartition("/")[2]
            found.append(f"{queue} VALID with {role} and {len(machines['computeResources']['subnets'])} zones")
            if role != "AWSServiceRoleForBatch":
                raise DiffersError(found[-1])
    return "; ".join(found)


def push_image(account: Account) -> str:
    """Build the image and push it to the stack's repository."""
    if account.image is None:
        repository = f"REPOSITORY={account.project}"
        account.make("login", repository)
        account.make("build", repository)
        account.image = account.make("push", repository).partition('image = "')[2].partition('"')[0]
    return account.image


def check(account: Account) -> str:
    """Run `bioinfo-assets doctor`."""
    checks = parse_json(account.call("run", "doctor", "--json").stdout)
    bad = [f"{about['name']}: {about['message']}" for about in checks if not about["ok"]]
    if bad:
        raise DiffersError("; ".join(bad))
    skipped = [about["name"] for about in checks if about["message"].startswith("not checked")]
    return f"{len(checks)} checks are ok" + (f"; not checked: {', '.join(skipped)}" if skipped else "")


def run_tagged_job(account: Account) -> str:
    """Run one job with tags that are propagated to its task, which looks at what surrounds it."""
    about = wait_for_end(account, submit(account, _LOOK_AROUND))
    if about["status"] != "SUCCEEDED":
        raise DiffersError(f"the job is {about['status']}: {_reason(about)}")
    if about["tags"].get("bioinfo-assets:run") != "smoke":
        raise DiffersError(f"its tags are {about['tags']}")
    words = [line.split(" ", 1) for line in log_of(account, about)]
    seen = {word[0]: word[1] for word in words if len(word) == 2}
    disk = seen.get("disk", "")
    is_right = {
        "metadata": seen.get("metadata") == "000",
        "uid": seen.get("uid", "0") != "0",
        "identity": account.outputs["JobRoleArn"].rpartition("/")[2] in seen.get("identity", ""),
        "disk": disk.isdigit() and int(disk) >= 900,
    }
    problems = [f"{name} is {seen.get(name, 'not in its log')}" for name, right in is_right.items() if not right]
    if problems:
        raise DiffersError("; ".join(problems))
    return ", ".join(f"{name} {value}" for name, value in sorted(seen.items()))


def run_demo(account: Account) -> str:
    """Run the whole pipeline on simulated reads."""
    started = time.monotonic()
    done = account.call("run", "demo", "--json")
    if done.returncode != 0:
        raise DiffersError(f"exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    count = sum(row["done"] for row in parse_json(done.stdout)["jobs"].values())
    return f"{count} results in {time.monotonic() - started:.0f} s"


def kill_host(account: Account) -> str:
    """Kill the host of a run with its jobs active, and start the run again."""
    before = {job["jobId"] for job in account.jobs([*ACTIVE, *ENDED])}
    command, environment = account.command("resumed", "demo", "--json")
    quiet = subprocess.DEVNULL
    host = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        _wait(lambda: [job for job in account.jobs(ACTIVE) if job["jobId"] not in before], account.timeout_s, "a job")
    finally:
        os.killpg(host.pid, signal.SIGKILL)
        host.wait()
    done = account.call("resumed", "demo", "--json")
    if done.returncode != 0:
        raise DiffersError(f"the second host ends with {done.returncode}: {done.stderr.strip()[-400:]}")
    # A name is PREFIX-LABEL-FINGERPRINT-SUFFIX; the last part is that of the submission.
    names = [job["jobName"].rpartition("-")[0] for job in account.jobs([*ACTIVE, *ENDED]) if job["jobId"] not in before]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DiffersError(f"submitted twice: {', '.join(twice)}")
    return f"the second host took the jobs over: {len(names)} submissions, none twice"


def end_instance(account: Account) -> str:
    """Terminate the machine of a running job: Batch starts the job again on another."""
    batch, job_id = account.client("batch"), submit(account, "sleep 600")
    try:
        about = wait_for(account, job_id, ("RUNNING", *ENDED))
        machine = about["container"].get("containerInstanceArn")
        if not machine:
            raise NotShownError("the job names no machine")
        cluster = machine.split("/")[1]
        (instance,) = account.client("ecs").describe_container_instances(cluster=cluster, containerInstances=[machine])[
            "containerInstances"
        ]
        account.client("ec2").terminate_instances(InstanceIds=[instance["ec2InstanceId"]])
        about = _wait(lambda: _with_attempt(batch, job_id), account.timeout_s, "the end of the first attempt")
        reason = about["attempts"][0].get("statusReason", "")
        if not reason.startswith("Host EC2") or about["status"] in ENDED:
            raise DiffersError(f"the reason is {reason!r}, and the job is then {about['status']}")
        return f"{reason!r}; the job is then {about['status']}"
    finally:
        batch.terminate_job(jobId=job_id, reason="end of the step")


def change_machines(account: Account) -> str:
    """Change the machines of the stack with a job running."""
    batch, formation = account.client("batch"), account.client("cloudformation")
    job_id = submit(account, "sleep 1800")
    try:
        wait_for(account, job_id, ("RUNNING", *ENDED))
        (stack,) = formation.describe_stacks(StackName=account.project)["Stacks"]
        changed = {"MaxvCpusSpot": "320", "NvmeInstanceTypes": "m6id.4xlarge,m6id.8xlarge,r6id.8xlarge"}
        formation.update_stack(
            StackName=account.project,
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": changed[key]}
                if key in changed
                else {"ParameterKey": key, "UsePreviousValue": True}
                for key in (parameter["ParameterKey"] for parameter in stack["Parameters"])
            ],
        )
        # The old machines, and so perhaps the update, stay until their jobs have ended.
        account.wait_while_changing(_UPDATE_S)
        (about,) = batch.describe_jobs(jobs=[job_id])["jobs"]
        if about["status"] != "RUNNING" or about.get("attempts"):
            raise DiffersError(f"the job is {about['status']} after {len(about.get('attempts', ()))} attempts")
        waits = "waits for its end" if account.is_changing() else "is complete"
    finally:
        batch.terminate_job(jobId=job_id, reason="end of the step")
    account.wait_for_stack("stack_update_complete")
    return f"the job ran on while the machines were changed; after {_UPDATE_S:.0f} s at most, the update {waits}"


def submit(account: Account, script: str) -> str:
    """Submit a job as the product does: with its definition, retry rules, and tags that are propagated."""
    settings = tomllib.loads((account.home("run") / "bioinfo-assets.toml").read_text())
    options, config = JobOptions(**settings["jobs"]), BatchConfig(**settings["batch"])
    batch, image = account.launcher.client("batch"), options.image or ""
    definition = batch.register_job_definition(
        jobDefinitionName=definition_name(options, image, config), **definition_body(options, image, config)
    )["jobDefinitionArn"]
    request = SubmissionRequest(
        name=job_name(options.prefix, "smoke", secrets.token_hex(4)),
        command=("bash", "-c", script),
        size=1,
        definition=definition,
        resources=Resources(cpus=1, memory_mib=1024),
        timeout_s=3600,
        attempts=3,
        options=options,
        tags={"run": "smoke", "asset": "smoke", "scratch": settings["scratch"]},
    )
    job_id: str = batch.submit_job(**submit_job_arguments(request, batch.meta.region_name, config.scratch_volume))[
        "jobId"
    ]
    return job_id


def wait_for_end(account: Account, job_id: str) -> dict[str, Any]:
    """Wait for the end of a job; return its description."""
    return wait_for(account, job_id, ENDED)


def wait_for(account: Account, job_id: str, statuses: Sequence[str]) -> dict[str, Any]:
    """Wait until a job has one of these statuses; return its description."""
    batch = account.client("batch")

    def about() -> dict[str, Any] | None:
        found = batch.describe_jobs(jobs=[job_id])["jobs"]
        return found[0] if found and found[0]["status"] in statuses else None

    return _wait(about, account.timeout_s, f"job {job_id} to be {' or '.join(statuses)}")


def log_of(account: Account, about: dict[str, Any]) -> list[str]:
    """The lines of a job's log."""
    stream = about["container"].get("logStreamName")
    if stream is None:
        raise DiffersError("the job has no log")
    settings = tomllib.loads((account.home("run") / "bioinfo-assets.toml").read_text())
    group = settings["batch"]["log_group"]
    events = account.client("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    return [event["message"].rstrip() for event in events["events"]]


def _reason(about: dict[str, Any]) -> str:
    return (
        f"{about.get('statusReason', '')} {about.get('container', {}).get('reason', '')}".strip() or "no reason given"
    )


def _with_attempt(batch: Any, job_id: str) -> dict[str, Any] | None:  # noqa: ANN401 - a client
    (about,) = batch.describe_jobs(jobs=[job_id])["jobs"]
    return about if about.get("attempts") else None


def _wait(look: Callable[[], Found | None], timeout_s: float, what: str) -> Found:
    """Call a function until it returns something.

    Raises:
        DiffersError: it did not in time.
    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(POLL_S)
    raise DiffersError(f"waited {timeout_s:.0f} s for {what} in vain")


STEPS: Final = (
    Step("deploy", "CloudFormation creates the stack, and AWS Batch its own role, AWSServiceRoleForBatch", deploy),
    Step("image", "the repository accepts the image, built for linux/amd64", push_image),
    Step("doctor", "everything that jobs need is there", check),
    Step(
        "tagged job",
        "Batch's role may tag tasks; a job has its own role, no root, no way to the machine's role, and 900 GB",
        run_tagged_job,
    ),
    Step("demo", "the pipeline runs with the permissions of the template", run_demo),
    Step(
        "kill host", "a second host takes over the jobs of the first; ListJobs lists a job within a minute", kill_host
    ),
    Step(
        "end instance", 'the reason of the attempt begins with "Host EC2", and Batch starts the job again', end_instance
    ),
    Step("change machines", "an infrastructure update leaves running jobs alone", change_machines),
)
