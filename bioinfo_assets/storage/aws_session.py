"""boto3's sessions. They share what botocore reads from its own files.

Each client needs a session of its own, since boto3's default session is not safe for threads. A session that shares
nothing reads the models of a service again: 50 to 90 ms of CPU time for a client instead of 7 to 18.
"""

from functools import lru_cache
from threading import Lock
from typing import Final

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader

_LOCK: Final = Lock()


def new_session() -> boto3.Session:
    """Return a session with the credentials and the region of the environment and the user's profile.

    Raises:
        ProfileNotFound: The profile does not exist.
    """
    core = botocore.session.get_session()
    with _LOCK:
        loader = _loader(core.get_config_variable("data_path"))
        core.register_component("data_loader", loader)
        session = boto3.Session(botocore_session=core)
        loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each session adds boto3's folder
    return session


@lru_cache(maxsize=8)
def _loader(data_path: str | None) -> Loader:
    """What reads models, and keeps them; the path is botocore's setting for additional ones."""
    return create_loader(data_path)
