"""A cohort on AWS Batch, larger than a machine could compute: jobs are played, everything else is real.

The command line runs in a process of its own, against the simulator of Batch and a server of S3. The simulator plays
each job: it fetches the package as a container would, and uploads outputs and report.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import boto3
import dagster as dg
import psutil
from rich.table import Table

from benchmarks.cohort_backfill import backfill_all
from benchmarks.host_usage import HostUsage
from benchmarks.played_jobs import Player, Templates
from benchmarks.s3_server import S3Server, start_s3
from benchmarks.tiny_cohort import shared_options, upload_samples, upload_shared, write_tool_list
from bioinfo_assets.pipeline.graph import PER_SAMPLE
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.simulator.played import Play

IMAGE: Final = "tools:1"
COMMAND: Final = str(Path(sys.executable).parent / "bioinfo-assets")
"""The command line of this environment."""


@dataclass(frozen=True, slots=True)
class CohortFigures:
    """What a cohort cost the host.

    Attributes:
        samples: Their number.
        runs: How many such cohorts, each a project of its own, were run side by side in one account.
        start: How they were started.
        results: What was computed; a job may compute several.
        jobs: Jobs that were run.
        wall_s: Of the whole command.
        cpu_s: Of the processes that execute runs.
        peak_mib: Resident memory of the largest of them.
        batch_calls: Calls of AWS Batch, by action.
        s3_calls: Calls of S3 by the host.
        first_s: Seconds from the start of the first command to its first final alignment; NaN of a backfill.
        latency_s: Seconds from the end of a job to the materialization of its result, the median.
        status_s: Wall time of `status` when everything is computed.
        status_s3_calls: Its calls of S3.
        load: Of the machine at the end, over one minute.
    """

    samples: int
    runs: int
    start: str
    results: int
    jobs: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    batch_calls: Mapping[str, int]
    s3_calls: int
    first_s: float
    latency_s: float
    status_s: float
    status_s3_calls: int
    load: float

    @property
    def batch_calls_per_100_results(self) -> float:
        """Calls of AWS Batch for 100 results, without those of logs."""
        return 100 * sum(self.batch_calls.values()) / self.results


@contextmanager
def services(
    folder: Path, s3: S3Server, play: Play | None, machines: Mapping[str, str], requests_per_s: float | None = None
) -> Iterator[tuple[BatchSimulator, dict[str, str]]]:
    """A bucket, and AWS Batch in this process.

    Args:
        folder: For what jobs leave.
        s3: A server.
        play: Plays jobs; None: they are processes here, two at a time.
        machines: Variables of jobs that are processes.
        requests_per_s: Calls of Batch that the account may make in a second; None: any number.

    Yields:
        The simulator, and the variables of a host that uses both.
    """
    os.environ.update(s3.environment)
    boto3.client("s3").create_bucket(Bucket="cohort")
    with BatchSimulator(
        folder / "machines",
        machine_environment={**s3.environment, **machines},
        max_running=2 if play is None else 100_000,
        requests_per_s=requests_per_s,
        play=play,
    ) as simulator:
        yield (
            simulator,
            {
                **os.environ,
                "AWS_ENDPOINT_URL_BATCH": simulator.url,
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": simulator.url,
            },
        )


def measure(
    folder: Path,
    samples: int,
    templates: Templates,
    requests_per_s: float | None = None,
    *,
    by_backfill: bool = False,
    runs: int = 1,
    versitygw: Path | None = None,
) -> CohortFigures:
    """Run a cohort of so many samples.

    Args:
        folder: A new folder.
        samples: Their number.
        templates: What jobs leave.
        requests_per_s: Calls of Batch that the account may make in a second; None: any number.
        by_backfill: Started in Dagit, as a backfill over all samples; otherwise by the command line.
        runs: How many such cohorts are run side by side by the command line; a backfill is one.
        versitygw: The program of that server of S3; None: moto's server.
    """
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        s3 = stack.enter_context(start_s3(folder, versitygw))
        player = Player(s3.url, templates)
        simulator, environment = stack.enter_context(services(folder, s3, player, {}, requests_per_s))
        upload_shared(templates.data, "cohort")
        sheet = upload_samples(folder, "cohort", (f"sample{number:05d}" for number in range(samples)))
        projects = [
            Project(f"s3://cohort/run{number}", folder / f"home{number}", environment) for number in range(runs)
        ]
        for project in projects:
            write_tool_list(project.output, IMAGE)
        if by_backfill:
            shared = ("--select", "*reference_index", "--select", "known_sites")
            subprocess.run(
                [*projects[0].command(sheet), *shared], env=projects[0].environment, check=True, capture_output=True
            )
        used_before = len(simulator.requests), s3.count_calls(), player.calls.total()
        used = HostUsage()
        began = time.monotonic()
        if by_backfill:
            results = backfill_all(projects[0].output, projects[0].environment, used)
            first_s = math.nan
        else:
            with ThreadPoolExecutor(runs) as pool:
                results = sum(pool.map(lambda project: project.run(sheet, used), projects))
            first_s = projects[0].first_final_alignment_s()
        wall_s = time.monotonic() - began
        calls = Counter(request.action for request in list(simulator.requests)[used_before[0] :])
        own_calls = s3.count_calls() - used_before[1] - (player.calls.total() - used_before[2])
        status_s, status_s3_calls = projects[0].measure_status(s3)
        return CohortFigures(
            samples=samples,
            runs=runs,
            start="backfill" if by_backfill else "command line",
            results=results,
            jobs=sum("size" not in job.get("arrayProperties", {}) for job in simulator.job_details()),
            wall_s=wall_s,
            cpu_s=used.cpu_s,
            peak_mib=used.peak_mib,
            batch_calls={action: count for action, count in calls.items() if action != "GetLogEvents"},
            s3_calls=own_calls,
            first_s=first_s,
            latency_s=median(latency for project in projects for latency in project.latencies_s()),
            status_s=status_s,
            status_s3_calls=status_s3_calls,
            load=psutil.getloadavg()[0],
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A project on the simulator.

    Attributes:
        output: Its output path.
        home: Its folder of Dagster, also for the output of its command.
        services: Variables of a host that uses the simulator.
    """

    output: str
    home: Path
    services: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its commands."""
        return {
            **self.services,
            "DAGSTER_HOME": str(self.home),
            "BIOINFO_ASSETS_BATCH__POLL_INTERVAL_S": "5",
            "BIOINFO_ASSETS_BATCH__SCRATCH_VOLUME": "",
        }

    def command(self, sheet: Path) -> list[str]:
        """The command that runs the whole pipeline."""
        return [
            *(COMMAND, "run", "--samples-file", str(sheet), "--output-path", self.output),
            *shared_options("cohort"),
            *("--backend", "batch", "--queue", "default", "--image", IMAGE, "--json"),
        ]

    def run(self, sheet: Path, used: HostUsage) -> int:
        """Run the whole pipeline; return the number of results."""
        self.home.mkdir()
        with self._file("json").open("w") as out, self._file("log").open("w") as log:
            host = subprocess.Popen(self.command(sheet), env=self.environment, stdout=out, stderr=log)
            with used.watch(host.pid):
                code = host.wait()
        if code:
            raise RuntimeError(f"the run failed: see {self._file('log')} and {self._file('json')}")
        return sum(row["done"] for row in json.loads(self._file("json").read_bytes())["jobs"].values())

    def measure_status(self, s3: S3Server) -> tuple[float, int]:
        """Seconds that `status` takes, and its calls of S3."""
        calls, began = s3.count_calls(), time.monotonic()
        command = [COMMAND, "status", "--output-path", self.output, "--json"]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began, s3.count_calls() - calls

    def latencies_s(self) -> Iterator[float]:
        """Seconds from the end of a job to the materialization of its result in Dagster's event log.

        Of the last thousand materializations of each asset: each takes a read of S3.
        """
        ledger = Ledger(Store(), self.output)
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            for asset in PER_SAMPLE:
                for event in instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records:
                    record = ledger.read(ResultKey(asset, event.partition_key or ""))
                    if record is not None:
                        yield event.timestamp - record.finished.timestamp()

    def first_final_alignment_s(self) -> float:
        """Seconds from the start of the command to its first final alignment."""
        lines = self._file("log").read_text().splitlines()
        return min(float(line.split()[0]) for line in lines if " recalibrated_bam " in line and line.endswith("DONE"))

    def _file(self, kind: str) -> Path:
        return self.home.with_suffix(f".{kind}")


def table(measured: Sequence[CohortFigures]) -> Table:
    """The figures as a table."""
    shown = Table(title="Cohorts on the simulator of AWS Batch, jobs played")
    for column in (
        *("samples", "runs", "started by", "results", "jobs", "wall s", "first final BAM, s"),
        *("job's end to event, median s", "host's CPU ms a result", "peak MiB"),
        *("Batch calls for 100 results", "of these SubmitJob", "S3 calls a result"),
        *("status, s", "its S3 calls", "load"),
    ):
        shown.add_column(column, justify="right")
    for figures in measured:
        shown.add_row(
            f"{figures.samples:,}",
            str(figures.runs),
            figures.start,
            f"{figures.results:,}",
            f"{figures.jobs:,}",
            f"{figures.wall_s:,.0f}",
            f"{figures.first_s:,.0f}",
            f"{figures.latency_s:.1f}",
            f"{1000 * figures.cpu_s / figures.results:.0f}",
            f"{figures.peak_mib:,.0f}",
            f"{figures.batch_calls_per_100_results:.1f}",
            f"{100 * figures.batch_calls.get('SubmitJob', 0) / figures.results:.1f}",
            f"{figures.s3_calls / figures.results:.1f}",
            f"{figures.status_s:.1f}",
            f"{figures.status_s3_calls:,}",
            f"{figures.load:.1f}",
        )
    return shown
