"""A Docker engine and the image of the tools, for the tests that need them: `from …engine import engine, tools_image`.

Tests that ask for one of them bear `@pytest.mark.xdist_group("docker")`. Where no engine can be had they are skipped
and say why; in CI (`CI` or `TESTS_NEED_DOCKER` is set) that is an error.
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
STANDARD: Final = "bioinfo-assets-tools"
IMPORTED: Final = ("__init__.py", "errors.py", "launch/__init__.py", "launch/tools.py")
"""The modules that tell versions while the image is built."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        client: The docker command that builds with it.
    """

    client: str

    def __call__(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs `docker WORDS`."""
        done = subprocess.run(
            [self.client, *words],
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DOCKER_BUILDKIT": "1", **environment},
        )
        assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stderr[-4000:]}"
        return done

    def run(self, image: str, script: str, *options: str) -> str:
        """What a bash script prints in a container of the image."""
        return self("run", "--rm", *options, image, "bash", "-euo", "pipefail", "-c", script).stdout


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Holds what other workers and sessions of this user wait for."""
    with (Path(tempfile.gettempdir()) / f"{STANDARD}-{name}-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def not_to_be_had(reason: str) -> NoReturn:
    """Skips the test; CI has to have what it needs."""
    if os.environ.get("CI") or os.environ.get("TESTS_NEED_DOCKER"):
        pytest.fail(f"in CI there must be a Docker engine: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine; on a Debian machine that has none, as root, one is installed and started."""
    with one_at_a_time("engine"):
        made = subprocess.run(
            [CLONE / "docker" / "engine.sh"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if made.returncode != 0:
        not_to_be_had(made.stderr.strip().splitlines()[-1])
    return Engine(made.stdout.strip())


def content_digest() -> str:
    """Known by this is an image: what it is built from."""
    digest = hashlib.sha256()
    files = [*(CLONE / "docker" / "tools").rglob("*"), CLONE / "docker" / "Dockerfile", CLONE / "uv.lock"]
    files += [CLONE / "bioinfo_assets" / name for name in IMPORTED]
    for file in sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts):
        digest.update(f"{file.relative_to(CLONE)}\n{file.stat().st_size}\n".encode() + file.read_bytes())
    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    digest.update(repr(project["dependency-groups"]["tools"]).encode())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def tools_image(engine: Engine) -> str:
    """The image of the tools as `make build-local` makes it, made once for each content; gives its name."""
    image = f"{STANDARD}:{content_digest()}"
    with one_at_a_time("image"):
        if engine("image", "inspect", image, check=False).returncode != 0:
            made = subprocess.run(
                ["make", "build-local", f"DOCKER={engine.client}", f"LOCAL_IMAGE={image}", "REVISION=test"],
                cwd=CLONE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stdout[-4000:]
    return image
