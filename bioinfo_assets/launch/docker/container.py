"""An attempt's script in a container of its own."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
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
from bioinfo_assets.launch.docker.engine import error_message, translate_engine_errors
from bioinfo_assets.launch.docker.images import image_reference
from bioinfo_assets.launch.host_job import HostJob, ProcessExit
from bioinfo_assets.launch.scratch import host_is_alive

_MIB: Final = 1024 * 1024
_MIN_MEMORY: Final = 6 * _MIB  # the engine accepts no less
_MACHINE: Final = "bioinfo-assets.machine"
_HOST: Final = "bioinfo-assets.host"
_JOB: Final = "bioinfo-assets.job"
_TMPFS: Final = "size=64m,mode=1777"
"""A `/tmp` for programs that ignore `TMPDIR`, such as Java's performance data; it counts as the container's memory."""

_NOT_EXECUTABLE: Final = frozenset({400, 404})
"""What ContainerStart answers where the image has no program of that name (moby, daemon/errors.go)."""

# The engine (20.10.24) left a host waiting for a container that was gone, once in about a thousand. So the end of the
# attached stream and the answer to `wait` are not relied upon: the container's status is checked.
_OVER: Final = frozenset({"exited", "dead", "removing", None})
_CHECK_INTERVAL_S: Final = 10.0
_REMOVAL_INTERVAL_S: Final = 0.05

REMOVAL_TIMEOUT_S: Final = 60.0
"""How long a container that is over may take to be removed; one with a busy mount is never removed (status `dead`)."""


class Container:
    """A running script. It ends when its host does: its supervisor ends it when its standard input is closed.

    The engine removes the container as soon as it is over, whether the host is still alive or not.

    Args:
        client: To the engine.
        job: The job, its inputs staged.
        name: The name of its image.
        image: That image.

    Raises:
        ResourceError: the engine cannot start it.
    """

    def __init__(self, client: DockerClient, job: HostJob, name: str, image: Image) -> None:
        self._client, self._job, self._name = client, job, name
        self._image = image_reference(name, image)
        with translate_engine_errors():
            self._id: str = client.api.create_container(str(image.id), **_container_config(client, job))["Id"]
            self._attached = client.api.attach_socket(self._id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._line: socket.socket = self._attached._sock  # noqa: SLF001 - a file over it is all the SDK gives
            self._started = datetime.now(UTC)
            try:
                client.api.start(self._id)
            except APIError as error:
                self._remove()
                raise self._start_error(error) from error

    def terminate(self) -> None:
        """End the script and all it started; return at once."""
        with suppress(OSError):  # it is over, and the socket is closed
            self._line.shutdown(socket.SHUT_WR)

    def wait(self) -> ProcessExit:
        """Wait until the container is gone.

        Raises:
            ResourceError: the engine does not answer any more.
        """
        report, problems = self._read_output()
        wait_until_removed(self._status)
        if report:
            return ProcessExit.from_report(report, self._image)
        finished = datetime.now(UTC)
        exit_code = 1 if problems else -signal.SIGKILL
        wall_s = (finished - self._started).total_seconds()
        return ProcessExit(self._started, finished, wall_s, exit_code, image=self._image)

    def _start_error(self, error: APIError) -> ResourceError:
        if error.status_code in _NOT_EXECUTABLE:
            return ResourceError(
                f"the image {self._name} cannot run python3, which supervises jobs ({error_message(error)}): use an "
                "image that was built by make build-local"
            )
        return ResourceError(
            f"step {self._job.job.key.label} cannot be started in the image {self._name}: {error_message(error)}"
        )

    def _remove(self) -> None:
        with self._line, self._attached, suppress(APIError):  # the engine may have removed it by itself
            self._client.api.remove_container(self._id, force=True)

    def _read_output(self) -> tuple[bytes, bytes]:
        """Read the supervisor's report, and its own errors; one that was killed leaves neither."""
        output = {STDOUT: b"", STDERR: b""}
        with self._line, self._attached:
            frames = frames_iter(self._line, tty=False)  # type: ignore[no-untyped-call]
            while self._has_output():
                stream, part = next(frames, (None, b""))
                if stream is None:
                    break
                output[stream] += part
        if output[STDERR]:
            with self._job.attempt.stderr.open("ab") as log:
                log.write(output[STDERR])
        return output[STDOUT], output[STDERR]

    def _has_output(self) -> bool:
        """Wait for output, or for its end; False if the container is over and the engine has sent no end."""
        output = select.poll()
        output.register(self._line, select.POLLIN)
        while not output.poll(_CHECK_INTERVAL_S * 1000):
            if self._status() in _OVER:
                return bool(output.poll(0))
        return True

    def _status(self) -> str | None:
        """The container's status, None once it is removed."""
        with translate_engine_errors():
            try:
                return str(self._client.api.inspect_container(self._id)["State"]["Status"])
            except NotFound:
                return None


def wait_until_removed(status: Callable[[], str | None], timeout_s: float = REMOVAL_TIMEOUT_S) -> None:
    """Wait until the engine has removed a container, or failed to remove it although it is over.

    Args:
        status: The container's status; None once it is removed.
        timeout_s: Seconds after which a container that is over is waited for no longer.
    """
    running_at = time.monotonic()
    while (current := status()) is not None and time.monotonic() - running_at < timeout_s:
        if current not in _OVER:
            running_at = time.monotonic()
        time.sleep(_REMOVAL_INTERVAL_S)


def remove_orphans(client: DockerClient) -> None:
    """Remove containers that hosts of this machine had created, but not started, when they were killed.

    One that runs ends with its host. Whether that is alive cannot always be seen: it may be another user's, or in a
    container of its own.

    Raises:
        ResourceError: the engine does not answer.
    """
    with translate_engine_errors():
        filters = {"label": f"{_MACHINE}={socket.gethostname()}", "status": "created"}
        for container in client.api.containers(all=True, filters=filters):
            if not host_is_alive(Path(container["Labels"][_HOST])):
                with suppress(APIError):  # another host removes it at the same time
                    client.api.remove_container(container["Id"], force=True)


def _container_config(client: DockerClient, job: HostJob) -> dict[str, Any]:
    """The arguments of the engine's ContainerCreate."""
    attempt, info = job.attempt, client.info()
    supervisor = ["python3", "-I", "-S", job_supervisor.__file__, "files", str(attempt.stdout), str(attempt.stderr)]
    return {
        "entrypoint": supervisor,
        "command": ["bash", str(attempt.script)],
        "working_dir": str(attempt.work),
        "user": _container_user(info),
        "environment": {**job.job.options.environment, **job.variables()},
        "hostname": "localhost",  # log4j writes to stdout, where a BAM may go, if it cannot look up its host's name
        "stdin_open": True,
        "labels": {_MACHINE: socket.gethostname(), _HOST: str(attempt.host), _JOB: job.job.name},
        "healthcheck": {"test": ["NONE"]},
        "use_config_proxy": False,
        "host_config": _host_config(client, info, job),
    }


def _host_config(client: DockerClient, info: Mapping[str, Any], job: HostJob) -> HostConfig:
    """A container's share of the machine: its attempt's folder, its inputs, CPUs, memory without swap; no network.

    Of root's capabilities (capabilities(7)) none is left but one, and only where the host runs as root. Where SELinux
    would label the mounted files for one container, its labels are off for this one, and where the engine maps users to
    others, not for this one: its files are the host's. Groups of the host do not exist in a rootless engine, which may
    have no quotas of CPUs either.
    """
    is_root = _container_user(info).startswith("0:")
    options, memory = job.job.options, max(job.granted.memory_mib * _MIB, _MIN_MEMORY)
    return client.api.create_host_config(
        auto_remove=True,
        network_mode="none",
        log_config=LogConfig(type=LogConfig.types.NONE),
        security_opt=["no-new-privileges", *(["label=disable"] if _has(info, "selinux") else [])],  # as of `docker run`
        userns_mode="host" if _has(info, "userns") else None,  # whoever owns the attempt's folder is nobody in another
        cap_drop=["ALL"],
        cap_add=["DAC_OVERRIDE"] if is_root else None,  # files of other users, as root reads them outside
        read_only=True,
        tmpfs={"/tmp": _TMPFS},  # noqa: S108 - the container's own; `TMPDIR` is on the disk of the scratch folder
        group_add=None if _has(info, "rootless") else [str(group) for group in os.getgroups()],  # who may read inputs
        mounts=_mounts(job),
        nano_cpus=job.granted.cpus * 1_000_000_000 if info.get("CpuCfsQuota", True) else None,
        mem_limit=memory,
        memswap_limit=memory,
        shm_size=None if options.shared_memory_mib is None else options.shared_memory_mib * _MIB,
        device_requests=[DeviceRequest(count=options.gpus, capabilities=[["gpu"]])] if options.gpus else None,
    )


def _mounts(job: HostJob) -> list[Mount]:
    """Mount every path at the same path in the container, so that the links of staged inputs resolve.

    An input that a job before it made is a hard link in the working folder (see `transfer.link_outputs`), perhaps to a
    published file: it is mounted read-only over itself.
    """
    inputs = {(job.attempt.work / item.local).resolve() for item in job.job.inputs}
    read_only = sorted({*inputs, Path(job_supervisor.__file__)})
    root = str(job.attempt.root)
    return [
        Mount(root, root, type="bind"),
        *(Mount(str(path), str(path), type="bind", read_only=True) for path in read_only),
    ]


def _container_user(info: Mapping[str, Any]) -> str:
    """The host's user, who then owns the outputs; in a rootless engine, that user is root inside the container."""
    return "0:0" if _has(info, "rootless") else f"{os.getuid()}:{os.getgid()}"


def _has(info: Mapping[str, Any], feature: str) -> bool:
    """Whether the engine has a security feature on, as SystemInfo lists them (Docker's API, `SecurityOptions`)."""
    return any(option.split(",")[0] == f"name={feature}" for option in info.get("SecurityOptions", ()))
