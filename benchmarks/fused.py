"""One job a step against fused jobs: what moves, how long it takes, and how many calls it takes.

Four ways: no step joined; those that need the same machine, as by default; all steps of a sample in one job; and the
same without publishing intermediates. Two simulated samples go through the pipeline on the simulator of AWS Batch, with
the real driver and the real tools as processes of this machine, and moto's S3.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from benchmarks.cohort import COMMAND, IMAGE, services
from benchmarks.s3_server import start_s3
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.pipeline.graph import SHARED
from bioinfo_assets.storage.store import Store

TOOLS: Final = ("bwa", "samtools", "picard", "bgzip", "tabix", "cutadapt", "gatk", "Rscript", "mosdepth", "multiqc")
WAYS: Final = (
    ("one job a step", "false", "keep"),
    ("default", "", "keep"),
    ("one job a sample", "true", "keep"),
    ("one job a sample, intermediates not published", "true", "never"),
)
INTERMEDIATES: Final = ("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam")


@dataclass(frozen=True, slots=True)
class FusedFigures:
    """What a run took.

    Attributes:
        name: How steps were joined.
        wall_s: Seconds of the run.
        batch_jobs: Jobs that AWS Batch ran.
        fetched_mb: Megabytes that jobs fetched.
        uploaded_mb: Megabytes that jobs uploaded.
        batch_calls: Calls of AWS Batch by the host, without those of logs.
        vcpu_seconds: CPUs times the seconds for which jobs had them.
    """

    name: str
    wall_s: float
    batch_jobs: int
    fetched_mb: float
    uploaded_mb: float
    batch_calls: int
    vcpu_seconds: float

    @property
    def moved_mb(self) -> float:
        """Megabytes that jobs moved."""
        return self.fetched_mb + self.uploaded_mb


def measure(folder: Path) -> Sequence[FusedFigures]:
    """Run the pipeline in each of the ways."""
    small = folder / "small"
    subprocess.run([COMMAND, "demo", "--output-path", str(small)], check=True, stdout=subprocess.DEVNULL)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    listed = "".join(f"{tool}\t{version}\n" for tool, version in tool_versions(TOOLS, path).items())
    (folder / "tools.tsv").write_text(listed)
    machines = {"PATH": path, "BIOINFO_ASSETS_TOOLS": str(folder / "tools.tsv"), "HOME": str(folder)}
    found = []
    with start_s3(folder) as s3, services(folder, s3, None, machines) as (simulator, environment):
        sheet = _upload(folder, small / "data")
        for number, (name, fuse, retention) in enumerate(WAYS):
            output = f"s3://cohort/{number}"
            Store().write_bytes(ScratchPaths(f"{output}/.scratch").tool_list(IMAGE), listed.encode())
            settings = {
                "DAGSTER_HOME": str(folder / str(number)),
                "BIOINFO_ASSETS_BATCH__POLL_INTERVAL_S": "1",
                "BIOINFO_ASSETS_BATCH__SCRATCH_VOLUME": "",
                **({"BIOINFO_ASSETS_JOBS__FUSE": fuse} if fuse else {}),
                **{f"BIOINFO_ASSETS_RETENTION__{asset.upper()}": retention for asset in INTERMEDIATES},
            }
            command = [
                *(COMMAND, "run", "--samples-file", str(sheet), "--output-path", output, "--json"),
                *("--reference", "s3://cohort/data/genome.fa.gz", "--known-sites", "s3://cohort/data/known.vcf.gz"),
                *("--backend", "batch", "--queue", "default", "--image", IMAGE),
            ]
            shared = [word for asset in SHARED for word in ("--select", asset)]
            _run([*command, *shared], {**environment, **settings})  # a sample waits for it in the first run only
            before, jobs = len(simulator.requests), len(simulator.job_details())
            variables = {**environment, **settings}
            run = json.loads(_run(command, variables))
            usage = json.loads(_run([COMMAND, "report", "--output-path", output, "--json", "--no-page"], variables))
            calls = Counter(request.action for request in simulator.requests[before:])
            found.append(
                FusedFigures(
                    name=name,
                    wall_s=float(run["seconds"]),
                    batch_jobs=len(simulator.job_details()) - jobs,
                    fetched_mb=_sum(usage, "fetched_bytes") / 1e6,
                    uploaded_mb=_sum(usage, "uploaded_bytes") / 1e6,
                    vcpu_seconds=3600 * _sum(usage, "vcpu_hours"),
                    batch_calls=sum(calls.values()) - calls["GetLogEvents"],
                )
            )
    return found


def _sum(usage: Mapping[str, Any], figure: str) -> float:
    """The sum of a figure over the results of samples; those that samples share are made before."""
    return sum(own[figure] or 0 for own in usage["samples"])


def _run(command: Sequence[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _upload(folder: Path, data: Path) -> Path:
    store = Store()
    store.put(data / "simulated.fa.gz", "s3://cohort/data/genome.fa.gz")
    store.put(data / "simulated.snps.vcf.gz", "s3://cohort/data/known.vcf.gz")
    folders = sorted((data / "samples").iterdir())
    for source in folders:
        for file in sorted(source.glob("*.fastq.gz")):
            store.put(file, f"s3://cohort/data/{source.name}/{file.name}")
    sheet = folder / "samples.txt"
    sheet.write_text("".join(f"s3://cohort/data/{source.name}\n" for source in folders))
    return sheet


def table(figures: Sequence[FusedFigures]) -> Table:
    """The figures, with ratios to one job a step."""
    shown = Table(title="One job a step against fused jobs")
    for column in ("jobs", "wall s", "Batch jobs", "fetched, MB", "uploaded, MB", "moved, MB", "vCPU s", "Batch calls"):
        shown.add_column(column, justify="left" if column == "jobs" else "right")
    first = figures[0]
    for item in figures:
        shown.add_row(
            item.name,
            f"{item.wall_s:.0f} ({item.wall_s / first.wall_s:.2f})",
            f"{item.batch_jobs} ({item.batch_jobs / first.batch_jobs:.2f})",
            f"{item.fetched_mb:.1f} ({item.fetched_mb / first.fetched_mb:.2f})",
            f"{item.uploaded_mb:.1f} ({item.uploaded_mb / first.uploaded_mb:.2f})",
            f"{item.moved_mb:.1f} ({item.moved_mb / first.moved_mb:.2f})",
            f"{item.vcpu_seconds:.0f} ({item.vcpu_seconds / first.vcpu_seconds:.2f})",
            f"{item.batch_calls} ({item.batch_calls / first.batch_calls:.2f})",
        )
    return shown
