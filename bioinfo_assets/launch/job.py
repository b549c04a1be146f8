"""A job: a bash script, the files it reads under local names, the files it makes, and what it may use.

A job does not know where it runs. Its script sees one working folder in which every input stands under its local name,
and leaves every output there under its local name; a backend stages the one and collects the other.

>>> job = Job(
...     key=ResultKey("greeting", "expt"),
...     version="1",
...     script="cat name.txt > greeting.txt",
...     inputs=(Input("name.txt", StoredFile("/data/name.txt", size=5, content="sha256:ab")),),
...     outputs=(Output("text", "greeting.txt", "/results/expt/greeting.txt"),),
... )
>>> job.name
'greeting-expt'
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.result_key import ResultKey

Scalar = str | int | float | bool | None
Parameter = Scalar | tuple[Scalar, ...]

_LOCAL_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")

RAW_BYTES: Final = "cat"
"""The canonical form of a file whose every byte is content."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file where it lives, and what is in it.

    Attributes:
        uri: An absolute local path, or an `s3://`, `gs://` or `https://` address.
        size: Its length in bytes.
        content: The digest of what it says, `sha256:…` of its canonical form (see `Output.canonical`), or `etag:…` for
            a remote source that was not read. None for a file that follows from the others, such as a BAM's index.
        stamp: The store's mark of the writing that `content` is of; a job that meets another one is not run, or not
            published. Empty where nobody knows it. It says nothing of the file's content.
    """

    uri: str
    size: int
    content: str | None
    stamp: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a job may use.

    Attributes:
        cpus: Processors; the script reads them as `$JOB_CPUS`.
        memory_mib: Memory in MiB; the script reads it as `$JOB_MEMORY_MIB`.
    """

    cpus: int = 1
    memory_mib: int = 1024

    def __post_init__(self) -> None:
        if self.cpus < 1 or self.memory_mib < 1:
            raise ValueError(f"a job needs at least one CPU and 1 MiB of memory, not {self}")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a job reads, and the name under which its script finds it.

    Attributes:
        local: That name.
        file: The file.
        shared: Whether many jobs read it, such as a reference: machines then keep a copy for the next job.
    """

    local: str
    file: StoredFile
    shared: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        _check_local_name(self.local)


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a job makes.

    Attributes:
        key: What it is to the steps that read it, such as `bam`.
        local: The name under which the script leaves it.
        uri: Where it is published.
        canonical: A bash command, the file on stdin and canonical bytes on stdout, that leaves out what may differ
            between two runs that mean the same (times, thread counts, scratch paths). Its digest is the file's content.
            It runs under `set -euo pipefail` in the working folder, and the job fails if it fails: `grep -v` does where
            no line is left, `sed '/^#/d'` does not. None: the file follows from the others and says nothing of its own,
            such as an md5 or an index of a BAM.
    """

    key: str
    local: str
    uri: str
    canonical: str | None = RAW_BYTES

    def __post_init__(self) -> None:
        _check_local_name(self.local)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a bash script over staged files.

    Attributes:
        key: The result that it makes.
        version: The step's version, set by hand: raised when results change, left alone by a refactoring.
        script: Bash, run under `set -euo pipefail` in the working folder. Beside the inputs it has `$JOB_CPUS`,
            `$JOB_MEMORY_MIB`, `$TMPDIR`, and the functions of `launch/prologue.sh`: `fail SENTENCE`, `warn SENTENCE`,
            `fact NAME VALUE`.
        inputs: What it reads.
        outputs: What it makes; all of them, or the job fails.
        tools: The commands whose versions belong to the result.
        parameters: What a user set that shaped the script, to be shown and compared.
        resources: What it may use; no part of the result.
        options: How it runs, as far as a user set that; no part of the result.
    """

    key: ResultKey
    version: str
    script: str
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    options: JobOptions = field(default_factory=JobOptions)

    def __post_init__(self) -> None:
        _check_unique("input", [item.local for item in self.inputs])
        _check_unique("output", [item.local for item in self.outputs])
        _check_unique("output key", [item.key for item in self.outputs])

    @property
    def name(self) -> str:
        """The job's name, for people and AWS."""
        return self.key.job_name

    def with_options(self, options: JobOptions) -> "Job":
        """The job run in the way that options say; those of processors and memory go before what it asked for."""
        resources = Resources(
            cpus=options.vcpus or self.resources.cpus, memory_mib=options.memory_mib or self.resources.memory_mib
        )
        return replace(self, options=options, resources=resources)


def _check_local_name(name: str) -> None:
    if not _LOCAL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a local name: letters, digits, '.', '_', '+' and '-' only")


def _check_unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} named twice in one job: {', '.join(twice)}")
