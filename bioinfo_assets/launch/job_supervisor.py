"""The process between the host and one local job: nothing of the job outlives the host, the job's end, or a cancel.

Run as `python -I -S job_supervisor.py SOCKET COMMAND...`, with a socket to the host as file descriptor SOCKET. When the
host closes its side, on purpose or by dying (SIGKILL included), the job is ended: SIGTERM, a short grace, SIGKILL. When
the job is over, whatever it left running is killed, and one line of JSON goes to the host: exit code, CPU seconds, peak
memory.

Why a process of its own: Linux gives a started process its parent's peak memory (`exec` keeps the larger `maxrss`), so
a small job started from a host of 200 MB would seem to use 200 MB. And only a subreaper (prctl(2)) gets back the
children that leave their process group. It imports little, since it is started once a job: 15 ms.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
GRACE_S = 2.0
NOBODY = (0, 0)  # what waitpid(2) says while all children live


def main(line: socket.socket, command: list[str]) -> None:
    """Runs the command and tells the host how it ended."""
    line.set_inheritable(False)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: None)  # it goes to the whole group, in which the warden is
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Python ignores these two, and what is ignored stays so in a started program: `zcat | head` would not end.
    child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    exit_code = _watch(child, line, wakeup)
    _kill_children()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"exit_code": exit_code, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_memory_kib": usage.ru_maxrss}
    try:
        line.sendall(json.dumps(told).encode())
    except OSError:
        return  # the host is dead: there is nobody to tell


def _watch(child: int, line: socket.socket, wakeup: int) -> int:
    """Waits for the child, reaping what it orphans, and ends it when the host's side of the line is closed."""
    waited_on, deadline = [line.fileno(), wakeup], None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(waited_on, [], [], left)
        if wakeup in ready:
            os.read(wakeup, 4096)
        exit_code = _reaped(child)
        if exit_code is not None:
            _let_the_rest_end(deadline)
            return exit_code
        if line.fileno() in ready:
            waited_on.remove(line.fileno())
            deadline = time.monotonic() + GRACE_S
            os.killpg(0, signal.SIGTERM)
        elif deadline is not None and time.monotonic() >= deadline:
            return -signal.SIGKILL


def _let_the_rest_end(deadline: float | None) -> None:
    """When a job is ended, its shell may die of SIGTERM sooner than what it started, which has its grace as well."""
    while deadline is not None and time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG) != NOBODY:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _reaped(child: int) -> int | None:
    """Takes the dead off the process table; the child's exit code if it is among them."""
    while (ended := os.waitpid(-1, os.WNOHANG)) != NOBODY:
        if ended[0] == child:
            return os.waitstatus_to_exitcode(ended[1])
    return None


def _kill_children() -> None:
    """Kills children until there are none: those of a dead one come to their subreaper, so none escapes."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - pathlib costs 5 ms a job
            for pid in file.read().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != NOBODY:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)  # a killed process takes a moment, and may have left children that come to us then


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
