"""Paths as a user types them, made absolute for settings and records."""

import os
import shutil
import sys
from pathlib import Path

from bioinfo_assets.genomics.uri import is_remote


def absolute_path(path: str) -> str:
    """Return a local path as an absolute one, and a remote address unchanged.

    >>> absolute_path("s3://bucket/run7"), absolute_path("/data/run7/../run8/")
    ('s3://bucket/run7', '/data/run8')
    """
    if is_remote(path):
        return path
    return os.path.abspath(Path(path.removeprefix("file://")).expanduser())  # noqa: PTH100 - Path keeps `..`


def absolute_adapter(adapter: str) -> str:
    """Return the absolute path of an adapter file, and an adapter sequence unchanged.

    >>> absolute_adapter("AGATCGGAAGAGC"), absolute_adapter("/data/adapters.fa")
    ('AGATCGGAAGAGC', '/data/adapters.fa')
    """
    path = adapter.removeprefix("file:")
    return absolute_path(path) if path != adapter or "/" in path or Path(path).is_file() else adapter


def own_command() -> str:
    """Return the command that starts this program: its name if a new shell finds it on PATH, otherwise its path.

    Under `uv run`, PATH is extended for that one command only.
    """
    program = Path(sys.executable).parent / "bioinfo-assets"
    on_path = shutil.which(program.name)
    if "UV" not in os.environ and on_path is not None and Path(on_path).resolve() == program.resolve():
        return program.name
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
