"""The state of each result of a project: up to date, released, stale, damaged or missing; for `status` and for Dagit.

Both ask here, so that they cannot disagree.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from bioinfo_assets.errors import BioinfoAssetsError, UnreachableError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import PER_SAMPLE, enabled_assets, superseded_by_imports
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import ReadBudget
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import ResultKey


class State(StrEnum):
    """The state of a result."""

    CURRENT = "up to date"
    RELEASED = "released"
    """Up to date; its large files were deleted on purpose."""

    STALE = "stale"
    """Its inputs, parameters, step or tools have changed since it was computed."""

    DAMAGED = "damaged"
    """Its files are not as they were published."""

    MISSING = "missing"
    """Not computed yet."""


@dataclass(frozen=True, slots=True)
class ResultState:
    """The state of one result.

    Attributes:
        key: The result.
        state: Its state.
        finished: When its job ended.
        reason: Why it is stale or damaged, or why it cannot be computed.
        released: When its files were released; None if they are kept.
        is_needed_again: Whether its files were released, and a job that has to run reads them, or may.
    """

    key: ResultKey
    state: State
    finished: datetime | None = None
    reason: str = ""
    released: datetime | None = None
    is_needed_again: bool = False

    @property
    def is_out_of_date(self) -> bool:
        """Whether it exists, and would be computed again."""
        return self.state in {State.STALE, State.DAMAGED}


@contextmanager
def open_dry_run(
    project: Project,
    assets: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    new: Sequence[Sample] = (),
    superseded: Mapping[str, Collection[str]] | None = None,
    *,
    states_only: bool = False,
    budget: ReadBudget | None = None,
) -> Iterator[DryRun]:
    """Open a dry run of a project.

    Args:
        project: The project.
        assets: What would be computed; all that the settings ask for if None.
        names: For which samples; all if None.
        new: Samples that are not saved yet.
        superseded: By sample, the assets that an import makes unnecessary; looked up if None.
        states_only: Whether only the states of results are of interest (see `DryRun`).
        budget: How many bytes of new or rewritten sources may be read; any number if None.
    """
    saved = sample_names(project.ledger)
    chosen = tuple(saved if names is None else names)
    backend = open_backend(project.settings, project.settings.output_path, project.store, "none", "none")
    samples = {sample.name: sample for sample in new}
    try:
        yield DryRun(
            project,
            backend,
            enabled_assets(project.settings) if assets is None else assets,
            chosen,
            tuple(dict.fromkeys([*saved, *samples])),
            Sources(project, samples, budget),
            superseded_by_sample(project, chosen) if superseded is None else superseded,
            states_only,
        )
    finally:
        backend.close()


def result_states(trial: DryRun) -> list[ResultState]:
    """The states of all results of a dry run, in the order of the graph."""
    return [_result_state(trial.ledger, planned) for planned in trial.planned_results()]


def superseded_assets(project: Project, sample: Sample) -> frozenset[str]:
    """Return the assets of a sample that an imported result makes unnecessary."""
    if not sample.imported:
        return frozenset()
    return superseded_by_imports({asset: project.ledger.read(ResultKey(asset, sample.name)) for asset in PER_SAMPLE})


def superseded_by_sample(project: Project, names: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Return the superseded assets of each sample that has any; those that are not saved yet have none."""
    superseded = zip(names, map_reads(project.ledger, partial(_superseded_or_none, project), names), strict=True)
    return {name: assets for name, assets in superseded if assets}


def _superseded_or_none(project: Project, name: str) -> frozenset[str]:
    try:
        return superseded_assets(project, project.sample(name))
    except UnreachableError:
        raise  # it may be read later
    except BioinfoAssetsError:
        return frozenset()  # its results are blocked for the same reason, and those of other samples are not


def _result_state(ledger: Ledger, planned: PlannedResult) -> ResultState:
    state, reason = _state(ledger, planned)
    record = planned.record
    if record is None:
        return ResultState(planned.key, state, None, reason)
    is_needed_again = record.released is not None and planned.action in {
        PlannedAction.RUN,
        PlannedAction.DEPENDS_ON_UPSTREAM,
    }
    return ResultState(planned.key, state, record.finished, reason, record.released, is_needed_again)


def _state(ledger: Ledger, planned: PlannedResult) -> tuple[State, str]:
    blocked = planned.reason if planned.action is PlannedAction.BLOCKED else ""
    if planned.record is None:
        return State.MISSING, blocked
    current = State.CURRENT if planned.record.released is None else State.RELEASED
    if planned.action is PlannedAction.REUSE:
        return current, ""
    checked = ledger.check_files(planned.record)
    if checked.damage:
        return State.DAMAGED, checked.damage
    if checked.record != planned.record:
        _keep_stamps(ledger, checked.record)
    return (State.STALE, planned.reason) if planned.is_stale else (current, blocked)


def _keep_stamps(ledger: Ledger, checked: Record) -> None:
    """Record the stamps that the files of a copied project have now, or each look at a stale result reads them again.

    Args:
        ledger: The project's records.
        checked: The intact result, perhaps without its provenance.
    """
    record = ledger.read(checked.key)
    if record is not None and [file.sha256 for file in record.outputs] == [file.sha256 for file in checked.outputs]:
        ledger.refresh_stamps(record, record.model_copy(update={"outputs": checked.outputs}))
