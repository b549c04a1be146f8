"""The logs of runs, which Dagster's own upload of telemetry does not find."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from dagster._core.telemetry_upload import upload_logs

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.application.run_logs import create_log
from bioinfo_assets.cli.dagit import DAGSTER_ENVIRONMENT


class Receiver(HTTPServer):
    """Where Dagster sends its telemetry."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.requests = 0


class ReceiverHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as server:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        monkeypatch.setenv("DAGSTER_TELEMETRY_URL", f"http://127.0.0.1:{server.server_port}")
        for variable in ("BUILDKITE", "TF_BUILD", *DAGSTER_ENVIRONMENT):
            monkeypatch.delenv(variable, raising=False)
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def upload() -> None:
    """Do what a thread of Dagster's web server and daemon does, until it would wait."""
    ended = threading.Event()
    thread = threading.Thread(target=upload_logs, args=(ended,))
    thread.start()
    thread.join(2)
    ended.set()
    thread.join()


def test_the_log_of_a_run_is_not_sent_anywhere_and_not_removed(receiver: Receiver, tmp_path: Path) -> None:
    log = create_log(tmp_path, "run")
    log.write_text("merged_reads-patient7: running\n")
    upload()
    assert receiver.requests == 0
    assert log.exists()


@pytest.mark.parametrize("folder", ["logs", ".logs_queue"])
def test_logs_of_earlier_versions_are_moved_before_they_can_be_sent(
    receiver: Receiver, tmp_path: Path, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "run-20261101T000000.000000Z.log").write_text("merged_reads-patient7: running\n")
    with open_instance(tmp_path):
        upload()
    assert receiver.requests == 0
    assert "patient7" in (tmp_path / "run_logs" / "run-20261101T000000.000000Z.log").read_text()


def test_dagster_would_send_them_from_its_own_folder_but_for_a_variable(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "any.log").write_text("a\n")
    with monkeypatch.context() as patch:
        for variable, value in DAGSTER_ENVIRONMENT.items():
            patch.setenv(variable, value)
        upload()
        assert receiver.requests == 0
    upload()
    assert receiver.requests == 1
