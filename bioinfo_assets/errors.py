"""The errors a user can meet, as one small tree.

    BioinfoAssetsError
    ├── InputError      what was given is wrong: a file, a sample name, a setting
    │   └── NotFoundError
    ├── JobError        a job ran and did not succeed
    └── ResourceError   a job asks for more than there is, or a tool is missing

The text of each is one sentence for a user: which thing, what is wrong with it, what to do. Entry points print that
sentence and no traceback. Anything else that is raised is a defect of this project.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BioinfoAssetsError(Exception):
    """Something a user can put right; its text is one sentence that explains how."""


class InputError(BioinfoAssetsError):
    """What was given is wrong: a file, a sample name or a setting."""


class NotFoundError(InputError):
    """A file or object does not exist."""


class JobError(BioinfoAssetsError):
    """A job ran and did not succeed."""


class ResourceError(BioinfoAssetsError):
    """A job asks for more than there is here, or for a tool that is missing."""


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that a misspelt name most likely stands for, or None if none is similar.

    >>> suggest("aligned_bams", ["aligned_bam", "depth"])
    'aligned_bam'
    """
    return next(iter(get_close_matches(name, list(candidates), n=1)), None)
