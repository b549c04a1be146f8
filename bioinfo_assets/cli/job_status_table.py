"""The job status table that a user watches while a run is going on."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from bioinfo_assets.application.run_progress import STATES, RunProgress
from bioinfo_assets.orchestration.job_updates import JobState

_STYLES: Final = {
    JobState.RUNNING: "cyan",
    JobState.FAILED: "bold red",
    JobState.SKIPPED: "yellow",
    JobState.CACHED: "blue",
    JobState.DONE: "green",
}


def status_table(progress: RunProgress) -> Table:
    """The counts as a table, with a column for skipped jobs where there are any."""
    counts = progress.counts()
    skipped = any(row["skipped"] for row in counts.values())
    states = [*STATES, JobState.SKIPPED] if skipped else list(STATES)
    table = Table("ASSET", title="JOB STATUS", box=None, title_justify="left", pad_edge=False)
    for state in states:
        table.add_column(state.name, justify="right", style=_STYLES.get(state))
    table.add_column("TOTAL", justify="right")
    for asset, row in counts.items():
        table.add_row(asset, *(str(row[state.value]) for state in states), str(row["total"]))
    table.add_section()
    table.add_row("ALL", *(str(sum(row[key] for row in counts.values())) for key in (*_keys(states), "total")))
    return table


def _keys(states: Sequence[JobState]) -> list[str]:
    return [state.value for state in states]
