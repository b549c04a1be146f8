"""S3 for benchmarks, in processes of their own: moto's server, or versitygw if its program is given.

versitygw (https://github.com/versity/versitygw) answers several times faster, so that cohorts of a thousand samples and
more wait for their host rather than for their server. Other services, such as STS, are moto's in any case.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_MOTO_PORT: Final = 5077
_VERSITYGW_PORT: Final = 5078
_USER: Final = "someone"
_SECRET: Final = "secret"  # noqa: S105 - of servers on this machine


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server while it runs.

    Attributes:
        url: Its address.
        log: Its log, with a line for each request.
    """

    url: str
    log: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of its clients."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{_MOTO_PORT}",
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": _USER,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def count_calls(self) -> int:
        """The number of requests so far; a line of moto's log names the protocol, one of versitygw's the action."""
        with self.log.open(errors="replace") as lines:
            return sum(" HTTP/1.1" in line or " s3_" in line for line in lines)


@contextmanager
def start_s3(folder: Path, versitygw: Path | None = None) -> Iterator[S3Server]:
    """Start a server with its log and its objects in this folder.

    Args:
        folder: An existing folder.
        versitygw: The program of versitygw; None: moto's server.
    """
    with ExitStack() as stack:
        moto = S3Server(f"http://127.0.0.1:{_MOTO_PORT}", folder / "moto.log")
        program = (sys.executable, "-m", "bioinfo_assets_tests.moto_server", str(_MOTO_PORT))
        stack.enter_context(_running(program, moto, moto.log, {}))
        if versitygw is None:
            yield moto
            return
        objects = folder / "objects"
        objects.mkdir()
        stack.callback(shutil.rmtree, objects, ignore_errors=True)
        server = S3Server(f"http://127.0.0.1:{_VERSITYGW_PORT}", folder / "versitygw-access.log")
        address = f"127.0.0.1:{_VERSITYGW_PORT}"
        command = (str(versitygw), "--port", address, "--quiet", "--keep-alive", "--access-log", str(server.log))
        root = {"ROOT_ACCESS_KEY": _USER, "ROOT_SECRET_KEY": _SECRET}
        stack.enter_context(_running((*command, "posix", str(objects)), server, folder / "versitygw.log", root))
        yield server


@contextmanager
def _running(command: Sequence[str], server: S3Server, output: Path, variables: Mapping[str, str]) -> Iterator[None]:
    with output.open("w") as file:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_for(server, output)
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for(server: S3Server, output: Path) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=_USER,
        aws_secret_access_key=_SECRET,
        region_name="us-east-1",
    )
    for _ in range(100):
        try:
            client.list_buckets()
        except (BotoCoreError, ClientError):  # not up yet
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{server.url} did not start: see {output}")
