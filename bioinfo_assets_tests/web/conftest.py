"""The demo, served by the real command, and a real browser."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from bioinfo_assets_tests.cli.commands import call_process
from bioinfo_assets_tests.cli.test_dagit import Page as Dagit
from bioinfo_assets_tests.cli.test_dagit import start_server
from bioinfo_assets_tests.web.server import Server

SETTINGS = "read_quality = true\n[quality.duplicates]\nfail = 0.001\n"
"""So that there are plots of the reads, and samples that fail a check."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without routes."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output path of the demo."""
    output = tmp_path_factory.mktemp("demo") / "out"
    (output / ".dagster").mkdir(parents=True)
    (output / ".dagster" / "bioinfo-assets.toml").write_text(SETTINGS)
    done = call_process("demo", "--output-path", output)
    assert done.exit_code == 0, done.stderr
    return output


@pytest.fixture(scope="session")
def dagit(demo: Path) -> Iterator[Dagit]:
    """The server of the demo."""
    log = demo.parent / "dagit.log"
    server, address = start_server(demo, log)
    yield Dagit(address, demo, log)
    server.send_signal(signal.SIGINT)
    server.wait(300)


@pytest.fixture(scope="session")
def address(dagit: Dagit) -> str:
    """The address of the page."""
    return dagit.address


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page in Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1600, "height": 1000})
        context.set_default_timeout(300_000)
        yield context.new_page()
        browser.close()
