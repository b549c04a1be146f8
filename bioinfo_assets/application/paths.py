"""Paths as a user types them, made absolute for settings and records."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import is_remote
from bioinfo_assets.settings_file import is_text

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
"""How an address begins that has a scheme (RFC 3986, 3.1), such as `S3://` or `s3:/`; no path does, but for a joke."""


def absolute_path(path: str) -> str:
    """Return a local path as an absolute one, and a remote address as it is; neither ends with a slash.

    Raises:
        InputError: It is empty or not UTF-8, or begins like an address of an unknown kind or with the home of an
            unknown user.

    >>> absolute_path("s3://bucket/run7/"), absolute_path("/data/run7/../run8/")
    ('s3://bucket/run7', '/data/run8')
    """
    address = path.rstrip("/")
    absolute = address if is_remote(address) else _absolute_local(path)
    if not is_text(absolute):
        raise InputError(f"{absolute!a} is not UTF-8, as settings and records are: rename it")
    return absolute


def _absolute_local(path: str) -> str:
    local = path.removeprefix("file://")
    if not local.strip():  # it would be the current folder
        raise InputError("a path is empty, perhaps because a variable of the shell is not set: give one")
    if _ADDRESS.match(local):
        raise InputError(f"{path} is not a URI that can be read: begin it with s3://, or give a path")
    try:
        return os.path.abspath(Path(local).expanduser())  # noqa: PTH100 - Path keeps `..`
    except RuntimeError as error:
        raise InputError(f"{path} begins with the home of a user who does not exist: correct it") from error


def absolute_adapter(adapter: str) -> str:
    """Return the absolute path of an adapter file, and an adapter sequence unchanged.

    >>> absolute_adapter("AGATCGGAAGAGC"), absolute_adapter("/data/adapters.fa")
    ('AGATCGGAAGAGC', '/data/adapters.fa')
    """
    path = adapter.removeprefix("file:")
    return absolute_path(path) if path != adapter or "/" in path or _is_file(path) else adapter


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path raises an error for a sequence longer than a name may be


def own_command() -> str:
    """Return the command that starts this program: its name if a new shell finds it on PATH, otherwise its path.

    Under `uv run`, PATH is extended for that one command only.
    """
    program = Path(sys.executable).parent / "bioinfo-assets"
    on_path = shutil.which(program.name)
    if "UV" not in os.environ and on_path is not None and Path(on_path).resolve() == program.resolve():
        return program.name
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
