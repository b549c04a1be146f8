"""A run of the pipeline: check, save settings and samples, run jobs, and return the outcome."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.application.dagster_sync_marker import clear_marker, is_synced, write_marker
from bioinfo_assets.application.plan import Plan, all_reusable
from bioinfo_assets.application.preflight import check_inputs
from bioinfo_assets.application.run_logs import create_log
from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate
from bioinfo_assets.pipeline.dry_run import PlannedResult
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import save_samples
from bioinfo_assets.result_key import COHORT, REFERENCES, SHARED_SCOPES, ResultKey
from bioinfo_assets.settings import save
from bioinfo_assets.storage.atomic import translate_disk_errors

ProgressView = Callable[[RunProgress], AbstractContextManager[object]]
"""Opens a view of a run's progress, which stays open while jobs run."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        plan: What was to be computed.
        progress: The final states of its jobs.
        run_id: The run in Dagster; None if there was nothing to do.
        success: Whether all jobs succeeded.
        seconds: Wall-clock time, including the checks.
        log: Dagster's log; None if there was nothing to do.
    """

    plan: Plan
    progress: RunProgress
    run_id: str | None
    success: bool
    seconds: float
    log: Path | None

    def files(self, max_samples: int | None = None) -> tuple[dict[str, dict[str, list[str]]], str]:
        """Return the result files to show, by scope and asset, and why they are not shown if they cannot be read.

        Args:
            max_samples: Those of so many samples at most; None for all.
        """
        ledger = self.plan.project.ledger
        scopes = (*self.plan.names[:max_samples], REFERENCES, COHORT)
        try:
            found = map_reads(ledger, lambda scope: result_files(ledger, scope, self.plan.assets), scopes)
            return dict(zip(scopes, found, strict=True)), ""
        except BioinfoAssetsError as error:  # S3 may be away by now: what the run did is reported all the same
            return {scope: {} for scope in scopes}, f"the files of the results cannot be listed: {error}"

    def to_json(self) -> dict[str, object]:
        """Return the JSON document of `run --json`."""
        files, problem = self.files()
        warnings = {**self.progress.warnings, **({problem: len(self.plan.result_keys())} if problem else {})}
        return {
            "success": self.success,
            "seconds": round(self.seconds, 1),
            "output_path": self.plan.project.settings.output_path,
            "home": str(self.plan.home),
            "log": str(self.log) if self.log else None,
            "runs": [self.run_id] if self.run_id else [],
            "jobs": self.progress.counts(),
            "failures": [
                {"asset": failure.asset, "sample": failure.sample, "reason": failure.reason}
                for failure in self.progress.failures
            ],
            "warnings": [{"reason": reason, "results": count} for reason, count in warnings.items()],
            "samples": {name: files[name] for name in self.plan.names},
            "reference": files[REFERENCES],
            "report": files[COHORT].get("multiqc_report", []),
        }


def prepare_run(plan: Plan) -> list[PlannedResult] | None:
    """Check what a plan's jobs would read, and save the project's settings and new samples.

    Returns:
        The plan's results if all of them are up to date and in Dagster's history, so that nothing has to run;
        otherwise None. Dagster itself is not imported.

    Raises:
        InputError: a file or a setting is wrong.
        ResourceError: a tool is missing, or the disk is full.
    """
    reusable = all_reusable(plan)
    if reusable is not None and not is_synced(plan, (item.record for item in reusable if item.record is not None)):
        reusable = None
    if reusable is None:
        check_inputs(plan)
    with translate_disk_errors(plan.home):
        save(plan.project.settings, plan.home)
    save_samples(plan.project.ledger, plan.new)
    return reusable


def run(plan: Plan, reusable: Sequence[PlannedResult] | None, show: ProgressView, started: float) -> RunOutcome:
    """Compute the results of a prepared plan.

    Args:
        plan: The plan.
        reusable: Its results if nothing has to run, as returned by `prepare_run`.
        show: Opens the view of the progress; not called if nothing has to run.
        started: When the checks began, by `time.monotonic`.

    Raises:
        KeyboardInterrupt: the user interrupted the run; its jobs have been ended.
        ResourceError: the disk of the project's home is full.
    """
    progress = RunProgress({asset: len(plan.keys_of(asset)) for asset in plan.assets})
    if reusable is not None:
        for result in reusable:
            progress.update(JobUpdate(result.key, JobState.CACHED))
        return RunOutcome(plan, progress, None, success=True, seconds=time.monotonic() - started, log=None)
    with translate_disk_errors(plan.home):
        log = create_log(plan.home, "run")
        clear_marker(plan)
        with show(progress), log.open("w", encoding="utf-8") as file, redirect_stderr(file):
            from bioinfo_assets.application.dagster_runs import run_plan  # noqa: PLC0415 - Dagster takes seconds to import

            try:
                dagster_run = run_plan(plan, progress)
            finally:
                progress.end()
        success = (dagster_run is None or dagster_run.success) and not progress.failures
        if success:
            write_marker(plan, progress.data_versions)
    run_id = dagster_run.run_id if dagster_run is not None else None
    return RunOutcome(plan, progress, run_id, success, time.monotonic() - started, log)


def result_files(ledger: Ledger, scope: str, assets: Sequence[str]) -> dict[str, list[str]]:
    """Return the files to show of a scope, by asset: final results, or intermediates if only those were selected."""
    specs = [GRAPH[asset] for asset in assets]
    has_final = any(spec.final_files for spec in specs)
    represented = {spec.stands_in_for for spec in specs}
    files: dict[str, list[str]] = {}
    for spec in specs:
        if spec.name in represented:
            continue
        keys = spec.final_files if has_final else spec.intermediate_files
        if keys and (spec.scope == scope or (spec.scope is None and scope not in SHARED_SCOPES)):
            record = ledger.read(ResultKey(spec.name, scope))
            if record is not None:
                outputs = {file.key: file.uri for file in record.kept_outputs}
                files[spec.name] = [outputs[key] for key in keys if key in outputs]
    return files
