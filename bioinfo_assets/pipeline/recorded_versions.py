"""What each result was computed from, according to its record, and which of it has changed since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import GRAPH, OVER_SAMPLES, REPORT_FILES, SOURCES, result_key
from bioinfo_assets.records.record import InputRecord, Observation, Record
from bioinfo_assets.result_key import COHORT, COHORT_SOURCE, REFERENCE_SOURCE, ResultKey
from bioinfo_assets.steps.fingerprint import MAP_NAME


@dataclass(frozen=True, slots=True)
class RecordedState:
    """A result as it was when it was computed.

    Attributes:
        planned: What a run would do about it now.
        record: Its record.
        code_version: Of its asset then: the current one, if step, parameters and tools are the same.
        superseded_inputs: The results and sources upstream that have changed since, with a digest of the version that
            was read.
    """

    planned: PlannedResult
    record: Record
    code_version: str
    superseded_inputs: Mapping[ResultKey, str]


@dataclass(frozen=True, slots=True)
class CurrentState:
    """The current versions of everything, to compare records with.

    Attributes:
        versions: The data version of each result and source.
        contents: The digests of their files, by URI.
        reported: The same for all files that a report would read.
        records: Of all results.
        code_versions: Of all assets.
    """

    versions: Mapping[ResultKey, str]
    contents: Mapping[ResultKey, Mapping[str, str | None]]
    reported: Mapping[str, str | None]
    records: Mapping[ResultKey, Record]
    code_versions: Mapping[str, str]

    @classmethod
    def of_all(
        cls,
        results: Iterable[PlannedResult],
        observations: Mapping[ResultKey, Observation],
        code_versions: Mapping[str, str],
    ) -> "CurrentState":
        """From a dry run of all results, and the observations of the sources."""
        versions = {key: observation.data_version for key, observation in observations.items()}
        contents: dict[ResultKey, Mapping[str, str | None]] = {
            key: {file.uri: file.content for file in observation.files} for key, observation in observations.items()
        }
        reported: dict[str, str | None] = {}
        records = {result.key: result.record for result in results if result.record is not None}
        for key, record in records.items():
            versions[key] = record.data_version
            contents[key] = {file.uri: file.content for file in record.outputs}
            keys = REPORT_FILES.get(key.asset, ())
            reported |= {file.uri: file.content for file in record.outputs if file.key in keys and file.size}
        return cls(versions, contents, reported, records, code_versions)

    def recorded(self, planned: PlannedResult) -> RecordedState | None:
        """A result as it was when it was computed; None where there is none."""
        record = planned.record
        if record is None:
            return None
        code_version = self.code_versions[planned.key.asset]
        if record.imported:
            return RecordedState(planned, record, code_version, {})
        superseded = {} if planned.action is PlannedAction.REUSE else self._superseded_inputs(planned.key, record)
        if planned.is_stale and planned.decision is not None and not superseded:
            code_version = f"{record.version}+{record.fingerprint[:12]}"  # another step, parameter or tool
        return RecordedState(planned, record, code_version, superseded)

    def _superseded_inputs(self, key: ResultKey, record: Record) -> dict[ResultKey, str]:
        if key.asset in OVER_SAMPLES:
            # Another input is the haplotype map, which is no result.
            results = {(item.uri, item.content) for item in record.inputs if item.local != MAP_NAME}
            differs = results != set(self.reported.items())
            return {ResultKey(COHORT_SOURCE, COHORT): _digest(record.inputs)} if differs else {}
        parents = [result_key(parent, key.scope) for parent in observable_parents(key.asset)]
        computed = {uri for parent in parents if parent.asset not in SOURCES for uri in self.contents.get(parent, {})}
        superseded: dict[ResultKey, str] = {}
        for parent in parents:
            current = self.contents.get(parent, {})
            if parent.asset in SOURCES:
                own = [item for item in record.inputs if item.uri not in computed]
                read = [*own, *self._read_upstream(parent, key.asset)]
                differs = bool(read) and _has_changed(parent.asset, read, current)
            else:
                read = [item for item in record.inputs if item.uri in current]
                differs = any(item.content != current[item.uri] for item in read)
            if differs:
                superseded[parent] = _digest(read)
        return superseded

    def _read_upstream(self, source: ResultKey, asset: str) -> list[InputRecord]:
        """What the asset's own inputs read of a source: the asset may have read nothing of it itself."""
        names = [name for name in observable_parents(asset) if name in GRAPH and source.asset in GRAPH[name].upstream]
        keys = [result_key(name, source.scope) for name in names]
        return [item for key in keys if key in self.records for item in self.records[key].inputs]


def observable_parents(asset: str) -> list[str]:
    """The assets and sources upstream, without the cohort, whose versions only Dagster's events have."""
    return [parent for parent in GRAPH[asset].upstream if parent != COHORT_SOURCE]


def _has_changed(source: str, read: Iterable[InputRecord], current: Mapping[str, str | None]) -> bool:
    """Whether a source differs from what was read: a job may read one of the reference's two files, of others all."""
    before, now = {item.content for item in read}, set(current.values())
    return not before <= now if source == REFERENCE_SOURCE else before != now


def _digest(inputs: Iterable[InputRecord]) -> str:
    lines = sorted(f"{item.local}\t{item.content}\n" for item in inputs)
    return sha256("".join(lines).encode()).hexdigest()
