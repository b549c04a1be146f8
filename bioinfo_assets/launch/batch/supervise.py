"""In a container: runs a command under `launch/job_supervisor.py`, passes its output on, and writes down how it ended.

Run as `python -I -S supervise.py WARDEN FOLDER COMMAND...`; exits as the command does. SIGTERM ends the command.
FOLDER gets `usage.json` with exit_code (negative for a signal), cpu_s, peak_memory_kib, started and finished (ISO
8601) and wall_s, and `stderr` with the end of what the command said there. Standard error is passed on as it is,
standard output with a mark at the begin of each line: a container has one log for both. Long lines are passed on in
pieces, since the container's log would cut them: `[stdout+] ` marks a piece that the next one goes on with. A file
`reserve` in FOLDER is removed first: where the disk is full there is room then. It uses nothing of the project: it is
sent to the container beside the script.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import IO

STDOUT = b"[stdout] "
STDOUT_GOES_ON = b"[stdout+] "
LONGEST = 8000  # Docker passes a line on in parts of 16 KiB
KEPT = 65536
PATIENCE_S = 10.0
"""How long the last output is waited for: the warden has killed all that could print more."""


def main(warden: str, folder: str, command: list[str]) -> int:
    """Runs the command to its end."""
    line, far = socket.socketpair()
    started, clock = datetime.now(timezone.utc), time.monotonic()  # noqa: UP017 - the image's Python may be an older one
    with far:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden, str(far.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(far.fileno(),),
        )

    def end(*_: object) -> None:
        with suppress(OSError):  # it is over already
            line.shutdown(socket.SHUT_WR)

    signal.signal(signal.SIGTERM, end)
    last = bytearray()
    passers = [
        threading.Thread(target=target, args=args, daemon=True)
        for target, args in ((_pass_stdout, (process.stdout,)), (_pass_stderr, (process.stderr, last)))
    ]
    for passer in passers:
        passer.start()
    told = b""
    with line:
        while part := line.recv(4096):
            told += part
    ended = process.wait()
    for passer in passers:
        passer.join(PATIENCE_S)
    usage = json.loads(told) if told else {"exit_code": ended}
    usage["started"], usage["finished"] = started.isoformat(), datetime.now(timezone.utc).isoformat()  # noqa: UP017
    usage["wall_s"] = time.monotonic() - clock
    with suppress(FileNotFoundError):
        os.unlink(f"{folder}/reserve")  # noqa: PTH108 - pathlib costs 5 ms a job
    _write(f"{folder}/stderr", bytes(last))
    _write(f"{folder}/usage.json", json.dumps(usage).encode())
    code = int(usage["exit_code"])
    return code if code >= 0 else 128 - code


def _pass_stdout(pipe: IO[bytes]) -> None:
    for piece in iter(lambda: pipe.readline(LONGEST), b""):
        goes_on = not piece.endswith(b"\n")
        _say((STDOUT_GOES_ON if goes_on else STDOUT) + piece + (b"\n" if goes_on else b""))


def _pass_stderr(pipe: IO[bytes], last: bytearray) -> None:
    for piece in iter(lambda: pipe.readline(LONGEST), b""):
        last += piece
        del last[:-KEPT]
        _say(piece if piece.endswith(b"\n") else piece + b"\n")


def _say(data: bytes) -> None:
    """Passes on to the container's log, which is one for both threads: no piece ends up within another."""
    with _talking, suppress(OSError):  # the job goes on though its log is gone
        while data:
            data = data[os.write(2, data) :]


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - pathlib costs 5 ms a job
        file.write(data)


_talking = threading.Lock()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
