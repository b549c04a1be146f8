"""The docker engine of this machine, and what keeps it from answering as sentences for people."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from bioinfo_assets.errors import ResourceError

_TIMEOUT_S: Final = 120  # an engine that starts many containers at once answers late
_DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"


def connect(at_once: int) -> docker.DockerClient:
    """A client of the engine that `DOCKER_HOST` names, or of this machine's.

    Args:
        at_once: How many threads will use it.

    Raises:
        ResourceError: the engine does not run, or may not be used.
    """
    _check_socket(os.environ.get("DOCKER_HOST", _DEFAULT_ADDRESS))
    with translate_engine_errors():
        return docker.from_env(timeout=_TIMEOUT_S, max_pool_size=at_once)


@contextmanager
def translate_engine_errors() -> Iterator[None]:
    """Turns the errors of the engine and of the way to it into ours.

    Raises:
        ResourceError: in place of any of them.
    """
    try:
        yield
    except APIError as error:
        raise ResourceError(f"the docker engine says: {error_message(error)}") from error
    except (DockerException, RequestException) as error:
        raise ResourceError(_unreachable()) from error


def error_message(error: APIError) -> str:
    """The engine's own words, on one line."""
    return " ".join(str(error.explanation or error).split()).rstrip(".")


def _check_socket(address: str) -> None:
    """Knocks at a socket of this machine, for what the operating system says of it."""
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as knock:
        try:
            knock.connect(address.removeprefix("unix://"))
        except PermissionError as error:
            raise ResourceError(
                f"this user may not use the docker engine at {address}: let an administrator add the user to the "
                "group docker (usermod -aG docker USER), and log in again"
            ) from error
        except OSError as error:
            raise ResourceError(_unreachable()) from error


def _unreachable() -> str:
    address = os.environ.get("DOCKER_HOST", _DEFAULT_ADDRESS)
    return (
        f"no docker engine answers at {address}: start it (systemctl start docker), set DOCKER_HOST to where it "
        "listens, or use the local backend"
    )
