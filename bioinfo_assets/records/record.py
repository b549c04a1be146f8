"""The record of a result: what produced it, from what, where and when; and the observation of a source.

A record is one JSON file next to the data it describes. It is written last, so that files without a record are not a
result. It stands alone: what produced a BAM can be read from it years later, without Dagster's database. In JSON, files
under the output path are named relative to it (see `layout`), so that a project can be moved.
"""

import getpass
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.job import Parameter, StoredFile
from bioinfo_assets.layout import RecordedUri
from bioinfo_assets.result_key import ResultKey

_NO_SCRIPT: Final = {"script": "", "accounting": Accounting()}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file as it was published or observed.

    Attributes:
        key: The file's role for the steps that read it, such as `bam`.
        uri: Where it was published.
        size: Bytes.
        sha256: Hex digest of its bytes; None for a remote source that is identified by its ETag.
        content: Digest of its canonical form; None where it is derived from the other files.
        stamp: The store's mark of this version (a modification time, an ETag): while it is unchanged, the bytes are not
            read again.
        released: When the file was deleted on purpose, by its retention, or not even published; None while it is kept.
    """

    key: str
    uri: RecordedUri
    size: int
    sha256: str | None
    content: str | None
    stamp: str
    released: datetime | None = None

    @property
    def stored(self) -> StoredFile:
        """The file as a job's input."""
        is_released = self.released is not None
        return StoredFile(self.uri, self.size, self.content, self.stamp, self.sha256 or "", is_released)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord:
    """A file that a job read: the local name its script used, and which version of which file it was."""

    local: str
    uri: RecordedUri
    size: int
    content: str | None


class Observation(_Frozen):
    """The state of files that this project did not produce.

    Attributes:
        asset: The external asset, such as `raw_reads`.
        scope: The sample, or `references`.
        files: The files, with their digests.
        notes: Further facts about them, such as flow cell and lane.
        observed: When they were read.
    """

    format: Literal[2] = 2
    asset: str
    scope: str
    files: tuple[FileRecord, ...]
    notes: Mapping[str, str] = Field(default_factory=dict)
    observed: datetime

    @property
    def key(self) -> ResultKey:
        """The source and its scope."""
        return ResultKey(self.asset, self.scope)

    @property
    def data_version(self) -> str:
        """The version of the source: it changes when the contents change, and only then."""
        return data_version_of((file.key, file.content) for file in self.files)

    def by_uri(self) -> dict[str, FileRecord]:
        """The files by address."""
        return {file.uri: file for file in self.files}


class Record(_Frozen):
    """A result: its files, and everything that produced them.

    Attributes:
        asset: The asset, such as `recalibrated_bam`.
        scope: The sample, `references`, or `multiqc`.
        version: The step's version, set by hand.
        fingerprint: Digest of everything that could change the result; see `records.fingerprint`.
        script: The bash script as it was run.
        parameters: The user's settings that shaped the script.
        inputs: The files that the job read.
        outputs: The files that the job wrote.
        tools: Version by tool.
        backend: Where the job ran.
        job_id: The backend's name for the job.
        host: The machine that published the result.
        user: Who ran it.
        software: The version of bioinfo-assets.
        started: When the script began.
        finished: When it ended.
        wall_s: Wall time in seconds.
        cpu_s: CPU time in seconds.
        peak_memory_mib: Memory of its largest process, in MiB.
        facts: Values that the script reported about its result.
        warnings: Sentences for whoever uses the result.
        image: The container image of the job; empty where it ran in none.
        attempts: How often the job was started until it succeeded.
        imported: Whether the result was registered rather than computed; it then has no script and no tools.
        copied_from: The record, of another output path, that these files were copied from; empty where a job ran.
        accounting: What the job asked for, waited for and moved; records of older versions do not have it.
    """

    format: Literal[2] = 2
    asset: str
    scope: str
    version: str
    fingerprint: str
    script: str
    parameters: Mapping[str, Parameter]
    inputs: tuple[InputRecord, ...]
    outputs: tuple[FileRecord, ...]
    tools: Mapping[str, str]
    backend: str
    job_id: str
    host: str
    user: str
    software: str
    started: datetime
    finished: datetime
    wall_s: float
    cpu_s: float | None
    peak_memory_mib: float | None
    facts: Mapping[str, str]
    warnings: tuple[str, ...]
    image: str = ""
    attempts: int = 1
    imported: bool = False
    copied_from: str = ""
    accounting: Accounting = Field(default_factory=Accounting)

    @property
    def key(self) -> ResultKey:
        """The key of the result."""
        return ResultKey(self.asset, self.scope)

    @property
    def data_version(self) -> str:
        """The version of the result: it changes when the contents change, and only then."""
        return data_version_of((file.key, file.content) for file in self.outputs)

    @property
    def released(self) -> datetime | None:
        """When its large files were deleted on purpose; None while all files are kept."""
        return max((file.released for file in self.outputs if file.released is not None), default=None)

    @property
    def kept_outputs(self) -> tuple[FileRecord, ...]:
        """The outputs whose files were not released."""
        return tuple(file for file in self.outputs if file.released is None)

    @property
    def files(self) -> dict[str, StoredFile]:
        """The outputs by key, ready to be another job's inputs."""
        return {file.key: file.stored for file in self.outputs}

    def without_script(self) -> "Record":
        """The record without script and accounting, half of its memory, which no lineage shows."""
        return self.model_copy(update=_NO_SCRIPT)

    def without_provenance(self) -> "Record":
        """The record without script, inputs, tools and accounting, which no other job is built from.

        In a cohort of ten thousand samples these take gigabytes.
        """
        return self.model_copy(update={**_NO_SCRIPT, "inputs": (), "tools": {}})

    def file(self, key: str) -> StoredFile:
        """One output by its key.

        Raises:
            InputError: the result has no such file, as after a change of settings.
        """
        try:
            return self.files[key]
        except KeyError:
            keys = ", ".join(sorted(self.files))
            raise InputError(f"{self.key.label} has no {key!r}, only {keys}: materialize {self.asset} again") from None


def user_name() -> str:
    """The name of this process's user; its number where no name belongs to it, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # KeyError up to Python 3.12
        return str(os.getuid())


def data_version_of(contents: Iterable[tuple[str, str | None]]) -> str:
    """The digest of keys and contents, in any order; files without a content of their own do not count.

    >>> data_version_of([("bam", "sha256:1"), ("bai", None)]) == data_version_of([("bam", "sha256:1")])
    True
    """
    lines = sorted(f"{key}\t{content}\n" for key, content in contents if content is not None)
    return sha256("".join(lines).encode()).hexdigest()
