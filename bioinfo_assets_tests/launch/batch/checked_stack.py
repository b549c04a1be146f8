"""What the tests of the checks share: the template's stack in moto's server, and a server with fixed answers.

The latter stands for what moto cannot simulate: broken compute environments, missing permissions, quotas.
"""

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import pytest

from bioinfo_assets.launch.batch.checks import CheckResult, check_batch
from bioinfo_assets.launch.job import JobOptions, Resources
from bioinfo_assets_tests.deploy.stack import Cloud, cloud

__all__ = ["cloud"]

Answers = Mapping[str, object]
FixAnswers = Callable[[Answers], AbstractContextManager[None]]
Check = Callable[..., dict[str, CheckResult]]

MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Mapping[str, str]:
    """The outputs of the stack, whose repository has an image."""
    name = f"checked-{uuid4().hex[:8]}"  # one for each module of tests
    outputs = cloud.create(name, {"Project": name})
    cloud.client("ecr").put_image(repositoryName=name, imageManifest=MANIFEST, imageTag="0.1.0")
    return outputs


@pytest.fixture
def user(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a user."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def check(stack: Mapping[str, str], user: pytest.MonkeyPatch) -> Check:
    """Run the checks with changed options, folders or inputs; return the results by name."""

    def check(
        folders: Sequence[str] = (),
        log_group: str = stack["LogGroupName"],
        inputs: Sequence[str] = (),
        largest_job: Resources | None = None,
        **changes: Any,
    ) -> dict[str, CheckResult]:
        options = JobOptions(
            **{
                "queue": stack["SpotQueueName"],
                "image": f"{stack['RepositoryUri']}:0.1.0",
                "job_role": stack["JobRoleArn"],
                "execution_role": stack["ExecutionRoleArn"],
                **changes,
            }
        )
        return {
            result.name: result
            for result in check_batch(options, log_group, folders, inputs=inputs, largest_job=largest_job)
        }

    return check


def is_problem(result: CheckResult, message: str) -> bool:
    return not result.ok and result.message == message


QUEUE = {
    "jobQueueName": "q",
    "jobQueueArn": "arn:aws:batch:eu-central-1:123456789012:job-queue/q",
    "state": "ENABLED",
    "status": "VALID",
    "priority": 1,
    "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "m"}],
}
MACHINES = {
    "computeEnvironmentName": "m",
    "type": "MANAGED",
    "state": "ENABLED",
    "status": "VALID",
    "computeResources": {"type": "SPOT", "maxvCpus": 16},
}


def machines(*environments: Mapping[str, Any]) -> Answers:
    return {
        "/v1/describejobqueues": {"jobQueues": [QUEUE]},
        "/v1/describecomputeenvironments": {"computeEnvironments": list(environments)},
    }


class FixedAnswers(http.server.BaseHTTPRequestHandler):
    """Gives fixed answers by path or by target, an identity, and denies everything else."""

    server: "FixedAnswerServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        xml = '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Code>AccessDenied</Code></Error></ErrorResponse>'
        target = self.headers.get("X-Amz-Target", self.path)
        if target in self.server.by_path:
            own = f"http://127.0.0.1:{self.server.server_port}"
            self.answer(200, json.dumps(self.server.by_path[target]).replace("ENDPOINT", own))
        elif "GetCallerIdentity" in body:
            self.answer(200, "<R><GetCallerIdentityResult><Arn>arn:aws:x</Arn></GetCallerIdentityResult></R>")
        elif body.startswith("Action="):
            self.answer(403, xml)
        else:
            self.answer(403, '{"__type": "AccessDeniedException", "message": "not for you"}')

    def do_HEAD(self) -> None:
        """Deny HeadBucket, with the headers that are fixed for the bucket."""
        self.send_response(403)
        headers = self.server.by_path.get(self.path, {})
        assert isinstance(headers, dict)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.answer(200, json.dumps(self.server.by_path[self.path]))

    def answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("x-amzn-ErrorType", "AccessDeniedException")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


class FixedAnswerServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, by_path: Answers) -> None:
        super().__init__(("127.0.0.1", 0), FixedAnswers)
        self.by_path = by_path


@pytest.fixture
def answers(user: pytest.MonkeyPatch) -> FixAnswers:
    """Let a server with fixed answers take the place of AWS."""

    @contextmanager
    def answers(by_path: Answers) -> Iterator[None]:
        with FixedAnswerServer(by_path) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            with user.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
                yield
            server.shutdown()
            thread.join()

    return answers
