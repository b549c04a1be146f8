"""The pipeline as a redun workflow: `redun run redun_workflow.py main --jobs jobs.json`.

It runs in redun's environment. The scripts are those of this project's steps, read from a file; the dependencies are
defined here in the style of redun, by tasks that call `script` on staged files.
"""
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return"

import json
from typing import Any

from redun import File, script, task

redun_namespace = "seed"

Job = dict[str, Any]
Results = dict[str, dict[str, File]]

# The functions of `launch/prologue.sh`, without the account of outputs, which redun has its own way to do.
PROLOGUE = """#!/usr/bin/env bash
set -euo pipefail
export JOB_CPUS=1 JOB_MEMORY_MIB=1024 TMPDIR=$PWD
fail() { echo "$@" >&2; exit 65; }
warn() { echo "$@" >&2; }
fact() { echo "$@"; }
"""


def run_script(job: Job, files: dict[str, File]) -> Any:  # noqa: ANN401 - an expression of redun, which has no type
    """Run a job's script in a temporary folder, with its inputs copied there and its outputs copied back."""
    return script(
        PROLOGUE + job["script"],
        tempdir=True,
        inputs=[file.stage(local) for local, file in files.items()],
        outputs={key: File(path).stage(path.rpartition("/")[2]) for key, path in job["outputs"].items()},
    )


@task(version="1")
def download_reference(job: Job, files: dict[str, File]) -> dict[str, File]:
    """The genome as plain FASTA."""
    return run_script(job, files)


@task(version="1")
def index_reference(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Its index for the aligner, for samtools and for GATK."""
    return run_script(job, files)


@task(version="1")
def download_known_sites(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Known sites with their indexes."""
    return run_script(job, files)


@task(version="1")
def merge_fastqs(job: Job, files: dict[str, File]) -> dict[str, File]:
    """A sample's lanes in one pair of files."""
    return run_script(job, files)


@task(version="1")
def cut_adapters(job: Job, files: dict[str, File]) -> dict[str, File]:
    """The reads without adapters."""
    return run_script(job, files)


@task(version="1")
def run_bwa(job: Job, files: dict[str, File]) -> dict[str, File]:
    """The reads aligned."""
    return run_script(job, files)


@task(version="1")
def mark_duplicates(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Duplicates marked, sorted, tagged."""
    return run_script(job, files)


@task(version="1")
def base_recalibration(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Base qualities recalibrated."""
    return run_script(job, files)


@task(version="1")
def collect_alignment_metrics(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Metrics of the alignment."""
    return run_script(job, files)


@task(version="1")
def collect_insert_metrics(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Metrics of insert sizes."""
    return run_script(job, files)


@task(version="1")
def collect_depth(job: Job, files: dict[str, File]) -> dict[str, File]:
    """Depth at each position."""
    return run_script(job, files)


@task(version="1")
def report(job: Job, files: dict[str, File]) -> dict[str, File]:
    """One report of all samples."""
    return run_script(job, files)


SHARED = {
    "reference_genome": download_reference,
    "reference_index": index_reference,
    "known_sites": download_known_sites,
}
PER_SAMPLE = {
    "merged_reads": merge_fastqs,
    "trimmed_reads": cut_adapters,
    "aligned_bam": run_bwa,
    "marked_bam": mark_duplicates,
    "recalibrated_bam": base_recalibration,
    "alignment_metrics": collect_alignment_metrics,
    "insert_size_metrics": collect_insert_metrics,
    "depth": collect_depth,
}


def inputs_of(job: Job, results: Results) -> dict[str, File]:
    """A job's input files by local name: results of other tasks, or external files."""
    return {
        item["local"]: results[item["step"]][item["key"]] if "step" in item else File(item["path"])
        for item in job["inputs"]
    }


@task(version="1")
def align_sample(jobs: dict[str, Job], shared: Results) -> Results:
    """All steps of one sample."""
    results = dict(shared)
    for step, task_of_step in PER_SAMPLE.items():
        results[step] = task_of_step(jobs[step], inputs_of(jobs[step], results))
    return {step: results[step] for step in PER_SAMPLE}


@task(version="1")
def align_samples(samples: dict[str, dict[str, Job]], shared: Results) -> dict[str, Results]:
    """All samples."""
    return {name: align_sample(jobs, shared) for name, jobs in samples.items()}


@task(version="1")
def report_samples(job: Job, samples: dict[str, Results]) -> dict[str, File]:
    """The report of all samples."""
    files = {item["local"]: samples[item["scope"]][item["step"]][item["key"]] for item in job["inputs"]}
    return report(job, files)


@task(version="1")
def main(jobs: File) -> dict[str, Any]:
    """The complete pipeline."""
    plan = json.loads(jobs.read())
    shared: Results = {}
    for step, task_of_step in SHARED.items():
        shared[step] = task_of_step(plan["shared"][step], inputs_of(plan["shared"][step], shared))
    samples = align_samples(plan["samples"], shared)
    return {"samples": samples, "report": report_samples(plan["report"], samples)}
