"""A host that works for an hour while AWS fails at fixed rates: what is done, retried, lost or computed twice.

`python -m benchmarks.soak [SECONDS [SEED]]` runs waves of samples on the simulator of Batch and moto's S3, in one
process, and prints a line for each wave, with the memory, threads and file descriptors of that process, and a summary.
Jobs are played; records, files, submissions and Dagster's events are real. It exits with 1 if a result was lost or
computed twice, or if the process grew.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import boto3
import psutil

from benchmarks.played_jobs import Player, compute_templates
from benchmarks.soak_faults import api_faults, job_faults
from benchmarks.tiny_cohort import shared_options, upload_samples, upload_shared, write_tool_list
from bioinfo_assets.pipeline.graph import PER_SAMPLE, enabled_assets
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.faults.s3_proxy import Weather, proxied
from bioinfo_assets_tests.simulator import BatchSimulator

WAVE: Final = 50
"""Samples of a wave."""

S3_RATE: Final = 0.01
"""The part of the host's requests of S3 that fail, are slow, or are cut off."""

MAX_RUNS: Final = 5
"""Runs of a wave until all its results are there."""

SETTLED: Final = 4
"""Waves after which the process has loaded all that it needs: it must not grow then."""

MAX_GROWTH: Final = 1.25
"""By what factor memory, threads and descriptors may be larger at the end than after those waves."""

BUCKET: Final = "soak"
OUTPUT: Final = f"s3://{BUCKET}/project"

ASSETS: Final = tuple(asset for asset in enabled_assets(Settings(output_path=OUTPUT)) if asset in PER_SAMPLE)
"""Of each sample, by default."""

COMMAND: Final = str(Path(sys.executable).parent / "bioinfo-assets")
IMAGE: Final = "tools:1"


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: resident memory in MiB, threads, and file descriptors."""

    memory_mib: float
    threads: int
    descriptors: int

    @classmethod
    def by(cls, pid: int) -> "Held":
        """What a process holds now."""
        process = psutil.Process(pid)
        return cls(process.memory_info().rss / 2**20, process.num_threads(), process.num_fds())


@dataclass
class CountingPlayer(Player):
    """Plays jobs, and counts those of results that had already been published.

    Attributes:
        twice: The results that were computed again, with their samples.
    """

    twice: list[str] = field(default_factory=list)

    def _play_part(self, script: bytes, asset: str, attempt: str) -> None:
        name = script[script.rindex(b"describe_outputs") :].decode().replace("\\\n", " ").split()[2]
        ending = next((end for end, own in self.templates.assets.items() if own == asset and name.endswith(end)), "")
        sample = name.removesuffix(ending)
        if ending and Ledger(Store(), OUTPUT).read(ResultKey(asset, sample)) is not None:
            self.twice.append(f"{asset} of {sample}")
        super()._play_part(script, asset, attempt)


@dataclass
class Soak:
    """The work, wave by wave.

    Attributes:
        folder: For files.
        simulator: Of Batch.
        host: The process that runs the waves.
        player: Plays the jobs.
    """

    folder: Path
    simulator: BatchSimulator
    host: "subprocess.Popen[str]"
    player: CountingPlayer
    samples: list[str] = field(default_factory=list)
    failed_runs: int = 0
    held: list[Held] = field(default_factory=list)

    def run_wave(self) -> None:
        """Add samples, and run them until all their results are there."""
        names = [f"sample{len(self.samples) + number:05d}" for number in range(WAVE)]
        self.samples += names
        sheet = upload_samples(self.folder, BUCKET, names)
        for _ in range(MAX_RUNS):
            if self._run(sheet, names) == 0:
                break
            self.failed_runs += 1
        self.held.append(Held.by(self.host.pid))

    def lost(self) -> list[str]:
        """The results that do not exist, or are not as they were recorded."""
        ledger = Ledger(Store(), OUTPUT)
        lost = []
        for asset in ASSETS:
            for sample in self.samples:
                record = ledger.read(ResultKey(asset, sample))
                if record is None or ledger.check_files(record).damage:
                    lost.append(f"{asset} of {sample}")
        return lost

    def attempts(self) -> tuple[int, int]:
        """The number of jobs, and of their attempts."""
        jobs = [job for job in self.simulator.job_details() if "size" not in job.get("arrayProperties", {})]
        return len(jobs), sum(max(1, len(job.get("attempts", ()))) for job in jobs)

    def line(self) -> str:
        """The state after the last wave."""
        held = self.held[-1]
        jobs, attempts = self.attempts()
        return (
            f"{len(self.samples)} samples, {jobs} jobs, {attempts - jobs} retried, {self.failed_runs} runs failed; "
            f"{held.memory_mib:.0f} MiB, {held.threads} threads, {held.descriptors} descriptors"
        )

    def grown(self) -> list[str]:
        """What the process holds much more of than after the first waves."""
        if len(self.held) <= SETTLED:
            return []
        first, last = self.held[SETTLED], self.held[-1]
        return [name for name in Held.__slots__ if getattr(last, name) > MAX_GROWTH * getattr(first, name)]

    def _run(self, sheet: Path, names: Sequence[str]) -> int:
        assert self.host.stdin is not None
        assert self.host.stdout is not None
        selected = [word for asset in ASSETS for word in ("--select", asset)]
        shared = [word for asset in ("*reference_index", "known_sites") for word in ("--select", asset)]
        samples = [word for name in names for word in ("--samples", name)]
        arguments = [
            *("run", "--samples-file", str(sheet), "--output-path", OUTPUT, "--json"),
            *shared_options(BUCKET),
            *("--backend", "batch", "--queue", "default", "--image", IMAGE, *samples, *selected, *shared),
        ]
        self.host.stdin.write(json.dumps(arguments) + "\n")
        self.host.stdin.flush()
        return int(self.host.stdout.readline())


def be_host() -> None:
    """Run the command lines that come on standard input, and print their exit codes."""
    from typer.testing import CliRunner  # noqa: PLC0415 - in the process of the host only

    from bioinfo_assets.cli.main import app  # noqa: PLC0415 - as above

    for line in sys.stdin:
        result = CliRunner().invoke(app, json.loads(line))
        if result.exit_code not in {0, 1, 2} or (result.exception and not isinstance(result.exception, SystemExit)):
            sys.stderr.write(f"{result.exception!r}\n{result.output}\n")
        elif result.exit_code:
            sys.stderr.write(f"{result.output[-2000:]}\n")
        print(result.exit_code, flush=True)


@contextmanager
def opened_soak(folder: Path, seed: int) -> Iterator[Soak]:
    """Start S3, Batch, and the host."""
    templates = compute_templates(folder / "templates", COMMAND)
    with _s3(folder) as url:
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        upload_shared(templates.data, BUCKET)
        write_tool_list(OUTPUT, IMAGE)
        weather = Weather(Random(seed), S3_RATE)  # noqa: S311 - reproducible, and not for cryptography
        player = CountingPlayer(url, templates)
        with (
            proxied(url, weather) as proxy,
            BatchSimulator(folder / "machines", machine_environment={}, max_running=1000, play=player) as simulator,
        ):
            simulator.inject(*job_faults(seed), *api_faults(seed))
            environment = {
                **os.environ,
                "AWS_ENDPOINT_URL": proxy,
                "AWS_ENDPOINT_URL_BATCH": simulator.url,
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": simulator.url,
                "DAGSTER_HOME": str(folder / "home"),
                "BIOINFO_ASSETS_BATCH__POLL_INTERVAL_S": "0.5",
                "BIOINFO_ASSETS_BATCH__SCRATCH_VOLUME": "",
            }
            (folder / "home").mkdir()
            with _host(folder, environment) as host:
                yield Soak(folder, simulator, host, player)


@contextmanager
def _host(folder: Path, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    with (folder / "host.log").open("w") as log:
        host = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak", "host"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield host
        finally:
            host.kill()
            host.wait()


@contextmanager
def _s3(folder: Path) -> Iterator[str]:
    """Start S3 in a process of its own; this process uses it without faults."""
    program = (sys.executable, "-m", "bioinfo_assets_tests.moto_server", "0")
    with (folder / "s3.log").open("w") as log:
        server = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    os.environ.update(
        AWS_ENDPOINT_URL=url,
        AWS_ACCESS_KEY_ID="someone",
        AWS_SECRET_ACCESS_KEY="secret",  # noqa: S106 - of moto
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )
    try:
        yield url
    finally:
        server.kill()
        server.wait()


def main(seconds: float, seed: int) -> int:
    """Work for so many seconds; returns the exit code."""
    began = time.monotonic()
    report = partial(print, flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as name, opened_soak(Path(name), seed) as soak:
        while time.monotonic() - began < seconds:
            soak.run_wave()
            report(f"{time.monotonic() - began:6.0f} s  {soak.line()}")
        lost, grown = soak.lost(), soak.grown()
        report(
            f"seed {seed}: {len(soak.samples) * len(ASSETS)} results done, {len(lost)} lost, "
            f"{len(soak.player.twice)} computed twice; grown: {', '.join(grown) or 'nothing'}"
        )
        for text in (*lost, *soak.player.twice):
            report(text)
        if lost or soak.player.twice or grown:
            report((Path(name) / "host.log").read_text()[-4000:])
    return 1 if lost or soak.player.twice or grown else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["host"]:
        be_host()
    else:
        given = dict(enumerate(sys.argv[1:]))
        sys.exit(main(float(given.get(0, "3600")), int(given.get(1, "1"))))
