"""The process between a host and one job: nothing of the job outlives the host, the job's end, or a cancel.

    python3 -I -S job_supervisor.py files STDOUT STDERR COMMAND...
    python3 -I -S job_supervisor.py marked FOLDER COMMAND...
    python3 -I -S job_supervisor.py serve

It ends the command when its own standard input ends, which happens when the host closes it, on purpose or by dying
(SIGKILL included): SIGTERM, a short grace, SIGKILL. When the command is over, whatever it left running is killed. Then
comes the report, one object of JSON: `exit_code` (negative for a signal), `cpu_s`, `peak_memory_kib`, `started` and
`finished` (seconds since 1970), `wall_s`, `oom_kills`, the number of processes of this container that the kernel killed
for lack of memory, and `machine`, the type of the EC2 machine, empty on any other.

`files` is for jobs of this machine, in a container or not: output goes to two files, the report to standard output.

`marked` is for AWS Batch, where a container has one log for both streams: output is passed on to standard error, each
line of standard output with the mark `[stdout] `. Long lines are passed on in pieces, since the container's log would
cut them: `[stdout+] ` marks a piece that continues in the next one. FOLDER receives the report as `usage.json`, and the
end of standard error as `stderr`; a file `reserve` in it becomes the first, to have space for both on a full disk. The
supervisor exits as the command did.

`serve` starts supervisors in the mode `files`, one for each request that it reads from standard input, a Unix socket
(`launch.local_backend`). Python takes 20 ms of CPU to start and to import what is needed here; a fork takes one.

Why a process of its own: Linux gives a started process its parent's peak memory (`exec` keeps the larger `maxrss`), so
a small job started from a host of 200 MB would seem to use 200 MB. And only a subreaper (prctl(2)) adopts children that
leave their process group. It uses the standard library alone, since containers get no more of this project than this
file, and imports little of it, since containers start it once per job. It needs Python 3.9.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
GRACE_S = 2.0
NO_DEAD_CHILD = (0, 0)  # what waitpid(2) returns while all children live
STDOUT_MARK = b"[stdout] "
STDOUT_CONTINUED_MARK = b"[stdout+] "
MAX_PIECE = 8000  # bytes; Docker passes a line on in parts of 16 KiB
STDERR_TAIL = 65536
STARTED = b"+"  # what a supervisor writes to its line before anything else
MAX_REQUEST = 1 << 17  # bytes; Linux sends up to 208 KiB in one piece (net.core.wmem_default)
DRAIN_TIMEOUT_S = 10.0
"""How long the last output is waited for, after all processes that could print more were killed."""
OOM_COUNTERS = (
    "/sys/fs/cgroup/memory.events",  # cgroup version 2
    "/sys/fs/cgroup/memory/memory.oom_control",  # version 1
)
DMI = "/sys/class/dmi/id"
"""What the machine's firmware reports, which containers can read too."""


def main(mode: str, arguments: "list[str]") -> int:
    """Run the command, or commands, in one of the modes; return the supervisor's own exit code."""
    if mode == "serve":
        return serve()
    if mode == "files":
        report = run(arguments[2:], *(os.open(path, os.O_WRONLY | os.O_TRUNC) for path in arguments[:2]))
        with suppress(OSError):  # the host is dead
            os.write(1, json.dumps(report).encode())
        return 0
    return run_marked(arguments[0], arguments[1:])


def run(command: "list[str]", stdout: int, stderr: int) -> "dict[str, float | str]":
    """Run the command to its end, printing to two file descriptors, which are closed; return the report."""
    if os.getpgrp() != os.getpid():
        os.setsid()  # SIGTERM goes to the whole group, which must not be that of the host
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: None)  # of the group, in which this process is as well
    wakeup = _wake_by_dead_children()
    started, clock = time.time(), time.monotonic()
    child = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
        ],
        # Python ignores these two, and what is ignored stays so in a started program: `zcat | head` would not end.
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
    )
    os.close(stdout)
    os.close(stderr)
    exit_code = _watch(child, wakeup)
    _kill_children()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "exit_code": exit_code,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_memory_kib": usage.ru_maxrss,
        "started": started,
        "finished": time.time(),
        "wall_s": time.monotonic() - clock,
        "oom_kills": _oom_kills(),
        "machine": machine_type(),
    }


def _wake_by_dead_children() -> int:
    """A pipe that can be read as soon as a child has died."""
    wakeup, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wakeup


def _watch(child: int, wakeup: int) -> int:
    """Wait for the child, reaping what it orphans, and end it when standard input ends; return its exit code."""
    inputs, deadline = [0, wakeup], None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(inputs, [], [], timeout)
        if wakeup in ready:
            os.read(wakeup, 4096)
        exit_code = _reap(child)
        if exit_code is not None:
            _drain_children(deadline)
            return exit_code
        if 0 in ready and _is_at_end(0):
            inputs.remove(0)
            deadline = time.monotonic() + GRACE_S
            os.killpg(0, signal.SIGTERM)
        elif deadline is not None and time.monotonic() >= deadline:
            return -signal.SIGKILL


def _is_at_end(stream: int) -> bool:
    try:
        return not os.read(stream, 4096)
    except OSError:
        return True


def _drain_children(deadline: "float | None") -> None:
    """Give what a cancelled job started its grace as well: its shell may die of SIGTERM sooner."""
    while deadline is not None and time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG) != NO_DEAD_CHILD:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _reap(child: int) -> "int | None":
    """Take dead processes off the process table; return the child's exit code if it is among them."""
    while (dead := os.waitpid(-1, os.WNOHANG)) != NO_DEAD_CHILD:
        if dead[0] == child:
            return os.waitstatus_to_exitcode(dead[1])
    return None


def _kill_children() -> None:
    """Kill children until none are left: those of a dead one come to their subreaper, so none escapes."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - pathlib costs 5 ms a job
            for pid in file.read().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != NO_DEAD_CHILD:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)  # a killed process takes a moment, and its children come to this one then


def _oom_kills() -> int:
    for path in OOM_COUNTERS:
        if os.path.exists(path):  # noqa: PTH110 - as above
            with open(path) as file:  # noqa: PTH123 - as above
                counts = dict(row.split(" ", 1) for row in file.read().splitlines())
            return int(counts.get("oom_kill", 0))
    return 0


def machine_type(dmi: str = DMI) -> str:
    """The type of this EC2 machine; empty on any other, and on those before Nitro.

    Nitro reports it as the product's name (mondoohq/mql#10418: sys_vendor `Amazon EC2`, product name `t3.small`).
    """
    try:
        with open(f"{dmi}/sys_vendor") as vendor, open(f"{dmi}/product_name") as product:  # noqa: PTH123 - as above
            return product.read().strip() if vendor.read().strip() == "Amazon EC2" else ""
    except (OSError, UnicodeDecodeError):
        return ""


def serve() -> int:
    """Fork a supervisor for each request, until the host closes standard input, or dies.

    A request is an object of JSON (`stdout`, `stderr`, `folder`, `environment`, `command`) and the supervisor's end of
    a line, which becomes its standard input and output. The first that it writes there is that it has started. One that
    was killed cannot report, nor end its job: what is left of its process group is killed here, and its exit code is
    written to the line in its place.
    """
    import socket  # noqa: PLC0415 - takes some ms, which jobs in containers save

    control = socket.socket(fileno=0)
    wakeup = _wake_by_dead_children()
    lines: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([0, wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _bury(lines)
        if 0 in ready:
            request, received, _, _ = socket.recv_fds(control, MAX_REQUEST, 1, socket.MSG_CMSG_CLOEXEC)
            if not request:
                return 0
            supervisor = os.fork()
            if not supervisor:
                _supervise(json.loads(request), received[0], [wakeup, *lines.values()])
            lines[supervisor] = received[0]


def _supervise(request: "dict[str, Any]", line: int, others: "Iterable[int]") -> "NoReturn":
    """Be a supervisor, in a process that was forked for it; keep no other's line open."""
    code = 1
    try:
        os.write(line, STARTED)
        signal.set_wakeup_fd(-1)
        for descriptor in others:
            os.close(descriptor)
        for descriptor in (0, 1):
            os.dup2(line, descriptor)
        os.close(line)
        os.dup2(os.open(request["stderr"], os.O_WRONLY | os.O_APPEND), 2)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        code = main("files", [request["stdout"], request["stderr"], *request["command"]])
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as the server
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _bury(lines: "dict[int, int]") -> None:
    """Kill what is left of the groups of dead supervisors: while one is not reaped, its group cannot be another's."""
    with suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            with suppress(ProcessLookupError):
                os.killpg(dead.si_pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(dead.si_pid, 0)[1])
            line = lines.pop(dead.si_pid)
            if code:
                with suppress(OSError):  # the host is dead
                    os.write(line, f"\n{code}".encode())
            os.close(line)


def run_marked(folder: str, command: "list[str]") -> int:
    """Run the command with its output passed on to the container's log; return its exit code as a shell has it."""
    import threading  # noqa: PLC0415 - takes 2 ms, which jobs of this machine save

    log = _ContainerLog(threading.Lock())
    pipes = (os.pipe(), os.pipe())
    threads = [
        threading.Thread(target=forward, args=(source,), daemon=True)
        for forward, (source, _) in zip((log.forward_stdout, log.forward_stderr), pipes)  # noqa: B905 - Python 3.10
    ]
    for thread in threads:
        thread.start()
    report = run(command, pipes[0][1], pipes[1][1])
    for thread in threads:
        thread.join(DRAIN_TIMEOUT_S)
    with suppress(FileNotFoundError):
        os.rename(f"{folder}/reserve", f"{folder}/usage.json")  # noqa: PTH104 - as above
    with open(os.open(f"{folder}/usage.json", os.O_WRONLY | os.O_CREAT, 0o666), "wb") as file:  # noqa: PTH123 - as above
        file.write(json.dumps(report).encode())
        file.truncate()
    with suppress(OSError), open(f"{folder}/stderr", "wb") as file:  # noqa: PTH123 - as above
        file.write(log.stderr_tail)
    exit_code = int(report["exit_code"])
    return exit_code if exit_code >= 0 else 128 - exit_code


class _ContainerLog:
    """The container's log, which two threads write to, each piece in one go."""

    def __init__(self, lock: "threading.Lock") -> None:
        self.stderr_tail = bytearray()
        self._lock = lock

    def forward_stdout(self, pipe: int) -> None:
        for piece in _pieces(pipe):
            if piece.endswith(b"\n"):
                self._write(STDOUT_MARK + piece)
            else:
                self._write(STDOUT_CONTINUED_MARK + piece + b"\n")

    def forward_stderr(self, pipe: int) -> None:
        for piece in _pieces(pipe):
            self.stderr_tail += piece
            del self.stderr_tail[:-STDERR_TAIL]
            self._write(piece if piece.endswith(b"\n") else piece + b"\n")

    def _write(self, data: bytes) -> None:
        with self._lock, suppress(OSError):  # the job goes on without its log
            while data:
                data = data[os.write(2, data) :]


def _pieces(pipe: int) -> "Iterator[bytes]":
    with open(pipe, "rb") as lines:
        yield from iter(lambda: lines.readline(MAX_PIECE), b"")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
