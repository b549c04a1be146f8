"""What jobs used, added up by SQLite from the index of all records: each result is counted once, whoever reused it."""

import sqlite3
from dataclasses import asdict, dataclass
from typing import Final

from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.provenance.catalog import Catalog

_USAGE: Final = """
    CREATE TEMP TABLE usage AS SELECT
        r.asset, r.scope, r.replaced, r.time AS finished, r.uri AS record, j.*,
        COALESCE(imported, 0) = 0 AND COALESCE(copied_from, '') = '' AS is_computed,
        j.wall_s + COALESCE(staging_s, 0) + COALESCE(upload_s, 0) + COALESCE(retried_s, 0) AS occupied_s,
        (SELECT COALESCE(SUM(size), 0) FROM files f
            WHERE f.record = r.id AND f.role = 'w' AND NOT is_released
                AND instr(f.uri, (SELECT uri FROM place)) = 1) AS bytes
    FROM jobs j JOIN records r ON r.id = j.record"""
"""A result and its job; `occupied_s` is for how long it had its CPUs and memory. A table, since it is read often."""

_SUMS: Final = """
    SELECT {group} AS name, COUNT(*) AS results, SUM(is_computed) AS jobs,
        SUM(CASE WHEN is_computed THEN attempts - 1 END) AS retries,
        SUM(CASE WHEN is_computed AND vcpus IS NULL THEN 1 ELSE 0 END) AS jobs_without_accounting,
        SUM(CASE WHEN is_computed THEN wall_s END) AS wall_s,
        SUM(CASE WHEN is_computed THEN cpu_s END) AS cpu_s,
        SUM(CASE WHEN is_computed AND vcpus > 0 THEN cpu_s END)
            / SUM(CASE WHEN is_computed AND cpu_s IS NOT NULL THEN vcpus * wall_s END) AS busy_share,
        SUM(CASE WHEN is_computed THEN vcpus * occupied_s END) / 3600.0 AS vcpu_hours,
        SUM(CASE WHEN is_computed THEN memory_mib * occupied_s END) / 1024.0 / 3600.0 AS gib_hours,
        MIN(CASE WHEN is_computed THEN vcpus END) AS min_vcpus,
        MAX(CASE WHEN is_computed THEN vcpus END) AS max_vcpus,
        MAX(CASE WHEN is_computed AND wall_s > 0 THEN cpu_s / wall_s END) AS max_busy_vcpus,
        MIN(CASE WHEN is_computed THEN memory_mib END) AS min_memory_mib,
        MAX(CASE WHEN is_computed THEN memory_mib END) AS max_memory_mib,
        MAX(CASE WHEN is_computed THEN peak_memory_mib END) AS peak_memory_mib,
        COUNT(CASE WHEN is_computed AND memory_mib > 0 THEN peak_memory_mib END) AS measured_jobs,
        MAX(CASE WHEN is_computed THEN disk_mib END) AS max_disk_mib,
        SUM(CASE WHEN is_computed THEN queued_s END) AS queued_s,
        MAX(CASE WHEN is_computed THEN queued_s END) AS max_queued_s,
        SUM(CASE WHEN is_computed THEN staging_s END) AS staging_s,
        SUM(CASE WHEN is_computed THEN upload_s END) AS upload_s,
        SUM(CASE WHEN is_computed THEN retried_s END) AS retried_s,
        SUM(CASE WHEN is_computed THEN fetched_bytes END) AS fetched_bytes,
        SUM(CASE WHEN is_computed THEN uploaded_bytes END) AS uploaded_bytes,
        CASE WHEN replaced THEN 0 ELSE SUM(bytes) END AS stored_bytes
    FROM usage WHERE replaced = ? GROUP BY {group} ORDER BY vcpu_hours DESC, name"""

_SPANS: Final = """
    WITH longest AS (
        SELECT scope FROM usage WHERE replaced = 0 AND is_computed AND scope NOT IN ({shared}) GROUP BY scope
        ORDER BY SUM(occupied_s) DESC, scope LIMIT ?
    )
    SELECT scope, asset, (julianday(started) - 2440587.5) * 86400, (julianday(finished) - 2440587.5) * 86400,
        COALESCE(queued_s, 0), COALESCE(staging_s, 0), attempts
    FROM usage WHERE replaced = 0 AND is_computed AND scope IN (SELECT scope FROM longest)
    ORDER BY started, asset"""


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What the jobs of some results used; None where no record has the figure.

    Attributes:
        name: The step or the sample.
        results: The number of results.
        jobs: How many of them were computed here; the others were imported, or copied from a shared cache.
        retries: How often jobs were started again.
        jobs_without_accounting: Jobs whose records do not know what they asked for, as those of older versions.
        wall_s: Seconds in which scripts ran.
        cpu_s: CPU seconds that they used.
        busy_share: The share of their CPUs' time that scripts used.
        vcpu_hours: CPUs times hours for which jobs had them, with staging, uploads and lost attempts.
        gib_hours: Memory in GiB times these hours.
        min_vcpus: The fewest CPUs that a job had.
        max_vcpus: The most CPUs that a job had.
        max_busy_vcpus: The CPUs that the busiest job used on average.
        min_memory_mib: The least memory that a job had, in MiB.
        max_memory_mib: The most memory that a job had, in MiB.
        peak_memory_mib: Resident memory of the largest process of all, in MiB.
        measured_jobs: Jobs of which both memory figures are known.
        max_disk_mib: The most scratch space that a job asked for, in MiB.
        queued_s: Seconds in which jobs waited in the queue, added up.
        max_queued_s: The longest such wait.
        staging_s: Seconds of staging inputs.
        upload_s: Seconds of uploading outputs.
        retried_s: Seconds that attempts ran whose work was lost, as far as known.
        fetched_bytes: Bytes that jobs fetched.
        uploaded_bytes: Bytes that they uploaded.
        stored_bytes: Bytes of their outputs under the output path.
    """

    name: str
    results: int = 0
    jobs: int = 0
    retries: int | None = None
    jobs_without_accounting: int = 0
    wall_s: float | None = None
    cpu_s: float | None = None
    busy_share: float | None = None
    vcpu_hours: float | None = None
    gib_hours: float | None = None
    min_vcpus: int | None = None
    max_vcpus: int | None = None
    max_busy_vcpus: float | None = None
    min_memory_mib: int | None = None
    max_memory_mib: int | None = None
    peak_memory_mib: float | None = None
    measured_jobs: int = 0
    max_disk_mib: int | None = None
    queued_s: float | None = None
    max_queued_s: float | None = None
    staging_s: float | None = None
    upload_s: float | None = None
    retried_s: float | None = None
    fetched_bytes: int | None = None
    uploaded_bytes: int | None = None
    stored_bytes: int = 0

    def to_json(self) -> dict[str, object]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Span:
    """A job in time.

    Attributes:
        scope: The sample.
        asset: The step.
        started: When its script started, in seconds since 1970.
        finished: When that ended.
        queued_s: Seconds in which it waited in the queue before.
        staging_s: Seconds in which its inputs were staged.
        attempts: How often it was started.
    """

    scope: str
    asset: str
    started: float
    finished: float
    queued_s: float
    staging_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Questions to the index about what jobs used."""

    connection: sqlite3.Connection

    @classmethod
    def of(cls, catalog: Catalog, output_path: str) -> "Usage":
        """Prepare the questions; of the files, those under the output path count as stored."""
        connection = catalog.connection
        connection.execute("CREATE TEMP TABLE place (uri TEXT NOT NULL)")
        connection.execute("INSERT INTO place VALUES (?)", (f"{OutputLayout(output_path).output_path}/",))
        connection.execute(_USAGE)
        return cls(connection)

    def by_step(self) -> list[UsageTotal]:
        """What each step used, the one with the most CPU hours first."""
        return self._totals("asset")

    def by_scope(self) -> list[UsageTotal]:
        """What each sample and shared scope used, the one with the most CPU hours first."""
        return self._totals("scope")

    def in_all(self) -> UsageTotal:
        """What all current results used."""
        return next(iter(self._totals("'all results'")), UsageTotal("all results"))

    def replaced(self) -> UsageTotal:
        """What results used that were replaced later, as far as their records are in the history."""
        return next(iter(self._totals("'replaced results'", replaced=True)), UsageTotal("replaced results"))

    def spans(self, max_samples: int, shared_scopes: frozenset[str]) -> list[Span]:
        """The jobs in time of the samples that had machines for longest, in the order of their starts."""
        shared = ", ".join("?" * len(shared_scopes))
        statement = _SPANS.format(shared=shared)
        return [Span(*row) for row in self.connection.execute(statement, (*sorted(shared_scopes), max_samples))]

    def _totals(self, group: str, *, replaced: bool = False) -> list[UsageTotal]:
        return [UsageTotal(*row) for row in self.connection.execute(_SUMS.format(group=group), (replaced,))]
