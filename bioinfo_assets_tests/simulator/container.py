"""One attempt's processes: what the ECS agent and Docker do for a real job.

The command runs with the environment it is given and nothing else, in a folder of its own and a session of its own,
stdin empty, both streams in one log. When the first process ends all others are killed, as in a container. A stop
signals the first process only, waits, and kills: so do `docker stop` and ECS.
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
    """A started command.

    Args:
        name: Of the container; unique.
        command: The command.
        environment: All its variables.
        folder: Where it works; made.
        on_line: Told of each line as it is printed, and of a last one without an end.
        on_exit: Told once of the exit code, after the last line; 128 + N for signal N, as Docker says it.

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
        """Begins to read its log and to wait for its end; apart, so that the maker knows it before it ends."""
        self._reader.start()
        self._waiter.start()

    def stop(self, grace_s: float) -> None:
        """SIGTERM to the first process, SIGKILL after the grace; at once where that is 0."""
        if grace_s <= 0:
            self.kill()
        elif self._stopping is None:
            self._stopping = threading.Timer(grace_s, self.kill)
            self._stopping.start()
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all; none is left when this returns."""
        if not self._is_over:  # else its process id may be another's by now
            self._process.kill()
            _kill_all(self._process.pid, self._mark, self._folder)

    def join(self) -> None:
        """Waits until all is told."""
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
    """Kills a session and, for those that left it, what carries the mark in its environment or works in the folder."""
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
