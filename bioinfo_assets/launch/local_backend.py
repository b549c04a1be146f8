"""Jobs as processes of this machine, each in a session and a scratch folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bioinfo_assets.launch import job_supervisor
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.host_backend import HostBackend
from bioinfo_assets.launch.host_job import HostJob, ProcessExit
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.launch.tool_version_cache import cached_tool_versions
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.store import Store

_INHERITED_VARIABLES: Final = ("JAVA_HOME", "LD_LIBRARY_PATH")  # tools outside of the system's folders need them


class LocalProcess:
    """A running script, under its supervisor, which ends it when this host's end of a socket is closed.

    Args:
        attempt: Whose script runs, in whose working folder, printing to whose logs.
        environment: All the variables it has.
    """

    def __init__(self, attempt: Attempt, environment: Mapping[str, str]) -> None:
        self._line, far = socket.socketpair()
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        command = [sys.executable, "-I", "-S", job_supervisor.__file__, "files"]
        command += map(str, (attempt.stdout, attempt.stderr, "bash", attempt.script))
        with far, translate_disk_errors(attempt.root), attempt.stderr.open("ab") as supervisor_errors:
            self._supervisor = subprocess.Popen(
                command,
                cwd=attempt.work,
                env=environment,
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=supervisor_errors,
                start_new_session=True,
            )

    def terminate(self) -> None:
        """End the script and all it started; return at once."""
        with suppress(OSError):  # it is over, and the socket is closed
            self._line.shutdown(socket.SHUT_WR)

    def wait(self) -> ProcessExit:
        """Wait until the script and all it started are gone."""
        report = b""
        with self._line:
            while part := self._line.recv(4096):
                report += part
        os.waitid(os.P_PID, self._supervisor.pid, os.WEXITED | os.WNOWAIT)
        if report:
            self._supervisor.wait()
            return ProcessExit.from_report(report)
        # The supervisor was killed. While it is not reaped, its process group cannot be another's.
        os.killpg(self._supervisor.pid, signal.SIGKILL)
        wall_s = time.monotonic() - self._clock
        return ProcessExit(self._started, datetime.now(UTC), wall_s, exit_code=self._supervisor.wait())


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
        return LocalProcess(job.attempt, {**inherited, "PATH": self._path, **job.variables()})
