"""The README's commands work as they are written, in a new shell on a machine without uv."""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets_tests.docs.pages import CLONE, PAGES, code_blocks
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("first minute")

WITHOUT_INSTALLING: Final = "make -o install demo"
"""`make demo` in a clone in which everything is installed: `uv sync` would tie this environment to the copy."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this clone as `make install` leaves it."""
    copy = tmp_path_factory.mktemp("first-minute") / "bioinfo-assets"
    written_here = (".git", ".venv", ".tools", "demo", "results", "site", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(CLONE, copy, ignore=shutil.ignore_patterns(*written_here))
    for folder in (".venv", ".tools"):
        (copy / folder).symlink_to(CLONE / folder)
    return copy


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new user's; results are shared, since the README's own samples are those of the demo."""
    home = tmp_path_factory.mktemp("home")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "BIOINFO_ASSETS_CACHE": str(home / "shared"),
        "BIOINFO_MACHINE_FOLDER": str(home / "machine"),
    }


def bash(script: str, clone: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(clone: Path, environment: dict[str, str]) -> str:
    """What the demo prints."""
    assert shutil.which("uv", path=environment["PATH"]) is None
    first = code_blocks(PAGES["README.md"], "bash")[0]
    assert re.findall(r"^make (\w+)", first, re.MULTILINE) == ["demo", "dagit"]
    done = bash(WITHOUT_INSTALLING, clone, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_readme_work_in_a_new_shell(demo: str, clone: Path, environment: dict[str, str]) -> None:
    assert demo
    script = "\n".join(code_blocks(PAGES["README.md"], "bash")[1:])
    done = bash(script, clone, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "results" / "multiqc" / "multiqc_report.html").exists()


def test_the_command_that_the_demo_prints_opens_dagit(demo: str, clone: Path, environment: dict[str, str]) -> None:
    (command,) = re.findall(r"^.*: (\S+ dagit .*)$", demo, re.MULTILINE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["bash", "-c", f"exec {command} --port {port}"],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_up(port) or server.poll() is not None, 600, "Dagit")
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(300)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except OSError:
        return False


def test_make_install_puts_uv_where_contributing_expects_it() -> None:
    """Contributors call it by name, so CONTRIBUTING shows how to put it on PATH."""
    assert 'export PATH="$PWD/.tools/bin:$PATH"' in PAGES["CONTRIBUTING.md"]
    assert os.access(CLONE / ".tools" / "bin" / "uv", os.X_OK) or shutil.which("uv")
