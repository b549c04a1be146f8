"""The processes of one attempt, in place of the ECS agent and Docker.

The command runs with exactly the given environment, in a folder and a session of its own, with empty stdin and both
streams in one log. When the first process ends, all others are killed, as in a container. Like `docker stop` and ECS,
a stop signals only the first process, waits, and kills.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MARK = "AWS_BATCH_SIMULATOR_CONTAINER"


class Container:
    """A running command.

    Args:
        name: Unique name of the container.
        command: The command.
        environment: All its variables.
        folder: Working folder; it is created.
        on_line: Called with each line as it is printed, and with a last one without a line break.
        on_exit: Called once with the exit code, after the last line; 128 + N for signal N, as in Docker.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[bytes], None],
        on_exit: Callable[[int], None],
    ) -> None:
        folder.mkdir(parents=True)
        self._folder, self._mark = folder.resolve(), f"{MARK}={name}".encode()
        self._on_line, self._on_exit = on_line, on_exit
        self._process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**environment, MARK: name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {name}")
        self._waiter = threading.Thread(target=self._wait, name=f"container {name}")
        self._stopping: threading.Timer | None = None
        self._is_over = False

    def watch(self) -> None:
        """Start reading its output and waiting for its end; not before the caller knows the container."""
        self._reader.start()
        self._waiter.start()

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM to the first process, and SIGKILL after the grace period or, if that is 0, at once."""
        if grace_s <= 0:
            self.kill()
        elif self._stopping is None:
            self._stopping = threading.Timer(grace_s, self.kill)
            self._stopping.start()
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill all processes; none is left when this returns."""
        if not self._is_over:  # afterwards its process id may be reused
            self._process.kill()
            _kill_all(self._process.pid, self._mark, self._folder)

    def join(self) -> None:
        """Wait until `on_exit` has been called."""
        self._waiter.join()
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._on_line(line.removesuffix(b"\n"))

    def _wait(self) -> None:
        returned = self._process.wait()
        _kill_all(self._process.pid, self._mark, self._folder)
        self._is_over = True
        self._reader.join()
        self._on_exit(returned if returned >= 0 else 128 - returned)


def _kill_all(session: int, mark: bytes, folder: Path) -> None:
    """Kill the processes of a session, and those that left it but have the mark in their environment or the folder."""
    found = True
    while found:
        found = False
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with contextlib.suppress(OSError):  # of another user, or gone by now
                    if _belongs(process, session, mark, folder):
                        os.kill(int(process.name), signal.SIGKILL)
                        found = True


def _belongs(process: Path, session: int, mark: bytes, folder: Path) -> bool:
    # proc(5): the name is in brackets and may hold anything; then state, parent, process group, session.
    state, _, _, its_session = (process / "stat").read_bytes().rpartition(b")")[2].split()[:4]
    if state in {b"Z", b"X"}:
        return False
    if int(its_session) == session or mark in (process / "environ").read_bytes().split(b"\0"):
        return True
    return (process / "cwd").readlink().is_relative_to(folder)
