"""Runs a job's script in a container under `job_supervisor.py`, for the host that holds the container's stdin.

Run as `python3 -I -S supervise.py WARDEN STDOUT STDERR COMMAND...`. The end of standard input, which comes with the
host's wish or its death (SIGKILL included), ends the command. When all is over, one object of JSON goes to standard
output: the warden's words, when the command began (`started`, seconds since 1970), how long it took (`wall_s`), and how
many processes of the container the kernel killed for their memory (`oom_kills`). It uses nothing of the project, and
Python 3.8 is enough for it.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time

OOM_COUNTS = (
    "/sys/fs/cgroup/memory.events",  # cgroup version 2
    "/sys/fs/cgroup/memory/memory.oom_control",  # version 1
)


def main(warden: str, stdout: str, stderr: str, command: "list[str]") -> None:
    """Runs the command to its end and tells of it."""
    line, far = socket.socketpair()
    started, clock = time.time(), time.monotonic()
    with far, open(stdout, "wb") as out, open(stderr, "wb") as err:  # noqa: PTH123 - pathlib costs 5 ms a job
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden, str(far.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            pass_fds=(far.fileno(),),
        )
    told = _heard(line)
    exit_code = process.wait()
    ended = json.loads(told) if told else {"exit_code": exit_code}
    ended.update(started=started, wall_s=time.monotonic() - clock, oom_kills=_oom_kills())
    print(json.dumps(ended))  # noqa: T201 - its way to the host


def _heard(line: socket.socket) -> bytes:
    """What the warden says until it is gone; it is told to end the job when standard input ends."""
    told, waited_on = b"", [line.fileno(), sys.stdin.fileno()]
    while True:
        ready, _, _ = select.select(waited_on, [], [])
        if line.fileno() in ready:
            part = line.recv(4096)
            if not part:
                return told
            told += part
        elif not os.read(sys.stdin.fileno(), 4096):
            waited_on.pop()
            line.shutdown(socket.SHUT_WR)


def _oom_kills() -> int:
    for path in OOM_COUNTS:
        if os.path.exists(path):  # noqa: PTH110 - as above
            with open(path) as file:  # noqa: PTH123
                counts = dict(row.split(" ", 1) for row in file.read().splitlines())
            return int(counts.get("oom_kill", 0))
    return 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
