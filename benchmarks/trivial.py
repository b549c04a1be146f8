"""Run trivial steps under one executor in a separate process: `python -m benchmarks.trivial EXECUTOR STEPS FOLDER`.

Prints a line of JSON for each run, the first of one step: its wall-clock and CPU time, without the start of this
process.
"""

import json
import resource
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.job import Job, Output
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.transfer import HELD_BY_PROCESS, publish
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.storage.store import Store

ALL: Final = "all_steps"


def job_of(name: str, folder: Path) -> Job:
    """A job that writes its name into a file."""
    output = Output("text", "name.txt", str(folder / "output" / REFERENCES / f"{name}.txt"))
    return Job(key=ResultKey(name, REFERENCES), version="1", script=f"echo {name} > name.txt", outputs=(output,))


def run_job(job: Job, folder: Path) -> None:
    """Run a job as an asset of plain Dagster would: by a backend in its own process."""
    with closing(LocalBackend(folder / "scratch", Store())) as backend:
        job_id = backend.submit(job).job_id
        while not (status := backend.poll([job_id])[job_id]).state.is_over:
            time.sleep(0.01)
        if status.report is None or not status.report.files:
            raise RuntimeError(status.reason)
        publish(Store(), job, status.report, HELD_BY_PROCESS)
        backend.discard(job_id)


def without_dagster(steps: int, folder: Path) -> None:
    """Run the same jobs without an orchestrator, all submitted to one backend at once."""
    jobs = [job_of(name, folder) for name in names(steps)]
    with closing(LocalBackend(folder / "scratch", Store())) as backend:
        job_ids = [backend.submit(job).job_id for job in jobs]
        while not all(status.state.is_over for status in backend.poll(job_ids).values()):
            time.sleep(0.01)
        for job, job_id in zip(jobs, job_ids, strict=True):
            status = backend.poll([job_id])[job_id]
            if status.report is None or not status.report.files:
                raise RuntimeError(status.reason)
            publish(Store(), job, status.report, HELD_BY_PROCESS)


def our_assets(steps: int, folder: Path) -> dg.Definitions:
    """Assets of this project, with launcher, records and fingerprints."""

    def asset(name: str) -> dg.AssetsDefinition:
        def body(context: dg.AssetExecutionContext, launcher: JobLauncher) -> StepEvents:
            yield from launcher.materialize(context, {name: JobBuilder(lambda *_: job_of(name, folder))})

        return dg.multi_asset(name=name, specs=[dg.AssetSpec(name, group_name="trivial", skippable=True)])(body)

    output = str(folder / "output")
    return dg.Definitions(
        assets=[asset(name) for name in names(steps)],
        jobs=[dg.define_asset_job(ALL)],
        executor=one_process_executor,
        resources={"launcher": job_launcher(output, BackendConfig())},
    )


def plain_assets(steps: int, folder: Path) -> dg.Definitions:
    """Assets of plain Dagster, which run the same jobs without records and fingerprints."""

    def asset(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def body() -> dg.MaterializeResult[None]:
            run_job(job_of(name, folder), folder)
            return dg.MaterializeResult()

        return body

    return dg.Definitions(assets=[asset(name) for name in names(steps)], jobs=[dg.define_asset_job(ALL)])


def names(steps: int) -> list[str]:
    """The steps' names."""
    return [f"step_{number}" for number in range(steps)]


def load_job(executor: str, steps: int, folder: str) -> dg.JobDefinition:
    """Load the run's job, in each process of Dagster."""
    assets = our_assets if executor == "one_process" else plain_assets
    return assets(steps, Path(folder)).resolve_job_def(ALL)


def with_dagster(executor: str, steps: int, folder: Path, instance: dg.DagsterInstance) -> None:
    """Run all steps in one run."""
    values = {"executor": executor, "steps": steps, "folder": str(folder)}
    job = dg.build_reconstructable_job("benchmarks.trivial", load_job.__name__, reconstructable_kwargs=values)
    config: dict[str, object] = {"execution": {"config": {executor: {}}}}
    with dg.execute_job(job, instance, run_config=None if executor == "one_process" else config) as result:
        if not result.success:
            raise RuntimeError("the run failed")


def main(executor: str, steps: int, folder: Path) -> None:
    """Run one step to create databases and load code, then all steps, and again if results can be reused."""
    runs = [(1, folder / "first"), (steps, folder)]
    if executor == "one_process":
        runs.append((steps, folder))
    (folder / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "home")) as instance:
        for count, run_folder in runs:
            started, cpu = time.monotonic(), _cpu_s()
            if executor == "no Dagster":
                without_dagster(count, run_folder)
            else:
                with_dagster(executor, count, run_folder, instance)
            times = {"wall_s": time.monotonic() - started, "cpu_s": _cpu_s() - cpu}
            if len(list((run_folder / "output" / "cohort").glob("step_*.txt"))) != count:
                raise RuntimeError(f"{executor} did not write all of {count} results")
            print(json.dumps(times), flush=True)


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
