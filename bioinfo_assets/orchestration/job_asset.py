"""Assets of any project, each result of which a job computes from files and leaves in files."""

import json
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Final, TypeAlias

import dagster as dg

from bioinfo_assets.errors import InputError, did_you_mean
from bioinfo_assets.launch.job import Input, Job, Output, Parameter, Resources, StoredFile
from bioinfo_assets.orchestration.file_source import FileSource, check_asset_name
from bioinfo_assets.result_key import SHARED, ResultKey

PARTITION_VARIABLE: Final = "partition"
_DEFAULT_RESOURCES: Final = Resources()
_VARIABLE: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class JobAsset(ABC):
    """An asset that jobs compute: one for each partition, or one for all. See `ScriptAsset` and `PythonAsset`.

    A result is computed again when its code, a parameter, its version, the content of an input or the version of a tool
    has changed; otherwise it is reused. Its files are published in the output path as `PARTITION/NAME.FILE`, those of
    an asset without partitions as `shared/NAME.FILE`.

    Attributes:
        name: The name of the asset.
        inputs: The files that it reads, by name: sources, or files of other assets (`other.file("rows.csv")`).
        parameters: Its settings, by name.
        outputs: The names of the files that it leaves in its working folder.
        tools: The commands whose versions are part of the result. In a container, the image lists them.
        version: Raised when results are to be computed again though nothing else has changed.
        resources: CPUs, memory and disk of a job.
        partitions_def: The partitions; None for one result.
        deps: Further assets of Dagster that the result depends on. Their data versions are recorded with the result;
            the job gets no file of them, so that a change of theirs shows the result as stale, and does not run its
            job.
        description: Shown in Dagit.
        group: The asset's group.

    Raises:
        InputError: a name cannot be used, or an input has other partitions.
    """

    kind: ClassVar[str]
    """What Dagit shows next to the name."""

    name: str
    inputs: "Mapping[str, InputFile]" = field(default_factory=dict, kw_only=True)
    parameters: Mapping[str, Parameter] = field(default_factory=dict, kw_only=True)
    outputs: Sequence[str] = field(default=(), kw_only=True)
    tools: Sequence[str] = field(default=(), kw_only=True)
    version: str = field(default="1", kw_only=True)
    resources: Resources = field(default=_DEFAULT_RESOURCES, kw_only=True)
    partitions_def: dg.PartitionsDefinition[str] | None = field(default=None, kw_only=True)
    deps: Sequence[str] = field(default=(), kw_only=True)
    description: str | None = field(default=None, kw_only=True)
    group: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_asset_name(self.name)
        for name in self.parameters:
            if not _VARIABLE.fullmatch(name) or name == PARTITION_VARIABLE:
                raise InputError(
                    f"parameter {name!r} of {self.name} cannot be a variable: use small letters, digits and '_', and"
                    f" another name than {PARTITION_VARIABLE!r}"
                )
        for name, item in self.inputs.items():
            if not isinstance(item, FileSource | OutputFile):
                raise InputError(
                    f"input {name!r} of {self.name} is not a file: pass a FileSource, or ASSET.file(OUTPUT)"
                )
            if None not in (self.partitions_def, item.partitions_def) and self.partitions_def != item.partitions_def:
                raise InputError(
                    f"{self.name} and {owner_of(item).name}, which it reads, have different partitions: give both the"
                    " same"
                )
        if not self.files:
            raise InputError(f"{self.name} has no outputs: name the files that its script writes")
        self._check_file_names()

    def _check_file_names(self) -> None:
        """Check the names of files as a job does, before there is one."""
        try:
            Job(
                key=ResultKey(self.name, SHARED),
                version=self.version,
                script="",
                inputs=tuple(Input(self.local_name(name), StoredFile("", 0, None)) for name in self.inputs),
                outputs=tuple(Output(name, name, "") for name in self.files),
            )
        except ValueError as error:
            raise InputError(f"{self.name} cannot have these files: {error}") from error

    @property
    @abstractmethod
    def code(self) -> str:
        """The bash of its jobs, without the partition."""

    @property
    def files(self) -> Sequence[str]:
        """The names of all files that its job leaves."""
        return self.outputs

    @property
    def all_tools(self) -> tuple[str, ...]:
        """The tools of its jobs."""
        return tuple(self.tools)

    def local_name(self, name: str) -> str:
        """The file name of an input in the working folder; that of a partition has `PARTITION.` in front of it."""
        return name

    def file(self, output: str) -> "OutputFile":
        """One of its files, as an input of another asset.

        Raises:
            InputError: it has no such output.
        """
        if output not in self.files:
            raise InputError(f"{self.name} has no output {output!r}: {did_you_mean(output, self.files, 'outputs')}")
        return OutputFile(self, output)

    def reads_all_partitions(self, item: "InputFile") -> bool:
        """Whether an input is one file for each partition."""
        return self.partitions_def is None and item.partitions_def is not None

    @property
    def upstream(self) -> "Mapping[str, JobAsset | FileSource]":
        """What it reads, by the name of the asset."""
        return {owner_of(item).name: owner_of(item) for item in self.inputs.values()}

    @property
    def code_version(self) -> str:
        """Dagster's version of its code: a digest of what is written here and could change a result."""
        text = json.dumps([self.version, self.code, dict(self.parameters), self.all_tools, list(self.files)])
        return sha256(text.encode()).hexdigest()[:12]

    def script_of(self, partition: str | None) -> str:
        """The bash of the job of one result."""
        return ("" if partition is None else f"{PARTITION_VARIABLE}={shlex.quote(partition)}\n") + self.code


@dataclass(frozen=True)
class ScriptAsset(JobAsset):
    """An asset that a bash script computes, with its inputs next to it.

    The script finds each input in its working folder, under the name in `inputs`, and leaves each of `outputs` there.
    Where an asset without partitions reads one with partitions, each file has its partition in front: `bern.rows.csv`.
    The script runs under `set -euo pipefail` and has the variables `$partition`, one for each parameter (of a sequence,
    the items with blanks between them), `$JOB_CPUS`, `$JOB_MEMORY_MIB` and `$TMPDIR`, and these functions: `fail
    MESSAGE` ends the job for this reason, `warn MESSAGE` goes on, `fact NAME VALUE` records a value that Dagit plots.

    Attributes:
        script: Bash.
    """

    kind: ClassVar[str] = "bash"

    script: str = field(kw_only=True)

    @property
    def code(self) -> str:
        """The script, after its variables."""
        return "".join(f"{name}={_quoted(value)}\n" for name, value in self.parameters.items()) + self.script


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file of an asset: as many as the asset has partitions, or one."""

    asset: JobAsset
    output: str

    @property
    def partitions_def(self) -> dg.PartitionsDefinition[str] | None:
        """The partitions of the asset."""
        return self.asset.partitions_def


InputFile: TypeAlias = FileSource | OutputFile


def owner_of(item: InputFile) -> JobAsset | FileSource:
    """The asset that a file belongs to."""
    return item.asset if isinstance(item, OutputFile) else item


def _quoted(value: Parameter) -> str:
    """A parameter's value in bash; true and false as in JSON, None as nothing."""
    if isinstance(value, tuple | list):
        return shlex.quote(" ".join(map(_format, value)))
    return shlex.quote(_format(value))


def _format(value: Parameter) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool) else str(value)
