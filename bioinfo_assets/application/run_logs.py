"""Dagster's log of each run and `sync`, a file in the project's home.

The folder is not called `logs`: the files in `logs` of its home, Dagster's web server and daemon send to the address of
its telemetry and remove, also where telemetry is disabled (`dagster/_core/telemetry_upload.py` of 1.13.27).
`cli/dagit.py` switches that off too. A log has the names of samples in it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_FOLDER: Final = "run_logs"

_EARLIER_FOLDERS: Final = ("logs", ".logs_queue")
"""Where earlier versions wrote the logs, and where Dagster moves them before it sends them."""


def create_log(home: Path, command: str) -> Path:
    """Return the file for the log of a command that begins now, in a folder that exists."""
    log = home / _FOLDER / f"{command}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


def move_earlier_logs(home: Path) -> None:
    """Move the logs of earlier versions to where Dagster does not look for them."""
    for folder in _EARLIER_FOLDERS:
        for command in ("run", "sync"):
            for log in (home / folder).glob(f"{command}-*.log"):
                (home / _FOLDER).mkdir(exist_ok=True)
                log.replace(home / _FOLDER / log.name)
