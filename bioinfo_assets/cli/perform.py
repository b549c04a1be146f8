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

from bioinfo_assets.cli.board import Board
from bioinfo_assets.cli.foretold import explain, reused
from bioinfo_assets.cli.hangup import hangup_interrupts
from bioinfo_assets.cli.known import forget, is_known, keep
from bioinfo_assets.cli.paths import own_command
from bioinfo_assets.cli.preflight import Plan, check, plan_of
from bioinfo_assets.cli.request import Request, home_of, settings_of
from bioinfo_assets.cli.results import files_of
from bioinfo_assets.cli.told import ExitCode
from bioinfo_assets.launch.disk import disk_errors_are_told, locked
from bioinfo_assets.orchestration.progress import JobState, JobUpdate, listening
from bioinfo_assets.pipeline.forecast import Forecast
from bioinfo_assets.pipeline.graph import COHORT, REFERENCES
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.settings import save

MOST_SAMPLES_NAMED: Final = 20
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
    board: Board
    run_ids: tuple[str, ...]
    success: bool
    seconds: float
    log: Path | None

    def files(self) -> dict[str, dict[str, list[str]]]:
        """The files to name, by subject and asset."""
        ledger = self.plan.project.ledger
        subjects = (*self.plan.names, REFERENCES, COHORT)
        return {subject: files_of(ledger, subject, self.plan.assets) for subject in subjects}

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
                {"asset": failure.asset, "sample": failure.sample or None, "reason": failure.reason}
                for failure in self.board.failures
            ],
            "samples": {name: files[name] for name in self.plan.names},
            "reference": files[REFERENCES],
            "report": files[COHORT].get("multiqc_report", []),
        }


def perform(request: Request) -> None:
    """Does what was asked, and tells it.

    Raises:
        BioinfoAssetsError: what was given is wrong; nothing was run.
        Exit: jobs failed.
    """
    began = time.monotonic()
    console = Console(file=sys.stderr if request.json else sys.stdout, highlight=False, markup=False, emoji=False)
    home = home_of(request.output_path)
    with hangup_interrupts():
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


def _found(plan: Plan) -> list[Forecast] | None:
    """All results of a plan, if none has to be made and Dagster knows of all; it is not asked, nor imported."""
    found = reused(plan)
    if found is None or not is_known(plan, (one.record for one in found if one.record is not None)):
        return None
    return found


def _keep(plan: Plan) -> None:
    """Keeps settings and samples."""
    with disk_errors_are_told(plan.home):
        save(plan.project.settings, plan.home)
    for sample in plan.new:
        save_sample(plan.project.ledger, sample)


def _unchanged(plan: Plan, found: Sequence[Forecast], began: float) -> Outcome:
    """The outcome of a run that had nothing to do."""
    board = Board({asset: len(plan.subjects(asset)) for asset in plan.assets})
    for one in found:
        board.update(JobUpdate(one.asset, one.partition, JobState.CACHED))
    return Outcome(plan, board, (), success=True, seconds=time.monotonic() - began, log=None)


def _made(plan: Plan, console: Console, began: float) -> Outcome:
    """The outcome of a run by Dagster, whose own log is a file in the home."""
    logs = plan.home / "logs"
    with disk_errors_are_told(plan.home):
        logs.mkdir(exist_ok=True)
    log = logs / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    with disk_errors_are_told(plan.home), locked(log):
        forget(plan)
        outcome = _run(plan, log, console, began)
        if outcome.success:
            keep(plan)
        return outcome


def _run(plan: Plan, log: Path, console: Console, began: float) -> Outcome:
    board = Board({asset: len(plan.subjects(asset)) for asset in plan.assets})
    with _progress(board, console, began), log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        from bioinfo_assets.cli.runs import run_plan  # noqa: PLC0415 - Dagster takes seconds to import

        try:
            results = run_plan(plan, str(log.relative_to(plan.home)), board)
        finally:
            board.end()
    success = all(result.success for result in results) and not board.failures
    run_ids = tuple(result.run_id for result in results)
    return Outcome(plan, board, run_ids, success, time.monotonic() - began, log)


@contextmanager
def _progress(board: Board, console: Console, began: float) -> Iterator[None]:
    """Shows the board while jobs run: a live table on a terminal, else a line for each change."""
    if console.is_terminal:
        with Live(
            get_renderable=board.table,
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
            words = f"{update.asset} {update.partition}".strip()
            print(
                f"{time.monotonic() - began:7.1f} s  {words}  {update.state.name}{reason}",
                file=console.file,
                flush=True,
            )

    with listening(line):
        yield


def _tell(outcome: Outcome, console: Console) -> None:
    output_path = outcome.plan.project.settings.output_path
    console.print(outcome.board.table())
    console.print(f"{outcome.seconds:.1f} s\n")
    files = outcome.files()
    for subject in (*outcome.plan.names[:MOST_SAMPLES_NAMED], REFERENCES, COHORT):
        for asset, uris in files[subject].items():
            for uri in uris:
                console.print(f"{subject}  {asset:<20} {uri}", soft_wrap=True)
    more = len(outcome.plan.names) - MOST_SAMPLES_NAMED
    if more > 0:
        console.print(f"and {more} samples more, beside them in {output_path}", soft_wrap=True)
    console.print(f"\nTo look at it in Dagit: {own_command()} dagit --output-path {output_path}", soft_wrap=True)
    if outcome.board.failures:
        console.print(f"\n{len(outcome.board.failures)} failed (Dagster's log: {outcome.log}):", soft_wrap=True)
    for failure in outcome.board.failures:
        console.print(f"  {failure}", soft_wrap=True)
