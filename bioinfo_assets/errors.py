"""The errors that users can meet.

    BioinfoAssetsError
    ├── InputError          a file, a sample name or a setting is wrong
    │   └── NotFoundError   a file or object does not exist
    ├── JobError            a job ran and failed
    └── ResourceError       a job needs more resources than are available, or a tool is missing
        ├── MissingToolError    a tool is not in the image or on the machine
        └── UnreachableError    the service that runs jobs or S3 does not answer, or credentials have expired

The text of each is one sentence for a user: the thing, what is wrong with it, what to do. Entry points print that
sentence and no traceback. Any other exception is a defect of this project.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BioinfoAssetsError(Exception):
    """An error that a user can correct; its text is one sentence with the remedy."""


class InputError(BioinfoAssetsError):
    """A file, a sample name or a setting is wrong."""


class NotFoundError(InputError):
    """A file or object does not exist."""


class JobError(BioinfoAssetsError):
    """A job ran and failed."""


class NotRunError(JobError):
    """A job was not run, because one before it on the same machine did not succeed."""


class ResourceError(BioinfoAssetsError):
    """A job needs more resources than are available, or a tool is missing."""


class MissingToolError(ResourceError):
    """A tool is not in the image of jobs or on this machine, so that another may be taken for it."""


class UnreachableError(ResourceError):
    """The service that runs jobs or S3 does not answer, or credentials have expired; jobs may be running."""


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that a misspelt name most likely stands for, or None if none is similar.

    >>> suggest("aligned_bams", ["aligned_bam", "depth"])
    'aligned_bam'
    """
    return next(iter(get_close_matches(name, list(candidates), n=1)), None)


def did_you_mean(name: str, candidates: Iterable[str], kind: str) -> str:
    """Return what to do about an unknown name: take the most similar candidate, or one of all.

    >>> did_you_mean("x", ["aligned_bam", "depth"], "assets")
    'the assets are aligned_bam, depth'
    """
    names = list(candidates)
    similar = suggest(name, names)
    return f"did you mean {similar}?" if similar else f"the {kind} are {', '.join(names)}"
