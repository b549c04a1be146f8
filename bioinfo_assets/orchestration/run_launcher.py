"""The run launcher in a project's `dagster.yaml`: the page can also end the runs of the command line."""

from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import GRPC_INFO_TAG

STARTED_BY_TAG: Final = "bioinfo-assets/started-by"
COMMAND_LINE: Final = "command line"


def is_run_of_command_line(run: dg.DagsterRun) -> bool:
    """Whether the process of a run is a command line, not one of Dagster's code server.

    A run that the page starts again has the tags of the one before, and one of Dagster's own that names its server.
    """
    return run.tags.get(STARTED_BY_TAG) == COMMAND_LINE and GRPC_INFO_TAG not in run.tags


class ProjectRunLauncher(dg.DefaultRunLauncher):
    """Launches runs as Dagster does by default, and ends those of the command line as well."""

    def terminate(self, run_id: str) -> bool:
        """Ask a run to end; returns whether it was asked.

        The executor of a run of the command line reads the status of its run every other second.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not is_run_of_command_line(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        return True
