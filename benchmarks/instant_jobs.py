"""The whole graph for many samples, with jobs that take no time: what is left is the host's own cost.

`python -m benchmarks.instant_jobs SAMPLES FOLDER [POSTGRES_URL]` runs a cohort twice in this process and prints a line
of JSON for each run. Records, files and Dagster's events are real; jobs are played by a fake backend. The second run
finds everything up to date, and still reports each result to Dagster.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import dagster as dg
import psutil
from rich.table import Table

import bioinfo_assets.definitions
from bioinfo_assets.launch.backend import IsPublished, Submission, never_published
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run_iterator
from bioinfo_assets.orchestration.partitions import add_samples, range_tags
from bioinfo_assets.orchestration.sqlite_storage import open_fast
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets.settings import home_of, save
from bioinfo_assets_tests.pipeline.fake_project import FakeTools, open_fake_project

JOB: Final = "align_samples"


@dataclass(frozen=True, slots=True)
class InstantRun:
    """What a run cost its host.

    Attributes:
        samples: Their number.
        jobs: Results, each with a materialization.
        plan_s: CPU seconds in which Dagster created the run, with an event for each planned result.
        wall_s: Seconds of the run itself.
        cpu_s: CPU seconds of the run itself.
        peak_mib: Largest resident memory of the process so far.
        load: Of the machine at the end, over one minute.
        run_id: Of the run in Dagster.
    """

    samples: int
    jobs: int
    plan_s: float
    wall_s: float
    cpu_s: float
    peak_mib: float
    load: float
    run_id: str

    @property
    def ms_per_job(self) -> float:
        """CPU milliseconds of the run for each result."""
        return 1000 * self.cpu_s / self.jobs


def measure(folder: Path, samples: int, postgres: str = "") -> tuple[InstantRun, InstantRun]:
    """Run a cohort twice in a process of its own: the first run and the rerun."""
    arguments = [sys.executable, "-m", "benchmarks.instant_jobs", str(samples), str(folder), *filter(None, [postgres])]
    lines = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.splitlines()
    first, rerun = (InstantRun(**json.loads(line)) for line in lines)
    return first, rerun


def table(runs: Sequence[tuple[str, InstantRun]]) -> Table:
    """The figures as a table."""
    shown = Table(title="Jobs that take no time: the host's own cost")
    columns = ("run", "samples", "results", "plan, CPU s", "wall s", "CPU s", "CPU ms a result", "peak MiB", "load")
    for column in columns:
        shown.add_column(column, justify="left" if column == "run" else "right")
    for name, run in runs:
        figures = (run.plan_s, run.wall_s, run.cpu_s, run.ms_per_job)
        shown.add_row(
            name,
            f"{run.samples:,}",
            f"{run.jobs:,}",
            *(f"{figure:.1f}" for figure in figures),
            f"{run.peak_mib:,.0f}",
            f"{run.load:.1f}",
        )
    return shown


class _Instant(FakeTools):
    """A fake backend that does not keep the jobs, whose scripts would count as the host's memory."""

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        submission = super().submit(job, fingerprint, is_published, followers)
        self.submitted.clear()
        return submission


@contextlib.contextmanager
def _instance(home: Path, postgres: str) -> Iterator[dg.DagsterInstance]:
    home.mkdir(parents=True)
    storage = f"storage:\n  postgres:\n    postgres_url: {postgres}\n" if postgres else ""
    text = f"telemetry:\n  enabled: false\npython_logs:\n  python_log_level: ERROR\n{storage}"
    (home / "dagster.yaml").write_text(text)
    with open_fast(home) as instance:
        yield instance


def _run_twice(folder: Path, samples: int, postgres: str) -> Iterator[InstantRun]:
    names = [f"sample{number:05d}" for number in range(samples)]
    fake = open_fake_project(folder, *names)
    with (
        patch("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: _Instant(folder / "scratch", {})),
        patch("bioinfo_assets.assets.metrics_metadata.GRAPH", {}),  # fake files have no metrics
        patch.object(bioinfo_assets.definitions, "code_versions", lambda _: dict.fromkeys(ASSETS, "1")),
        _instance(Path(home_of(fake.project.settings.output_path)), postgres) as instance,
    ):
        save(fake.project.settings, home_of(fake.project.settings.output_path))
        add_samples(instance, names)
        job = bioinfo_assets.definitions.build_definitions(fake.project.settings).resolve_job_def(JOB)
        for _ in range(2):
            yield _run(instance, job, names)


def _run(instance: dg.DagsterInstance, job: dg.JobDefinition, names: Sequence[str]) -> InstantRun:
    began = time.process_time()
    run = instance.create_run_for_job(job_def=job, tags=range_tags(names[0], names[-1]))
    planned, started = time.process_time(), time.monotonic()
    jobs = 0
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        if event.is_failure:
            raise RuntimeError(event.message)
        jobs += event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION
    return InstantRun(
        samples=len(names),
        jobs=jobs,
        plan_s=planned - began,
        wall_s=time.monotonic() - started,
        cpu_s=time.process_time() - planned,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        load=psutil.getloadavg()[0],
        run_id=run.run_id,
    )


if __name__ == "__main__":
    where = Path(sys.argv[2])
    where.mkdir(parents=True, exist_ok=True)
    with Path(os.devnull).open("w") as null, contextlib.redirect_stderr(null):
        for figures in _run_twice(where, int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else ""):
            print(json.dumps(asdict(figures)), flush=True)
