"""What each result was made from when it was made, as far as the records know: which of it is another now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import (
    COHORT_SOURCE,
    GRAPH,
    OVER_SAMPLES,
    PER_SAMPLE,
    RAW_READS,
    REFERENCE_SOURCE,
    SOURCES,
)
from bioinfo_assets.pipeline.jobs import REPORTED
from bioinfo_assets.records.record import InputRecord, Observation, Record
from bioinfo_assets.records.record_set import ONE

Place = tuple[str, str]
"""An asset or a source, and the sample, or `ONE`."""

PARTITIONED: Final = frozenset({RAW_READS, *PER_SAMPLE})
"""The assets and sources that have a partition for each sample."""


@dataclass(frozen=True, slots=True)
class RecordedState:
    """A result at the time when it was made.

    Attributes:
        forecast: What is foretold of it now.
        record: Its record.
        code_version: Of its asset then: today's, if step, parameters and tools are the same.
        earlier: The places upstream that hold something else now, with a name for what they held: the digest of what
            was read.
    """

    forecast: PlannedResult
    record: Record
    code_version: str
    earlier: Mapping[Place, str]


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What there is now, beside which what was is seen.

    Attributes:
        versions: The data version at each place.
        contents: The digests of the files at each place, by URI.
        reported: The same of all files that a report would be made of.
        records: Of all results.
        code_versions: Of all assets.
    """

    versions: Mapping[Place, str]
    contents: Mapping[Place, Mapping[str, str | None]]
    reported: Mapping[str, str | None]
    records: Mapping[Place, Record]
    code_versions: Mapping[str, str]

    @classmethod
    def of_all(
        cls,
        forecasts: Iterable[PlannedResult],
        observations: Mapping[Place, Observation],
        code_versions: Mapping[str, str],
    ) -> "CurrentState":
        """From what is foretold of all results, and what was seen of the sources."""
        versions = {place: seen.data_version for place, seen in observations.items()}
        contents = {place: {file.uri: file.content for file in seen.files} for place, seen in observations.items()}
        reported: dict[str, str | None] = {}
        records: dict[Place, Record] = {}
        for forecast in forecasts:
            if forecast.record is not None:
                place = forecast.asset, forecast.partition
                records[place] = forecast.record
                versions[place] = forecast.record.data_version
                contents[place] = {file.uri: file.content for file in forecast.record.outputs}
                read = REPORTED.get(forecast.asset, ())
                reported |= {
                    file.uri: file.content for file in forecast.record.outputs if file.key in read and file.size
                }
        return cls(versions, contents, reported, records, code_versions)

    def of(self, forecast: PlannedResult) -> RecordedState | None:
        """A result as it was; None where there is none."""
        record = forecast.record
        if record is None:
            return None
        code_version = self.code_versions[forecast.asset]
        if record.imported:
            return RecordedState(forecast, record, code_version, {})
        earlier = {} if forecast.outlook is PlannedAction.REUSED else self._earlier(forecast, record)
        if forecast.is_stale and forecast.wanted is not None and not earlier:
            code_version = f"{record.version}+{record.fingerprint[:12]}"  # another step, parameter or tool
        return RecordedState(forecast, record, code_version, earlier)

    def _earlier(self, forecast: PlannedResult, record: Record) -> dict[Place, str]:
        if forecast.asset in OVER_SAMPLES:
            differs = {(item.uri, item.content) for item in record.inputs} != set(self.reported.items())
            return {(COHORT_SOURCE, ONE): _digest(record.inputs)} if differs else {}
        places = [place_of(parent, forecast.partition) for parent in made_from(forecast.asset)]
        made = {uri for place in places if place[0] not in SOURCES for uri in self.contents.get(place, {})}
        earlier: dict[Place, str] = {}
        for place in places:
            now = self.contents.get(place, {})
            if place[0] in SOURCES:
                own = [item for item in record.inputs if item.uri not in made]
                read = [*own, *self._read_above(place, forecast.asset)]
                differs = bool(read) and _is_another(place[0], read, now)
            else:
                read = [item for item in record.inputs if item.uri in now]
                differs = any(item.content != now[item.uri] for item in read)
            if differs:
                earlier[place] = _digest(read)
        return earlier

    def _read_above(self, source: Place, asset: str) -> list[InputRecord]:
        """What of a source was read by that which an asset is made from: it may have read nothing of it itself."""
        above = [name for name in made_from(asset) if name in GRAPH and source[0] in GRAPH[name].upstream]
        records = [self.records[place] for place in ((name, source[1]) for name in above) if place in self.records]
        return [item for record in records for item in record.inputs]


def made_from(asset: str) -> list[str]:
    """What an asset is made from, without the cohort, of which Dagster's own events tell."""
    return [parent for parent in GRAPH[asset].upstream if parent != COHORT_SOURCE]


def place_of(parent: str, partition: str) -> Place:
    """Where an asset upstream is found, for one who is of this partition."""
    return (parent, partition) if parent in PARTITIONED else (parent, ONE)


def _is_another(source: str, read: Iterable[InputRecord], now: Mapping[str, str | None]) -> bool:
    """Whether a source is not what was read: of the reference a job may read one file of two, of others all."""
    contents, there = {item.content for item in read}, set(now.values())
    return not contents <= there if source == REFERENCE_SOURCE else contents != there


def _digest(read: Iterable[InputRecord]) -> str:
    lines = sorted(f"{item.local}\t{item.content}\n" for item in read)
    return sha256("".join(lines).encode()).hexdigest()
