"""An attempt's script in a container of its own."""

import json
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.images import Image
from docker.types import DeviceRequest, HostConfig, LogConfig, Mount
from docker.utils.socket import STDERR, STDOUT, frames_iter

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch import job_supervisor
from bioinfo_assets.launch.docker import supervise
from bioinfo_assets.launch.docker.engine import error_message, translate_engine_errors
from bioinfo_assets.launch.docker.images import reference
from bioinfo_assets.launch.host_job import HostJob, ProcessExit
from bioinfo_assets.launch.scratch import host_is_alive

_MIB: Final = 1024 * 1024
_MIN_MEMORY: Final = 6 * _MIB  # the engine takes no less
_MACHINE: Final = "bioinfo-assets.machine"
_HOST: Final = "bioinfo-assets.host"
_JOB: Final = "bioinfo-assets.job"


class Container:
    """A running script. It ends when its host does: the host's end of standard input is what keeps it alive.

    The engine removes the container as soon as it is over, whether the host still lives or not.

    Args:
        client: To the engine.
        run: The job, its inputs staged.
        name: What its image is called.
        image: That image.

    Raises:
        ResourceError: the engine cannot start it.
    """

    def __init__(self, client: DockerClient, run: HostJob, name: str, image: Image) -> None:
        self._client, self._run, self._name = client, run, name
        self._image = reference(name, image)
        with translate_engine_errors():
            self._id: str = client.api.create_container(str(image.id), **_configuration(client, run))["Id"]
            self._attached = client.api.attach_socket(self._id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._line: socket.socket = self._attached._sock  # noqa: SLF001 - a file over it is all the SDK gives
            self._started = datetime.now(UTC)
            try:
                client.api.start(self._id)
            except APIError as error:
                self._drop()
                raise ResourceError(
                    f"step {run.job.key.label} cannot be started in the image {name}: {error_message(error)}"
                ) from error

    def end(self) -> None:
        """Ends the script and all it started; returns at once."""
        with suppress(OSError):  # it is over, and the line is closed
            self._line.shutdown(socket.SHUT_WR)

    def ending(self) -> ProcessExit:
        """Waits until the container is gone.

        Raises:
            ResourceError: the engine does not answer any more.
        """
        told, problems = self._heard()
        with translate_engine_errors(), suppress(NotFound):
            self._client.api.wait(self._id, condition="removed")
        if b"exec python3 failed" in problems:  # the words of the engine's init
            raise ResourceError(
                f"the image {self._name} has no python3, which watches over jobs: use one that was built by "
                "make build-local"
            )
        finished = datetime.now(UTC)
        return ProcessExit(
            started=datetime.fromtimestamp(told["started"], UTC) if "started" in told else self._started,
            finished=finished,
            wall_s=told.get("wall_s", (finished - self._started).total_seconds()),
            exit_code=told["exit_code"],
            cpu_s=told.get("cpu_s"),
            peak_memory_kib=told.get("peak_memory_kib"),
            out_of_memory=told.get("oom_kills", 0) > 0,
            image=self._image,
        )

    def _drop(self) -> None:
        with self._line, self._attached, suppress(APIError):  # the engine may have removed it by itself
            self._client.api.remove_container(self._id, force=True)

    def _heard(self) -> tuple[dict[str, Any], bytes]:
        """What the supervisor told of the script, and of its own troubles; one that was killed told nothing."""
        heard = {STDOUT: b"", STDERR: b""}
        with self._line, self._attached:
            for stream, part in frames_iter(self._line, tty=False):  # type: ignore[no-untyped-call]
                heard[stream] += part
        told, problems = heard[STDOUT], heard[STDERR]
        if problems:
            with self._run.attempt.stderr.open("ab") as log:
                log.write(problems)
        return json.loads(told) if told else {"exit_code": 1 if problems else -signal.SIGKILL}, problems


def remove_orphans(client: DockerClient) -> None:
    """Removes containers of this machine's hosts that were killed before they had started them.

    Raises:
        ResourceError: the engine does not answer.
    """
    with translate_engine_errors():
        for container in client.api.containers(all=True, filters={"label": f"{_MACHINE}={socket.gethostname()}"}):
            if not host_is_alive(Path(container["Labels"][_HOST])):
                with suppress(APIError):  # another host removes it at the same time
                    client.api.remove_container(container["Id"], force=True)


def _configuration(client: DockerClient, run: HostJob) -> dict[str, Any]:
    """What the engine's ContainerCreate is given."""
    attempt = run.attempt
    watch = [
        "python3",
        "-I",
        "-S",
        supervise.__file__,
        job_supervisor.__file__,
        str(attempt.stdout),
        str(attempt.stderr),
    ]
    return {
        "entrypoint": watch,
        "command": ["bash", str(attempt.script)],
        "working_dir": str(attempt.work),
        "user": _user(client.info()),
        "environment": {**run.job.options.environment, **run.variables()},
        "hostname": "localhost",  # log4j writes to stdout, where a BAM may go, if it cannot look up its host's name
        "stdin_open": True,
        "labels": {_MACHINE: socket.gethostname(), _HOST: str(attempt.root.parent), _JOB: run.job.name},
        "healthcheck": {"test": ["NONE"]},
        "use_config_proxy": False,
        "host_config": _limits(client, run),
    }


def _limits(client: DockerClient, run: HostJob) -> HostConfig:
    """A container's share of the machine: its attempt's folder, its inputs, CPUs, memory without swap; no network."""
    options, memory = run.job.options, max(run.granted.memory_mib * _MIB, _MIN_MEMORY)
    return client.api.create_host_config(
        auto_remove=True,
        init=True,
        network_mode="none",
        log_config=LogConfig(type=LogConfig.types.NONE),
        security_opt=["no-new-privileges"],
        group_add=[str(group) for group in os.getgroups()],  # inputs may be for a group only
        mounts=_mounts(run),
        nano_cpus=run.granted.cpus * 1_000_000_000,
        mem_limit=memory,
        memswap_limit=memory,
        shm_size=None if options.shared_memory_mib is None else options.shared_memory_mib * _MIB,
        device_requests=[DeviceRequest(count=options.gpus, capabilities=[["gpu"]])] if options.gpus else None,
    )


def _mounts(run: HostJob) -> list[Mount]:
    """Everything stands where it does outside, so that the links of staged inputs lead somewhere."""
    staged = [(run.attempt.work / item.local).resolve() for item in run.job.inputs]
    only_read = sorted({*staged, Path(supervise.__file__), Path(job_supervisor.__file__)})
    root = str(run.attempt.root)
    return [
        Mount(root, root, type="bind"),
        *(Mount(str(path), str(path), type="bind", read_only=True) for path in only_read),
    ]


def _user(info: Mapping[str, Any]) -> str:
    """Whoever runs this, so that the outputs are theirs; who that is within an engine that is not root's is root."""
    rootless = "name=rootless" in info.get("SecurityOptions", ())
    return "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"
