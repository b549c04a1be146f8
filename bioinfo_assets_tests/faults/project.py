"""A project of a few samples on this machine, whose jobs take tenths of a second, and what runs of it leave."""

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

LOGGING_BASH: Final = """#!/bin/bash
if [[ $1 == */script.sh ]]; then
  folder=${1%/*}
  echo "$$ ${folder##*/}" >>"$STARTS"
  sleep "0.$((RANDOM % 4))"
fi
exec /bin/bash "$@"
"""
"""The bash of jobs: it notes each start, and makes jobs last long enough to be struck."""


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a job: its process, and its result's name as ASSET-SCOPE."""

    pid: int
    name: str


def name_of(key: ResultKey) -> str:
    """A result's name in the log of starts."""
    return key.asset if key.scope == REFERENCES else f"{key.asset}-{key.scope}"


@dataclass
class FaultProject:
    """A project on this machine, in its own folder.

    Attributes:
        folder: Its folder.
        inputs: The folder with reads and genome, which many projects may share; see `write_inputs`.
        output: Its output path.
        variables: Of its commands.
    """

    folder: Path
    inputs: Path
    output: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    _commands: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.output = self.output or str(self.folder / "out")
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "bash").write_text(LOGGING_BASH.replace("$STARTS", str(self.starts_file)))
        (tools / "bash").chmod(0o755)
        self.variables = {
            "BIOINFO_ASSETS_TOOL_PATH": f'["{tools}"]',
            "BIOINFO_MACHINE_FOLDER": str(self.folder / "machine"),
            **self.variables,
        }

    @property
    def starts_file(self) -> Path:
        return self.folder / "starts"

    @property
    def home(self) -> Path:
        return Path(self.variables.get("DAGSTER_HOME", f"{self.output}/.dagster"))

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), self.output)

    @property
    def run_arguments(self) -> tuple[object, ...]:
        select = [word for asset in ("reference_genome", *PER_SAMPLE) for word in ("--select", asset)]
        files = ("--samples-file", self.inputs / "samples.txt", "--reference", self.inputs / "genome.fa")
        return ("run", *files, "--no-known-sites", "--output-path", self.output, *select)

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
        return [Start(int(pid), folder.rpartition(".")[0]) for pid, folder in lines]

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

    def wait_until_idle(self, timeout_s: float = 30.0) -> None:
        """Wait for the end of what a killed host left: its supervisors see its end, and give their jobs two seconds.

        Raises:
            AssertionError: something is still running.
        """
        deadline = time.monotonic() + timeout_s
        while left := self.processes():
            assert time.monotonic() < deadline, f"still running: {[(own.pid, own.cmdline()) for own in left]}"
            time.sleep(0.1)


def write_inputs(folder: Path) -> Path:
    """Write reads and a genome; returns the folder."""
    for lane, sample in enumerate(SAMPLES, start=1):
        write_pair(folder / sample, sample, lane=lane)
    list_folders(folder / "samples.txt", *(folder / sample for sample in SAMPLES))
    (folder / "genome.fa").write_text(">chr22\n" + "ACGTA" * 12 + "\n")
    return folder
