"""An attempt's script as a process of this machine, under its warden."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from bioinfo_assets.launch import job_supervisor
from bioinfo_assets.launch.host_job import ProcessExit
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.storage.atomic import translate_disk_errors


class Process:
    """A running script. It ends when its host does: the host's end of a socket is what keeps it alive.

    Args:
        attempt: Whose script runs, in whose working folder, printing to whose logs.
        environment: All the variables it has.
    """

    def __init__(self, attempt: Attempt, environment: Mapping[str, str]) -> None:
        self._line, far = socket.socketpair()
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        command = [sys.executable, "-I", "-S", job_supervisor.__file__, str(far.fileno()), "bash", str(attempt.script)]
        with (
            far,
            translate_disk_errors(attempt.root),
            attempt.stdout.open("wb") as out,
            attempt.stderr.open("wb") as err,
        ):
            self._warden = subprocess.Popen(
                command,
                cwd=attempt.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                pass_fds=(far.fileno(),),
            )

    def end(self) -> None:
        """Ends the script and all it started; returns at once."""
        with suppress(OSError):  # it is over, and the line is closed
            self._line.shutdown(socket.SHUT_WR)

    def ending(self) -> ProcessExit:
        """Waits until the script and all it started are gone."""
        told = b""
        with self._line:
            while part := self._line.recv(4096):
                told += part
        os.waitid(os.P_PID, self._warden.pid, os.WEXITED | os.WNOWAIT)
        if not told:  # the warden died; while it is not reaped, its process group is not yet another's
            os.killpg(self._warden.pid, signal.SIGKILL)
        exit_code = self._warden.wait()
        return ProcessExit(
            started=self._started,
            finished=datetime.now(UTC),
            wall_s=time.monotonic() - self._clock,
            **(json.loads(told) if told else {"exit_code": exit_code}),
        )
