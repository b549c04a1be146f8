"""In a container: runs a command under `launch/warden.py`, ends it on SIGTERM, and writes down how it ended.

Run as `python -I -S supervise.py WARDEN FILE COMMAND...`; exits as the command does. FILE gets one JSON object:
exit_code (negative for a signal), cpu_s, peak_memory_kib, started and finished (ISO 8601), wall_s. It uses nothing of
the project: it is sent to the container beside the script.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone


def main(warden: str, file: str, command: list[str]) -> int:
    """Runs the command to its end."""
    line, far = socket.socketpair()
    started, clock = datetime.now(timezone.utc), time.monotonic()  # noqa: UP017 - the image's Python may be an older one
    with far:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden, str(far.fileno()), *command],
            start_new_session=True,
            pass_fds=(far.fileno(),),
        )

    def end(*_: object) -> None:
        with suppress(OSError):  # it is over already
            line.shutdown(socket.SHUT_WR)

    signal.signal(signal.SIGTERM, end)
    told = b""
    with line:
        while part := line.recv(4096):
            told += part
    ended = process.wait()
    usage = json.loads(told) if told else {"exit_code": ended}
    usage["started"], usage["finished"] = started.isoformat(), datetime.now(timezone.utc).isoformat()  # noqa: UP017
    usage["wall_s"] = time.monotonic() - clock
    with open(file, "w") as report:  # noqa: PTH123 - pathlib costs 5 ms a job
        json.dump(usage, report)
    code = int(usage["exit_code"])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
