"""Runs the pipeline for `run` and `demo`, and shows its progress and outcome."""

import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from bioinfo_assets.application.paths import own_command
from bioinfo_assets.application.plan import Plan, Request, dry_run
from bioinfo_assets.application.preflight import make_plan
from bioinfo_assets.application.run import RunOutcome, prepare_run, run
from bioinfo_assets.application.run_progress import STATES, RunProgress
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult

_ACTION_STYLES: Final = {
    PlannedAction.REUSE: "blue",
    PlannedAction.COPY: "cyan",
    PlannedAction.RUN: "green",
    PlannedAction.DEPENDS_ON_UPSTREAM: "yellow",
    PlannedAction.BLOCKED: "bold red",
}


def explain(plan: Plan, console: Console, *, as_json: bool) -> list[PlannedResult]:
    """Print for each result whether a run would reuse it, and if not, why; return the results."""
    with dry_run(plan) as trial:
        results = list(trial.planned_results())
    if as_json:
        typer.echo(json.dumps([_to_dict(result) for result in results], indent=2))
    else:
        for result in results:
            reason = f": {result.reason}" if result.reason else ""
            line = f"{result.key.scope}  {result.key.asset}  {result.action.value}{reason}"
            console.print(line, style=_ACTION_STYLES[result.action], soft_wrap=True)
        counts = ((action, sum(result.action is action for result in results)) for action in PlannedAction)
        console.print("\n" + ", ".join(f"{action.value}: {count}" for action, count in counts if count))
    if trial.unknown_tools:
        warning = f"tools are assumed unchanged, since their current versions are unknown: {trial.unknown_tools}"
        typer.echo(warning, err=True)
    return results


def _to_dict(result: PlannedResult) -> dict[str, object]:
    return {
        "asset": result.key.asset,
        "scope": result.key.scope,
        "action": result.action.value,
        "reason": result.reason or None,
        "fingerprint": (result.decision.fingerprint or None) if result.decision else None,
    }


MAX_SAMPLES_SHOWN: Final = 20
"""Samples whose files are printed; `--json` lists those of all."""

_STYLES: Final = {
    JobState.RUNNING: "cyan",
    JobState.FAILED: "bold red",
    JobState.SKIPPED: "yellow",
    JobState.CACHED: "blue",
    JobState.DONE: "green",
}


def run_pipeline(request: Request, *, as_json: bool, explain_only: bool = False) -> None:
    """Run a request and show its outcome.

    Raises:
        BioinfoAssetsError: the request is wrong; nothing was run.
        Exit: jobs failed.
    """
    started = time.monotonic()
    console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False, markup=False, emoji=False)
    is_terminal = console.is_terminal

    def show(progress: RunProgress) -> AbstractContextManager[object]:
        return _show_table(progress, console) if is_terminal else _print_updates(console, started)

    with interrupt_on_sighup():
        with console.status("checking samples, reference, known sites and tools") if is_terminal else nullcontext():
            plan = make_plan(request)
            if explain_only:
                if any(result.action is PlannedAction.BLOCKED for result in explain(plan, console, as_json=as_json)):
                    raise typer.Exit(ExitCode.BLOCKED)
                return
            reusable = prepare_run(plan)
        outcome = run(plan, reusable, show, started)
    if as_json:
        typer.echo(json.dumps(outcome.to_json(), indent=2))
    else:
        _print_outcome(outcome, console)
    if not outcome.success:
        raise typer.Exit(ExitCode.FAILED)


def _show_table(progress: RunProgress, console: Console) -> Live:
    return Live(
        get_renderable=lambda: status_table(progress),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


@contextmanager
def _print_updates(console: Console, started: float) -> Iterator[None]:
    """Print a line for each change of state, while the context is open; none after the first that cannot be printed."""

    def print_update(update: JobUpdate) -> None:
        if update.state is not JobState.PENDING:
            reason = f": {update.reason}" if update.reason else ""
            label = f"{update.key.asset} {update.key.partition_key or ''}".strip()
            line = f"{time.monotonic() - started:7.1f} s  {label}  {update.state.name}{reason}"
            try:
                print(line, file=console.file, flush=True)
            except OSError:  # whoever read the output has gone, or the disk is full: the run goes on, unseen
                _discard_output(console.file.fileno())

    with listen(print_update):
        yield


def status_table(progress: RunProgress) -> Table:
    """Return the number of jobs by asset and state, with a column for skipped jobs if there are any."""
    counts = progress.counts()
    has_skipped = any(row[JobState.SKIPPED.value] for row in counts.values())
    states = [*STATES, JobState.SKIPPED] if has_skipped else list(STATES)
    table = Table("ASSET", title="JOB STATUS", box=None, title_justify="left", pad_edge=False)
    for state in states:
        table.add_column(state.name, justify="right", style=_STYLES.get(state))
    table.add_column("TOTAL", justify="right")
    columns = [*(state.value for state in states), "total"]
    for asset, row in counts.items():
        table.add_row(asset, *(str(row[column]) for column in columns))
    table.add_section()
    table.add_row("ALL", *(str(sum(row[column] for row in counts.values())) for column in columns))
    return table


def _print_outcome(outcome: RunOutcome, console: Console) -> None:
    output_path = outcome.plan.project.settings.output_path
    console.print(status_table(outcome.progress))
    console.print(f"{outcome.seconds:.1f} s\n")
    files, problem = outcome.files(MAX_SAMPLES_SHOWN)
    for scope, by_asset in files.items():
        for asset, uris in by_asset.items():
            for uri in uris:
                console.print(f"{scope}  {asset:<20} {uri}", soft_wrap=True)
    more = len(outcome.plan.names) - MAX_SAMPLES_SHOWN
    if more > 0:
        console.print(f"and {more} more samples in {output_path}", soft_wrap=True)
    if problem:
        console.print(problem, soft_wrap=True)
    command = shlex.join([own_command(), "dagit", "--output-path", output_path])
    console.print(f"\nTo view it in Dagit: {command}", soft_wrap=True)
    for reason, count in outcome.progress.warnings.items():
        results = "1 result is" if count == 1 else f"{count} results are"
        console.print(f"\n{results} {reason}", soft_wrap=True)
    failures = outcome.progress.failures
    if failures:
        console.print(f"\n{len(failures)} failed (Dagster's log: {outcome.log}):", soft_wrap=True)
    for failure in failures:
        console.print(f"  {failure}", soft_wrap=True)


def _discard_output(*descriptors: int) -> None:
    """Discard what is written to these files from now on, and what has not been written yet."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


@contextmanager
def interrupt_on_sighup() -> Iterator[None]:
    """Treat SIGHUP, sent when a terminal is closed or a connection is lost, as Ctrl-C while the context is open.

    Where SIGHUP is ignored, as under nohup(1), it stays ignored. The terminal may no longer exist, so the rest of the
    output is discarded: an error of writing (EIO) must not hide the interrupt.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or signal.getsignal(signal.SIGHUP) != signal.SIG_DFL:
        yield
        return
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a second one must not disturb the clean-up
        _discard_output(*terminals)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGHUP, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGHUP) is interrupt:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
