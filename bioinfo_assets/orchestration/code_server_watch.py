"""Start Dagster's code server again after it was killed: `python -m …orchestration.code_server_watch PORT`.

`dagster code-server start` is a proxy of the process that has loaded the code. If that process is killed, as for lack
of memory, the proxy goes on and answers every question with an error, until somebody reloads the code location.
"""

import logging
import sys
import time
from typing import Final, NoReturn

from bioinfo_assets.orchestration.internals import DagsterGrpcClient, DagsterUserCodeUnreachableError

_log = logging.getLogger(__name__)

INTERVAL_S: Final = 20.0
"""Seconds between two questions whether the server answers."""

MAX_FAILURES: Final = 3
"""Questions without an answer after which the server is started again: a busy one may miss one."""

MAX_FAILURES_AT_START: Final = 30
"""The same before its first answer: loading the code takes a minute and more on a busy machine."""

RELOAD_TIMEOUT_S: Final = 600


def watch(port: int, interval_s: float = INTERVAL_S) -> NoReturn:
    """Ask a code server of this machine for ever; one that has not started yet refuses to be started again."""
    client = DagsterGrpcClient(host="localhost", port=port)
    failures, max_failures = 0, MAX_FAILURES_AT_START
    while True:
        if _answers(client):
            failures, max_failures = 0, MAX_FAILURES
        else:
            failures += 1
        if failures == max_failures:
            _log.warning("the code server does not answer, and is started again")
            _reload(client)
            failures = 0
        time.sleep(interval_s)


def _answers(client: DagsterGrpcClient) -> bool:
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


def _reload(client: DagsterGrpcClient) -> None:
    try:
        client.reload_code(timeout=RELOAD_TIMEOUT_S)
    except DagsterUserCodeUnreachableError as error:  # it starts a new server before it fails to end the old one
        _log.info("the old code server could not be ended: %s", error)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    watch(int(sys.argv[1]))
