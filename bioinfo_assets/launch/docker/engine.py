"""The connection to the docker engine, and its errors as messages for users."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from bioinfo_assets.errors import ResourceError

_TIMEOUT_S: Final = 120  # an engine that starts many containers at once answers slowly
_DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"


def connect(max_connections: int) -> docker.DockerClient:
    """Return a client of the engine that `DOCKER_HOST` names, or of this machine's.

    Args:
        max_connections: How many requests may be open at the same time.

    Raises:
        ResourceError: the engine does not run, or this user may not use it.
    """
    _check_socket(os.environ.get("DOCKER_HOST", _DEFAULT_ADDRESS))
    with translate_engine_errors():
        return docker.from_env(timeout=_TIMEOUT_S, max_pool_size=max_connections)


@contextmanager
def translate_engine_errors() -> Iterator[None]:
    """Translate the errors of the engine and of the connection to it.

    Raises:
        ResourceError: instead of any of them.
    """
    try:
        yield
    except APIError as error:
        raise ResourceError(f"the docker engine reported an error: {error_message(error)}") from error
    except (DockerException, RequestException) as error:
        raise ResourceError(_unreachable()) from error


def error_message(error: APIError) -> str:
    """The engine's own message, on one line."""
    return " ".join(str(error.explanation or error).split()).rstrip(".")


def _check_socket(address: str) -> None:
    """Connect to a socket of this machine once, since the SDK hides the operating system's error."""
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address.removeprefix("unix://"))
        except PermissionError as error:
            raise ResourceError(
                f"this user may not use the docker engine at {address}: ask an administrator to add the user to the "
                "group docker (usermod -aG docker USER), and log in again"
            ) from error
        except OSError as error:
            raise ResourceError(_unreachable()) from error


def _unreachable() -> str:
    address = os.environ.get("DOCKER_HOST", _DEFAULT_ADDRESS)
    return (
        f"no docker engine answers at {address}: start it (systemctl start docker), set DOCKER_HOST to its address, "
        "or use the local backend"
    )
