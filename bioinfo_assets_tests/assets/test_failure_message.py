"""A failed run is posted to a webhook, with the samples and the reasons."""

import json
import runpy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets import failure_message
from bioinfo_assets.assets.failure_message import WEBHOOK_VARIABLE, post_failures
from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings, save
from bioinfo_assets_tests.docs.pages import CLONE

REASON = "merged_reads of robin: robin_1.fastq.gz is not a complete gzip file"


class Webhook(HTTPServer):
    """A server that keeps what is posted to it, and gives these answers, the last one to all others."""

    def __init__(self, *answers: int) -> None:
        posted = self.posted = []  # type: list[dict[str, str]]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(answers[min(len(posted), len(answers)) - 1])
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/secret"


@pytest.fixture(params=[(200,)])
def webhook(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with Webhook(*request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(WEBHOOK_VARIABLE, server.address)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(Settings(output_path=str(tmp_path / "results")))


@pytest.fixture
def failed() -> Iterator[dg.RunFailureSensorContext]:
    """The sensor's context of a run in which a step failed."""

    @dg.op
    def align() -> None:
        raise dg.Failure(REASON, allow_retries=False)

    @dg.job
    def aligned() -> None:
        align()

    with dg.DagsterInstance.ephemeral() as instance:
        result = aligned.execute_in_process(instance=instance, raise_on_error=False)
        yield dg.build_run_status_sensor_context(
            "post_failures", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()


def test_the_message_names_project_run_samples_and_reasons(
    webhook: Webhook, failed: dg.RunFailureSensorContext, project: Project
) -> None:
    post_failures(failed, project=project)
    run = failed.dagster_run.run_id[:8]
    assert webhook.posted == [{"text": f"Run {run} of {project.settings.output_path} has failed:\n{REASON}"}]


@pytest.mark.parametrize("webhook", [(429, 503, 200)], indirect=True)
def test_a_message_that_is_refused_for_the_moment_is_posted_again(
    webhook: Webhook, failed: dg.RunFailureSensorContext, project: Project
) -> None:
    """Slack takes one a second; Dagster gives the sensor each failed run once."""
    post_failures(failed, project=project)
    assert len(webhook.posted) == 3


@pytest.mark.parametrize("webhook", [(500,)], indirect=True)
def test_an_answer_that_is_an_error_fails_the_tick_without_the_secret(
    webhook: Webhook, failed: dg.RunFailureSensorContext, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_message, "RETRY_S", 0)
    with pytest.raises(BioinfoAssetsError, match="could not be posted to the webhook: HTTP Error 500") as caught:
        post_failures(failed, project=project)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://host1:secret/x", "https://127.0.0.1/a secret", "https://[secret"])
def test_a_malformed_address_fails_the_tick_without_the_secret(
    address: str, failed: dg.RunFailureSensorContext, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, address)
    monkeypatch.setattr(failure_message, "RETRY_S", 0)
    with pytest.raises(BioinfoAssetsError, match="could not be posted to the webhook: ") as caught:
        post_failures(failed, project=project)
    assert "secret" not in str(caught.value)


def test_another_scheme_is_refused(
    failed: dg.RunFailureSensorContext, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, "file:///etc/passwd")
    with pytest.raises(InputError, match="begins with https://"):
        post_failures(failed, project=project)


def test_without_a_webhook_nothing_is_posted(
    failed: dg.RunFailureSensorContext, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(WEBHOOK_VARIABLE, raising=False)
    skipped = post_failures(failed, project=project)
    assert isinstance(skipped, dg.SkipReason)


def test_the_example_mails_the_same_message(
    failed: dg.RunFailureSensorContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "results" / ".dagster"
    save(Settings(output_path=str(home.parent)), home)
    variables = {"DAGSTER_HOME": str(home), "SMTP_HOST": "smtp.invalid", "MAIL_TO": "team@example.org"}
    for name, value in {**variables, "SMTP_USER": "lab@example.org", "SMTP_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    example = runpy.run_path(str(CLONE / "examples" / "email" / "definitions.py"))

    definitions = example["defs"]()

    names = {sensor.name for sensor in definitions.sensors}
    assert {"mail_failures", "post_failures"} <= names
    text = example["_text"](failed)
    assert text.startswith(f"Run {failed.dagster_run.run_id[:8]} of {home} has failed:<br>")
    assert REASON in text
