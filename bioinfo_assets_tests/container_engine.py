"""A Docker engine and the image of the tools, for the tests that need them: `from …engine import engine, tools_image`.

Tests that use them are marked `@pytest.mark.xdist_group("docker")`. Without an engine they are skipped with the reason;
in CI (`CI` or `TESTS_NEED_DOCKER` is set) that is an error.
"""

import fcntl
import hashlib
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

CLONE: Final = Path(__file__).parent.parent
IMAGE: Final = "bioinfo-assets-tools"
BUILD_MODULES: Final = ("__init__.py", "errors.py", "launch/__init__.py", "launch/tools.py")
"""The modules that read the tools' versions while the image is built."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine.

    Attributes:
        client: The docker command that builds with it.
    """

    client: str

    def __call__(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `docker WORDS`."""
        completed = subprocess.run(
            [self.client, *words],
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DOCKER_BUILDKIT": "1", **environment},
        )
        assert completed.returncode == 0 or not check, f"docker {' '.join(words)}: {completed.stderr[-4000:]}"
        return completed

    def run(self, image: str, script: str, *options: str) -> str:
        """Run a bash script in a container of the image; return its output."""
        return self("run", "--rm", *options, image, "bash", "-euo", "pipefail", "-c", script).stdout


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock among the test workers and sessions of this user."""
    with (Path(tempfile.gettempdir()) / f"{IMAGE}-{name}-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def skip_without_engine(reason: str) -> NoReturn:
    """Skip the test; in CI, fail it."""
    if os.environ.get("CI") or os.environ.get("TESTS_NEED_DOCKER"):
        pytest.fail(f"in CI there must be a Docker engine: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine; on a Debian machine that has none, as root, one is installed and started."""
    with exclusive("engine"):
        started = subprocess.run(
            [CLONE / "docker" / "engine.sh"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if started.returncode != 0:
        skip_without_engine(started.stderr.strip().splitlines()[-1])
    return Engine(started.stdout.strip())


def content_digest() -> str:
    """The digest of the files that the image is built from."""
    digest = hashlib.sha256()
    files = [*(CLONE / "docker" / "tools").rglob("*"), CLONE / "docker" / "Dockerfile", CLONE / "uv.lock"]
    files += [CLONE / "bioinfo_assets" / name for name in BUILD_MODULES]
    files += [CLONE / "engine" / "VERSION", CLONE / "engine" / "Makefile", *(CLONE / "engine" / "src").iterdir()]
    for file in sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts):
        digest.update(f"{file.relative_to(CLONE)}\n{file.stat().st_size}\n".encode() + file.read_bytes())
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    digest.update(repr(project["dependency-groups"]["tools"]).encode())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def tools_image(engine: Engine) -> str:
    """The name of the image of the tools, which `make build-local` builds once for each content."""
    image = f"{IMAGE}:{content_digest()}"
    with exclusive("image"):
        if engine("image", "inspect", image, check=False).returncode != 0:
            build = subprocess.run(
                ["make", "build-local", f"DOCKER={engine.client}", f"LOCAL_IMAGE={image}", "REVISION=test"],
                cwd=CLONE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert build.returncode == 0, build.stdout[-4000:]
    return image
