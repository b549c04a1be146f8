"""Paths as a user types them, relative to where they stand, made the absolute ones that settings and records hold."""

import os
import shutil
import sys
from pathlib import Path

from bioinfo_assets.genomics.uri import is_remote


def absolute_path(given: str) -> str:
    """A path or address, the path made absolute.

    >>> absolute("s3://bucket/run7"), absolute("/data/run7/../run8/")
    ('s3://bucket/run7', '/data/run8')
    """
    if is_remote(given):
        return given
    return os.path.abspath(Path(given.removeprefix("file://")).expanduser())  # noqa: PTH100 - Path keeps `..`


def absolute_adapter(given: str) -> str:
    """An adapter: the path of a file of adapters made absolute, a sequence left as it is.

    >>> adapter("AGATCGGAAGAGC"), adapter("/data/adapters.fa")
    ('AGATCGGAAGAGC', '/data/adapters.fa')
    """
    path = given.removeprefix("file:")
    return absolute_path(path) if path != given or "/" in path or Path(path).is_file() else given


def own_command() -> str:
    """How to call this program from where the user stands: by its name, or by its path where PATH has it not.

    `uv run` puts it on PATH for the one command that it runs.
    """
    own = Path(sys.executable).parent / "bioinfo-assets"
    found = shutil.which(own.name)
    if "UV" not in os.environ and found is not None and Path(found).resolve() == own.resolve():
        return own.name
    return str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)
