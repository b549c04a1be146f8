"""The record of a result: what made it, from what, where and when; and of sources, what was seen.

A record is one JSON file beside the data it describes. It is written last, so that a result without a record is no
result. It stands alone: what made a BAM can be answered from it years later, without Dagster's database.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Parameter, StoredFile
from bioinfo_assets.result_key import ResultKey


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileRecord(_Frozen):
    """A file as it was published or observed.

    Attributes:
        key: What it is to the steps that read it, such as `bam`.
        uri: Where it was published.
        size: Bytes.
        sha256: Hex digest of its bytes; None for a remote source that was told by its ETag.
        content: Digest of its canonical form; None where it follows from the other files.
        stamp: The store's mark of this writing (a modification time, an ETag): unchanged, the bytes are not read again.
    """

    key: str
    uri: str
    size: int
    sha256: str | None
    content: str | None
    stamp: str

    @property
    def stored(self) -> StoredFile:
        """The file as a job's input."""
        return StoredFile(self.uri, self.size, self.content, self.stamp)


class InputRecord(_Frozen):
    """A file that a job read: the local name its script knew it by, and what it was."""

    local: str
    uri: str
    size: int
    content: str | None


class Observation(_Frozen):
    """What was seen of files that this project did not make.

    Attributes:
        asset: The external asset, such as `raw_reads`.
        scope: The sample, or `references`.
        files: The files, with their digests.
        notes: What else was seen of them, such as flow cell and lane.
        observed: When.
    """

    format: Literal[1] = 1
    asset: str
    scope: str
    files: tuple[FileRecord, ...]
    notes: Mapping[str, str] = Field(default_factory=dict)
    observed: datetime

    @property
    def key(self) -> ResultKey:
        """Asset and scope."""
        return ResultKey(self.asset, self.scope)

    @property
    def data_version(self) -> str:
        """The version of what was seen."""
        return data_version_of((file.key, file.content) for file in self.files)

    def by_uri(self) -> dict[str, FileRecord]:
        """The files by where they live."""
        return {file.uri: file for file in self.files}


class Record(_Frozen):
    """A result: what was made, and everything that made it.

    Attributes:
        asset: The asset, such as `recalibrated_bam`.
        version: The step's version, set by hand.
        scope: The sample, `references`, or `multiqc`.
        fingerprint: Digest of all that could change the result; see `records.fingerprint`.
        script: The bash script as it was run.
        parameters: What a user set that shaped the script.
        inputs: What it read.
        outputs: What it made.
        tools: Version by tool.
        backend: Where it ran.
        job_id: The backend's name for the job.
        host: The machine that published it.
        user: Who ran it.
        project: This project's version.
        started: When the script began.
        finished: When it ended.
        wall_s: Its time by the clock, in seconds.
        cpu_s: Its processor time in seconds.
        peak_memory_mib: Memory of its largest process, in MiB.
        facts: What the script told of its result.
        warnings: What a person should know of it.
        image: The container image that it was made in; empty where it was made in none.
        attempts: How often its job was started until it succeeded.
        imported: Whether it was made elsewhere and registered here; it then has no script and no tools.
        copied_from: The record, of another output path, whose files these are copies of; empty where a job made them.
    """

    format: Literal[1] = 1
    asset: str
    version: str
    scope: str
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
    project: str
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

    @property
    def key(self) -> ResultKey:
        """What the record is of."""
        return ResultKey(self.asset, self.scope)

    @property
    def data_version(self) -> str:
        """The version of what was made: it changes when the contents change, and only then."""
        return data_version_of((file.key, file.content) for file in self.outputs)

    @property
    def files(self) -> dict[str, StoredFile]:
        """The outputs by key, ready to be another job's inputs."""
        return {file.key: file.stored for file in self.outputs}

    def file(self, key: str) -> StoredFile:
        """One output by its key.

        Raises:
            InputError: the result has no such file, as after a change of settings.
        """
        try:
            return self.files[key]
        except KeyError:
            has = ", ".join(sorted(self.files))
            raise InputError(
                f"{self.key.label} has no {key!r} (it has {has}): materialize {self.asset} again"
            ) from None


def data_version_of(contents: Iterable[tuple[str, str | None]]) -> str:
    """The digest of keys and contents, in any order; files without a content of their own are left out.

    >>> data_version_of([("bam", "sha256:1"), ("bai", None)]) == data_version_of([("bam", "sha256:1")])
    True
    """
    lines = sorted(f"{key}\t{content}\n" for key, content in contents if content is not None)
    return sha256("".join(lines).encode()).hexdigest()
