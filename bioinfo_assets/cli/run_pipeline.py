"""Does what `run` and `demo` are for: checks, keeps settings and samples, runs the jobs, tells the outcome."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.live import Live

from bioinfo_assets.application.dagster_sync_marker import clear_marker, is_synced, write_marker
from bioinfo_assets.application.paths import own_command
from bioinfo_assets.application.planned_results import all_reusable
from bioinfo_assets.application.preflight import Plan, check, plan_of
from bioinfo_assets.application.request import Request, home_of, settings_of
from bioinfo_assets.application.result_files import result_files
from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.explain import explain
from bioinfo_assets.cli.job_status_table import status_table
from bioinfo_assets.cli.sighup import interrupt_on_sighup
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.pipeline.dry_run import PlannedResult
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import COHORT, REFERENCES
from bioinfo_assets.settings import save
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.file_lock import file_lock

MAX_SAMPLES_NAMED: Final = 20
"""Samples whose files are printed; the others' are in `--json` and beside them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request.

    Attributes:
        plan: What was to be done.
        board: How far it came.
        run_ids: The runs in Dagster.
        success: Whether all jobs succeeded.
        seconds: By the clock.
        log: Dagster's own log; None where there was nothing to do.
    """

    plan: Plan
    board: RunProgress
    run_ids: tuple[str, ...]
    success: bool
    seconds: float
    log: Path | None

    def files(self) -> dict[str, dict[str, list[str]]]:
        """The files to name, by scope and asset."""
        ledger = self.plan.project.ledger
        scopes = (*self.plan.names, REFERENCES, COHORT)
        return {scope: result_files(ledger, scope, self.plan.assets) for scope in scopes}

    def document(self) -> dict[str, object]:
        """All of it as JSON has it."""
        files = self.files()
        return {
            "success": self.success,
            "seconds": round(self.seconds, 1),
            "output_path": self.plan.project.settings.output_path,
            "home": str(self.plan.home),
            "log": str(self.log) if self.log else None,
            "runs": list(self.run_ids),
            "jobs": self.board.counts(),
            "failures": [
                {"asset": failure.asset, "sample": failure.sample, "reason": failure.reason}
                for failure in self.board.failures
            ],
            "samples": {name: files[name] for name in self.plan.names},
            "reference": files[REFERENCES],
            "report": files[COHORT].get("multiqc_report", []),
        }


def run_pipeline(request: Request) -> None:
    """Does what was asked, and tells it.

    Raises:
        BioinfoAssetsError: what was given is wrong; nothing was run.
        Exit: jobs failed.
    """
    began = time.monotonic()
    console = Console(file=sys.stderr if request.json else sys.stdout, highlight=False, markup=False, emoji=False)
    home = home_of(request.output_path)
    with interrupt_on_sighup():
        with console.status("looking at samples, reference, known sites and tools"):
            plan = plan_of(request, Project(settings_of(request, home)), home)
            if request.explain:
                explain(plan, console, as_json=request.json)
                return
            found = _found(plan)
            if found is None:
                check(plan)
            _keep(plan)
        outcome = _made(plan, console, began) if found is None else _unchanged(plan, found, began)
    if request.json:
        typer.echo(json.dumps(outcome.document(), indent=2))
    else:
        _tell(outcome, console)
    if not outcome.success:
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _found(plan: Plan) -> list[PlannedResult] | None:
    """All results of a plan, if none has to be made and Dagster knows of all; it is not asked, nor imported."""
    found = all_reusable(plan)
    if found is None or not is_synced(plan, (one.record for one in found if one.record is not None)):
        return None
    return found


def _keep(plan: Plan) -> None:
    """Keeps settings and samples."""
    with translate_disk_errors(plan.home):
        save(plan.project.settings, plan.home)
    for sample in plan.new:
        save_sample(plan.project.ledger, sample)


def _unchanged(plan: Plan, found: Sequence[PlannedResult], began: float) -> Outcome:
    """The outcome of a run that had nothing to do."""
    board = RunProgress({asset: len(plan.keys_of(asset)) for asset in plan.assets})
    for one in found:
        board.update(JobUpdate(one.key, JobState.CACHED))
    return Outcome(plan, board, (), success=True, seconds=time.monotonic() - began, log=None)


def _made(plan: Plan, console: Console, began: float) -> Outcome:
    """The outcome of a run by Dagster, whose own log is a file in the home."""
    logs = plan.home / "logs"
    with translate_disk_errors(plan.home):
        logs.mkdir(exist_ok=True)
    log = logs / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    with translate_disk_errors(plan.home), file_lock(log):
        clear_marker(plan)
        outcome = _run(plan, log, console, began)
        if outcome.success:
            write_marker(plan)
        return outcome


def _run(plan: Plan, log: Path, console: Console, began: float) -> Outcome:
    board = RunProgress({asset: len(plan.keys_of(asset)) for asset in plan.assets})
    with _progress(board, console, began), log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        from bioinfo_assets.application.dagster_runs import run_plan  # noqa: PLC0415 - Dagster takes seconds to import

        try:
            results = run_plan(plan, str(log.relative_to(plan.home)), board)
        finally:
            board.end()
    success = all(result.success for result in results) and not board.failures
    run_ids = tuple(result.run_id for result in results)
    return Outcome(plan, board, run_ids, success, time.monotonic() - began, log)


@contextmanager
def _progress(board: RunProgress, console: Console, began: float) -> Iterator[None]:
    """Shows the board while jobs run: a live table on a terminal, else a line for each change."""
    if console.is_terminal:
        with Live(
            get_renderable=lambda: status_table(board),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield
        return

    def line(update: JobUpdate) -> None:
        if update.state is not JobState.PENDING:
            reason = f": {update.reason}" if update.reason else ""
            words = f"{update.key.asset} {update.key.partition_key or ''}".strip()
            print(
                f"{time.monotonic() - began:7.1f} s  {words}  {update.state.name}{reason}",
                file=console.file,
                flush=True,
            )

    with listen(line):
        yield


def _tell(outcome: Outcome, console: Console) -> None:
    output_path = outcome.plan.project.settings.output_path
    console.print(status_table(outcome.board))
    console.print(f"{outcome.seconds:.1f} s\n")
    files = outcome.files()
    for scope in (*outcome.plan.names[:MAX_SAMPLES_NAMED], REFERENCES, COHORT):
        for asset, uris in files[scope].items():
            for uri in uris:
                console.print(f"{scope}  {asset:<20} {uri}", soft_wrap=True)
    more = len(outcome.plan.names) - MAX_SAMPLES_NAMED
    if more > 0:
        console.print(f"and {more} samples more, beside them in {output_path}", soft_wrap=True)
    console.print(f"\nTo look at it in Dagit: {own_command()} dagit --output-path {output_path}", soft_wrap=True)
    if outcome.board.failures:
        console.print(f"\n{len(outcome.board.failures)} failed (Dagster's log: {outcome.log}):", soft_wrap=True)
    for failure in outcome.board.failures:
        console.print(f"  {failure}", soft_wrap=True)
