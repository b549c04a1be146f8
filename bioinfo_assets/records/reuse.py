"""Whether a result is reused, copied from the shared cache, or computed: the one place that decides it.

A run and a dry run both call `decide_reuse`, so that a run does what a dry run predicts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.released import reason_to_restore
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import ResultKey


def fingerprint_of(job: Job, tools: Mapping[str, str]) -> str:
    """The fingerprint of a job with these tool versions, as hex digits."""
    return sha256(json.dumps(_ingredients(job, tools), sort_keys=True).encode()).hexdigest()


def difference(record: Record, job: Job, tools: Mapping[str, str]) -> str:
    """What has changed since a result was recorded, in a few words; empty if nothing has."""
    inputs = _changed(
        {item.local: item.content for item in record.inputs}, {item.local: item.file.content for item in job.inputs}
    )
    parameters = _changed(_plain(record.parameters), _plain(job.parameters))
    versions = [
        f"{tool} {record.tools.get(tool, 'none')}, now {tools.get(tool, 'none')}"
        for tool in _changed(record.tools, tools)
    ]
    changes = {
        "inputs": inputs,
        "step version": [f"{record.version}, now {job.version}"] if record.version != job.version else [],
        "parameters": parameters,
        "tools": versions,
    }
    changed = [f"{name} ({', '.join(what)})" for name, what in changes.items() if what]
    if record.script != job.script:
        changed.append("script")
    return ", ".join(changed)


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The names whose values differ, or that exist on one side only."""
    missing = object()
    return sorted(name for name in before.keys() | now.keys() if before.get(name, missing) != now.get(name, missing))


def _ingredients(job: Job, tools: Mapping[str, str]) -> dict[str, object]:
    return {
        "step": job.key.asset,
        "version": job.version,
        "script": job.script,
        "inputs": sorted((item.local, item.file.content) for item in job.inputs if item.file.content is not None),
        "outputs": sorted((item.key, item.local, item.canonical or "") for item in job.outputs),
        "parameters": dict(job.parameters),
        "tools": dict(tools),
    }


def _plain(values: Mapping[str, object]) -> Mapping[str, object]:
    """The values after a round trip through JSON, so that a tuple equals the list it is stored as."""
    plain: Mapping[str, object] = json.loads(json.dumps(dict(values)))
    return plain


NOT_COMPUTED: Final = "not computed yet"
"""Why a job must run whose result does not exist."""


class ReuseAction(Enum):
    """How a result comes about."""

    REUSE = "reuse"
    """It exists and is up to date."""

    COPY = "copy"
    """Another project computed it and shares it."""

    RUN = "run"
    """Its job has to run."""


@dataclass(frozen=True, slots=True)
class ReuseDecision:
    """What is to be done for a result, and why.

    Attributes:
        action: What is to be done.
        reason: Why it cannot be reused, in a few words; empty if it can.
        record: The record to reuse, or to copy from; None where the job must run.
        job: The job that computes the result; None for an imported result.
        tools: Version by tool, as the backend has them.
        fingerprint: Of the job with these tools.
        cache_problem: Why the shared cache could not be read; empty if it could, or if there is none.
    """

    action: ReuseAction
    reason: str = ""
    record: Record | None = None
    job: Job | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    cache_problem: str = ""

    @property
    def required_job(self) -> Job:
        """The job of a result that has one."""
        if self.job is None:
            raise RuntimeError("an imported result has no job")
        return self.job


def decide_reuse(
    ledger: Ledger,
    cache: SharedCache | None,
    record: Record | None,
    build: Callable[[], Job],
    tool_versions: Callable[[Job], Mapping[str, str]],
    *,
    needed_by: ResultKey | None = None,
) -> ReuseDecision:
    """Decide whether a result is reused, copied or computed.

    A released result, whose files were deleted on purpose, is reused like any other: its record has the digests by
    which jobs downstream are compared. Only a job that reads its files and has to run needs it computed again.

    Args:
        ledger: The project's records.
        cache: The cache shared with other projects, if there is one.
        record: The record that the result has now; None where there is no result.
        build: Builds the job that computes it; not called for an imported result.
        tool_versions: The versions of a job's tools where it would run.
        needed_by: A result whose job has to run and reads files of this one; see `records.released`.

    Raises:
        InputError: an imported result is damaged, or `build` found something wrong.
        ResourceError: a tool of the job is missing.
    """
    imported = imported_result(ledger, record)
    if imported is not None:
        return ReuseDecision(ReuseAction.REUSE, record=imported)
    job = build()
    tools = tool_versions(job)
    fingerprint = fingerprint_of(job, tools)
    existing, reason = _compare(ledger, record, job, tools, fingerprint)
    if existing is not None and existing.released is not None and needed_by is not None:
        existing, reason = None, reason_to_restore(needed_by)
    if existing is not None:
        return ReuseDecision(ReuseAction.REUSE, "", existing, job, tools, fingerprint)
    shared, problem = _find_shared(cache, fingerprint)
    action = ReuseAction.RUN if shared is None else ReuseAction.COPY
    return ReuseDecision(action, reason, shared, job, tools, fingerprint, problem)


def imported_result(ledger: Ledger, record: Record | None) -> Record | None:
    """The record of a result if it was imported: no job computes it, and none may replace it.

    Raises:
        InputError: its files have changed since the import.
    """
    if record is None or not record.imported:
        return None
    checked = ledger.check_files(record)
    if checked.damage:
        raise InputError(f"the imported {record.key.label} is damaged: {checked.damage}; import it again")
    ledger.refresh_stamps(record, checked.record)
    return checked.record


def _compare(
    ledger: Ledger, record: Record | None, job: Job, tools: Mapping[str, str], fingerprint: str
) -> tuple[Record | None, str]:
    """The record of a job's result if it is up to date and intact; otherwise None and the reason."""
    while record is not None:
        if record.fingerprint != fingerprint:
            return None, f"changed: {difference(record, job, tools) or 'outputs'}"
        checked = ledger.check_files(record)
        if checked.damage:
            return None, checked.damage
        if ledger.refresh_stamps(record, checked.record):
            return checked.record, ""
        record = ledger.read(job.key)  # another process has published meanwhile
    return None, NOT_COMPUTED


def _find_shared(cache: SharedCache | None, fingerprint: str) -> tuple[Record | None, str]:
    """The shared result; a cache that cannot be read costs time, and no result."""
    if cache is None:
        return None, ""
    try:
        return cache.find(fingerprint), ""
    except BioinfoAssetsError as error:
        return None, str(error)
