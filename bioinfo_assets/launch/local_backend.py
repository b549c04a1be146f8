"""Jobs as processes of this machine, each in a session and a scratch folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch import job_supervisor
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.host_backend import HostBackend
from bioinfo_assets.launch.host_job import HostJob, ProcessExit
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.launch.tool_version_cache import cached_tool_versions
from bioinfo_assets.storage.store import Store

_INHERITED_VARIABLES: Final = ("JAVA_HOME", "LD_LIBRARY_PATH")  # tools outside of the system's folders need them
_MAX_STARTS: Final = 3


class LocalProcess:
    """A running script, under its supervisor, which ends it when this host's end of a socket is closed.

    Args:
        line: This host's end.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._started, self._clock = datetime.now(UTC), time.monotonic()

    def terminate(self) -> None:
        """End the script and all it started; return at once."""
        with suppress(OSError):  # it is over, and the socket is closed
            self._line.shutdown(socket.SHUT_WR)

    def wait(self) -> ProcessExit:
        """Wait until the script and all it started are gone."""
        received = b""
        with self._line:
            while part := self._line.recv(4096):
                received += part
        report, _, exit_code = received.partition(b"\n")
        if report:
            return ProcessExit.from_report(report)
        wall_s = time.monotonic() - self._clock  # the supervisor was killed
        return ProcessExit(self._started, datetime.now(UTC), wall_s, int(exit_code or -signal.SIGKILL))


class Supervisors:
    """Starts supervisors of scripts, in a process that is started with the first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, attempt: Attempt, environment: Mapping[str, str]) -> LocalProcess:
        """Start an attempt's script in its working folder, printing to its logs.

        Args:
            attempt: The attempt.
            environment: All the variables that the script has.

        Raises:
            ResourceError: the process is killed again and again.
        """
        request = {
            "stdout": str(attempt.stdout),
            "stderr": str(attempt.stderr),
            "folder": str(attempt.work),
            "environment": dict(environment),
            "command": ["bash", str(attempt.script)],
        }
        for _ in range(_MAX_STARTS):
            line, far = socket.socketpair()
            with far:
                control = self._send(json.dumps(request).encode(), far)
            # A process that was killed, before or after it was sent the request, has closed the line without this mark.
            if line.recv(len(job_supervisor.STARTED)) == job_supervisor.STARTED:
                return LocalProcess(line)
            line.close()
            with self._lock:
                if self._control is control:
                    self._close()
        raise ResourceError(f"the process that starts jobs was killed {_MAX_STARTS} times: run this again")

    def close(self) -> None:
        """End the process; supervisors end by themselves, with their scripts."""
        with self._lock:
            self._close()

    def _send(self, request: bytes, far: socket.socket) -> socket.socket:
        """Send a request, if the process is alive, and return the socket to it."""
        with self._lock:
            control = self._open()
            with suppress(ConnectionError):  # the process was killed
                socket.send_fds(control, [request], [far.fileno()])
            return control

    def _open(self) -> socket.socket:
        if self._control is None:
            self._control, far = socket.socketpair(type=socket.SOCK_SEQPACKET)
            command = [sys.executable, "-I", "-S", job_supervisor.__file__, "serve"]
            with far:
                self._server = subprocess.Popen(
                    command, stdin=far.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
                )
        return self._control

    def _close(self) -> None:
        if self._control is not None and self._server is not None:
            self._control.close()
            self._server.wait()
            self._control, self._server = None, None


class LocalBackend(HostBackend):
    """Runs jobs as processes of this machine, which share its CPUs and memory; the limits are not enforced.

    Args:
        scratch: The folder for attempts; as large as the inputs, outputs and temporary files of running jobs.
        store: Where inputs come from.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
        tool_path: Folders in which tools are looked for before `$PATH`.
    """

    name: Final = "local"

    def __init__(
        self,
        scratch: Path,
        store: Store,
        cpus: int | None = None,
        memory_mib: int | None = None,
        tool_path: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(scratch, store, cpus, memory_mib)
        self._supervisors = Supervisors()
        self._path = os.pathsep.join([*map(str, tool_path), os.environ.get("PATH", os.defpath)])

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:  # noqa: ARG002 - jobs here have no image
        """Return the versions of these tools on this machine.

        Raises:
            ResourceError: a tool is missing; the message names the command that installs it.
        """
        return cached_tool_versions(tools, self._path)

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """Return the versions of these tools on this machine, which are always known.

        Raises:
            ResourceError: a tool is missing; the message names the command that installs it.
        """
        return self.tool_versions(tools, options)

    def _start(self, job: HostJob) -> LocalProcess:
        inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
        return self._supervisors.start(job.attempt, {**inherited, "PATH": self._path, **job.variables()})

    def close(self, *, leave_jobs: bool = False) -> None:
        """End all running jobs and free the inputs that jobs shared."""
        super().close(leave_jobs=leave_jobs)
        self._supervisors.close()
