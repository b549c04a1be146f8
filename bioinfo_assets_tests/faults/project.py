"""A project of a few samples on this machine, whose jobs take tenths of a second, and what runs of it leave."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import list_folders, write_pair
from bioinfo_assets_tests.faults.hosts import Ended, Host
from bioinfo_assets_tests.faults.operations import Moment

SAMPLES: Final = ("a", "b", "c")
PER_SAMPLE: Final = ("merged_reads", "trimmed_reads")
RESULTS: Final = (
    ResultKey("reference_genome", REFERENCES),
    *(ResultKey(asset, sample) for sample in SAMPLES for asset in PER_SAMPLE),
)

FIRST_OUTPUT: Final = {
    "reference_genome": "genome.fa",
    "merged_reads": "{scope}.1.fastq.gz",
    "trimmed_reads": "{scope}.cutadapt.1.fastq.gz",
}
"""By asset, the name of the first file that its job makes, by which the log of starts names it."""

LOGGING_BASH: Final = """#!/bin/bash
if [[ $1 == */script.sh ]]; then
  first=$(sed -nE '/^describe_outputs /{n;s/^ *[^ ]+ ([^ ]+) .*/\\1/p}' "$1")
  echo "$$ $first" >>"$STARTS"
  sleep "0.$((RANDOM % 4))"
fi
exec /bin/bash "$@"
"""
"""The bash of jobs: it notes each start, and makes jobs last long enough to be struck."""


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a job: its process, and the first file that it makes."""

    pid: int
    name: str


def name_of(key: ResultKey) -> str:
    """The name of a result's job in the log of starts."""
    return FIRST_OUTPUT[key.asset].format(scope=key.scope)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What runs read: a samples file, and the address of a genome."""

    samples_file: Path
    genome: str


@dataclass
class FaultProject:
    """A project with a folder of its own on this machine.

    Attributes:
        folder: Its folder.
        inputs: What its runs read, which many projects may share.
        output: Its output path; by default in the folder.
        variables: Of its commands.
        options: Of its runs.
        starts_file: The log of starts; by default in the folder.
    """

    folder: Path
    inputs: Inputs
    output: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    options: Sequence[object] = ()
    starts_file: Path = Path()
    _commands: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.output = self.output or str(self.folder / "out")
        self.starts_file = self.folder / self.starts_file if self.starts_file.name else self.folder / "starts"
        tools = write_logging_bash(self.folder / "tools", self.starts_file)
        self.variables = {
            "BIOINFO_ASSETS_TOOL_PATH": f'["{tools}"]',
            "BIOINFO_MACHINE_FOLDER": str(self.folder / "machine"),
            **self.variables,
        }

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    @property
    def home(self) -> Path:
        return Path(self.variables.get("DAGSTER_HOME", f"{self.output}/.dagster"))

    @property
    def scratch(self) -> Path:
        return Path(self.variables.get("BIOINFO_ASSETS_SCRATCH", f"{self.output}/.scratch"))

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), self.output)

    @property
    def run_arguments(self) -> tuple[object, ...]:
        select = [word for asset in ("reference_genome", *PER_SAMPLE) for word in ("--select", asset)]
        files = ("--samples-file", self.inputs.samples_file, "--reference", self.inputs.genome)
        return ("run", *files, "--no-known-sites", "--output-path", self.output, *self.options, *select)

    def start(self, arguments: Sequence[object] = (), moment: Moment | None = None) -> Host:
        """Start a command, by default the run."""
        self._commands += 1
        printed = self.folder / f"command{self._commands}.txt"
        return Host(arguments or self.run_arguments, printed, self.variables, moment)

    def call(self, *arguments: object) -> Ended:
        """Run a command of this project to its end."""
        return self.start((*arguments, "--output-path", self.output)).wait()

    def run(self) -> Ended:
        """Run it to its end."""
        return self.start().wait()

    def starts(self) -> list[Start]:
        """The jobs that were started so far."""
        text = self.starts_file.read_text() if self.starts_file.exists() else ""
        lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [Start(int(pid), name) for pid, name in lines]

    def starts_by_name(self) -> Counter[str]:
        return Counter(start.name for start in self.starts())

    def processes(self) -> list[psutil.Process]:
        """All processes that work in its folder, or have it among their arguments."""
        return [process for process in psutil.process_iter() if self._is_own(process)]

    def _is_own(self, process: psutil.Process) -> bool:
        try:
            seen = (*process.cmdline(), process.cwd(), process.environ().get("HOME", ""))
        except psutil.Error:
            return False
        return any(str(self.folder) in text for text in seen)

    def wait_until_idle(self, timeout_s: float = 300.0) -> None:
        """Wait for the end of what a killed host left: its supervisors see its end, and give their jobs two seconds.

        Raises:
            AssertionError: something is still running.
        """
        deadline = time.monotonic() + timeout_s
        while left := self.processes():
            assert time.monotonic() < deadline, f"still running: {[(own.pid, own.cmdline()) for own in left]}"
            time.sleep(0.1)


def write_logging_bash(folder: Path, log: Path) -> Path:
    """Write the bash of jobs into a folder; returns the folder."""
    folder.mkdir()
    (folder / "bash").write_text(LOGGING_BASH.replace("$STARTS", str(log)))
    (folder / "bash").chmod(0o755)
    return folder


def write_inputs(folder: Path, root: str = "") -> Inputs:
    """Write reads and a genome into a folder, and upload them to `root` if that is given."""
    for lane, sample in enumerate(SAMPLES, start=1):
        write_pair(folder / sample, sample, lane=lane)
    list_folders(folder / "samples.txt", *(folder / sample for sample in SAMPLES))
    (folder / "genome.fa").write_text(">chr22\n" + "ACGTA" * 12 + "\n")
    if not root:
        return Inputs(folder / "samples.txt", str(folder / "genome.fa"))
    for file in folder.rglob("*.f*a*"):
        Store().put(file, f"{root}/{file.relative_to(folder)}")
    (folder / "samples.txt").write_text("".join(f"{root}/{sample}\n" for sample in SAMPLES))
    return Inputs(folder / "samples.txt", f"{root}/genome.fa")
