"""Why two results differ: their recipes compared, and where an input differs, those of the jobs upstream.

A recipe is what the fingerprint is computed from: step version, parameters, tools, script and the contents of the
inputs. Results of two samples are compared without regard to the samples' names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import chain
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob
from bioinfo_assets.provenance.sample_agnostic_diff import SamplePair
from bioinfo_assets.records.commit import inputs_of
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.records.reuse import ReuseDecision
from bioinfo_assets.result_key import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE

SOURCE_KINDS: Final = {RAW_READS: "FASTQ", REFERENCE_SOURCE: "reference", KNOWN_SITES_SOURCE: "known sites"}
"""What a changed source is called, by the asset it was observed as."""

MAX_NAMED_RESULTS: Final = 3
"""Results that are named with a cause that affects many."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two results.

    Attributes:
        kind: `step`, `origin`, `step version`, `parameter`, `tool`, `script`, `input` (an upstream result), `FASTQ`,
            `reference`, `known sites`, `file`, `outputs`, `contents`, `damage`, `imported file` or `result`.
        name: Which one, if there are several.
        before: The first result's value; empty if it has none.
        after: The second result's value; empty if it has none.
        note: A further remark.
        because: The comparison of the jobs that wrote an input that differs.
        follows: Whether it is a consequence of another change of the same result, and not a cause itself.
    """

    kind: str
    name: str = ""
    before: str = ""
    after: str = ""
    note: str = ""
    because: "Comparison | None" = None
    follows: bool = False

    def __str__(self) -> str:
        text = f"{self.kind} {self.name}".rstrip()
        if self.before or self.after:
            text += f": {self.before or 'none'} → {self.after or 'none'}"
            return f"{text}, {self.note}" if self.note else text
        return f"{text}: {self.note}" if self.note else text


@dataclass(frozen=True, slots=True)
class Cause:
    """A change that nothing upstream explains.

    Attributes:
        change: The change.
        results: The results in whose recipes it was found.
    """

    change: Change
    results: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.results) - MAX_NAMED_RESULTS
        names = ", ".join(self.results[:MAX_NAMED_RESULTS])
        return f"{self.change} ({names}{f' and {more} more' if more > 0 else ''})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of two results.

    Attributes:
        name: Asset and scopes, in words.
        changes: The differences.
        script: The difference of the scripts, as a unified diff.
        contents: By output, whether both results have the same content.
        images: The two container images; they are not part of the recipe.
    """

    name: str
    changes: tuple[Change, ...]
    script: tuple[str, ...] = ()
    contents: Mapping[str, bool] = field(default_factory=dict)
    images: tuple[str, str] = ("", "")

    @property
    def is_same(self) -> bool:
        """Whether there are no differences."""
        return not self.changes

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The changes that led to all others, those furthest upstream first."""
        causes: dict[tuple[str, str, str, str, str], tuple[Change, dict[str, None]]] = {}
        for change, result in _causes(self, set()):
            key = change.kind, change.name, change.before, change.after, change.note
            causes.setdefault(key, (change, {}))[1][result] = None
        return tuple(Cause(change, tuple(results)) for change, results in causes.values())


def _causes(comparison: Comparison, visited: set[int]) -> Iterator[tuple[Change, str]]:
    if id(comparison) in visited:
        return
    visited.add(id(comparison))
    for change in comparison.changes:
        if change.because is not None:
            yield from _causes(change.because, visited)
    for change in comparison.changes:
        if change.because is None and not change.follows:
            yield change, comparison.name


def planned_record(record: Record, decision: ReuseDecision) -> Record:
    """The record of the result that a job would compute in place of an existing one; without outputs."""
    job = decision.required_job
    return record.model_copy(
        update={
            "version": job.version,
            "fingerprint": decision.fingerprint,
            "script": job.script,
            "parameters": dict(job.parameters),
            "inputs": inputs_of(job),
            "outputs": (),
            "tools": dict(decision.tools),
        }
    )


@dataclass
class Comparer:
    """Compares results of two output paths, which may be the same.

    Attributes:
        before: The lineage of the first results.
        after: The lineage of the second results.
    """

    before: Lineage
    after: Lineage
    _cache: dict[tuple[str, str, str, str], Comparison] = field(default_factory=dict)

    def compare(self, first: TracedJob, second: TracedJob) -> Comparison:
        """Compare two results and, where their inputs differ, everything upstream that explains it."""
        key = first.record_uri, first.record.fingerprint, second.record_uri, second.record.fingerprint
        if key not in self._cache:
            self._cache[key] = self._compare(first, second)
        return self._cache[key]

    def _compare(self, first: TracedJob, second: TracedJob) -> Comparison:
        before, after = first.record, second.record
        pair = SamplePair(before.scope, after.scope)
        images = before.image, after.image
        if before.asset != after.asset:
            return Comparison(f"{first.name} and {second.name}", (Change("step", "", before.asset, after.asset),))
        title = first.name if pair.are_same else f"{before.key.label} and {after.scope}"
        contents = dict(_compare_contents(before, after))
        if before.imported or after.imported:
            return Comparison(title, tuple(_compare_imports(before, after)), (), contents, images)
        script = tuple(_diff_scripts(before, after, pair))
        changes = list(_compare_recipes(before, after, pair))
        has_other_parameters = any(change.kind == "parameter" for change in changes)
        changes += self._compare_inputs(first, second, pair, has_other_parameters=has_other_parameters)
        if script:
            changes.append(_script_change(script, follows=any(map(_shapes_scripts, changes))))
        if not changes:
            changes.extend(_unexplained_changes(before, after, pair))
        return Comparison(title, tuple(changes), script, contents, images)

    def _compare_inputs(
        self, first: TracedJob, second: TracedJob, pair: SamplePair, *, has_other_parameters: bool
    ) -> Iterator[Change]:
        """The inputs that differ; files written by the same job share one change."""
        single: list[Change] = []
        by_producers: dict[tuple[str, str], tuple[list[str], TracedJob, TracedJob]] = {}
        before, after = _inputs_by_name(first, pair), _inputs_by_name(second, pair)
        for name in dict.fromkeys(chain(before, after)):
            old, new = before.get(name), after.get(name)
            if (old.content if old else None) == (new.content if new else None):
                continue
            old, new = _with_producer(self.before, old), _with_producer(self.after, new)
            if old and new and old.producer and new.producer:
                key = old.producer.record_uri, new.producer.record_uri
                by_producers.setdefault(key, ([], old.producer, new.producer))[0].append(name)
            else:
                change = _single_input(name, old, new)
                # Parameters decide which results are read: a report on one more sample reads that sample's files.
                follows = has_other_parameters and not (old and new) and change.kind == "result"
                single.append(replace(change, follows=follows))
        for names, old_producer, new_producer in by_producers.values():
            yield Change("input", ", ".join(names), because=self.compare(old_producer, new_producer))
        yield from single


def _inputs_by_name(job: TracedJob, pair: SamplePair) -> dict[str, TracedFile]:
    inputs = zip(job.record.inputs, job.inputs, strict=True)
    return {pair.common_name(item.local, job.record.scope): file for item, file in inputs}


def _with_producer(lineage: Lineage, file: TracedFile | None) -> TracedFile | None:
    """The file with its producer, which the lineage leaves out if a job has inputs of many samples."""
    if file is None or file.producer or file.observation or file.note:
        return file
    try:
        return lineage.of_file(file.uri, file.content)
    except InputError:  # no record names it
        return file


def _single_input(name: str, old: TracedFile | None, new: TracedFile | None) -> Change:
    """The change of an input that only one result has, or whose producer is unknown."""
    files = [file for file in (old, new) if file is not None]
    observation = next((file.observation for file in files if file.observation is not None), None)
    if observation is not None:
        kind = SOURCE_KINDS.get(observation.asset, "file")
    else:
        kind = "result" if any(file.producer for file in files) else "file"
    if old and new and old.uri == new.uri and not (old.producer or new.producer):
        return Change(kind, old.uri, old.digest, new.digest)
    return Change(kind, name, _describe(old), _describe(new))


def _describe(file: TracedFile | None) -> str:
    if file is None:
        return ""
    details = [file.digest, f"output of {file.producer.name}" if file.producer else "", file.note]
    return f"{file.uri} ({', '.join(filter(None, details))})"


def _compare_recipes(before: Record, after: Record, pair: SamplePair) -> Iterator[Change]:
    """Differences of step version, parameters and tools."""
    if before.version != after.version:
        yield Change("step version", "", before.version, after.version)
    for kind, old, new in (
        ("parameter", before.parameters, after.parameters),
        ("tool", before.tools, after.tools),
    ):
        for name in sorted(old.keys() | new.keys()):
            values = old.get(name), new.get(name)
            if (name in old) != (name in new) or not pair.are_equivalent(*values):
                texts = pair.render(*values)
                yield Change(kind, name, texts[0] if name in old else "", texts[1] if name in new else "")


def _diff_scripts(before: Record, after: Record, pair: SamplePair) -> Iterator[str]:
    """The unified diff of the scripts; lines that differ only by the samples' names count as equal."""
    old, new = before.script.splitlines(), after.script.splitlines()
    yield from unified_diff(old, pair.align_lines(old, new), before.scope, after.scope, lineterm="")


def _script_change(script: tuple[str, ...], *, follows: bool) -> Change:
    removed, added = (sum(line.startswith(sign) for line in script[2:]) for sign in "-+")
    return Change(
        "script", note=f"{removed} {'line' if removed == 1 else 'lines'} removed, {added} added", follows=follows
    )


def _shapes_scripts(change: Change) -> bool:
    """Whether a change shapes the script, so that the script's change follows from it."""
    is_one_sided = change.because is None and not (change.before and change.after)
    return change.kind in {"step version", "parameter"} or is_one_sided


def _compare_contents(before: Record, after: Record) -> Iterator[tuple[str, bool]]:
    """By key, whether the outputs have the same content; outputs derived from others have none and are left out."""
    old, new = ({file.key: file.content for file in record.outputs} for record in (before, after))
    if old and new:
        for key in dict.fromkeys(chain(old, new)):
            if old.get(key) is not None or new.get(key) is not None:
                yield key, old.get(key) == new.get(key)


def _unexplained_changes(before: Record, after: Record, pair: SamplePair) -> Iterator[Change]:
    """Differences of the results that no difference of the recipes explains."""
    for key, is_same in _compare_contents(before, after):
        if not is_same:
            yield Change("contents", key, note="differ, although script, tools, parameters and inputs are the same")
    if pair.are_same and before.fingerprint != after.fingerprint:
        yield Change("outputs", note="the job declares other output files, or other canonical forms of them")


def _compare_imports(before: Record, after: Record) -> Iterator[Change]:
    """Differences of results of which at least one was imported."""
    if before.imported != after.imported:
        yield Change("origin", "", _origin(before), _origin(after))
        return
    old, new = ({file.key: file for file in record.outputs} for record in (before, after))
    for key, is_same in _compare_contents(before, after):
        if not is_same:
            yield Change("imported file", key, _describe_import(old.get(key)), _describe_import(new.get(key)))


def _origin(record: Record) -> str:
    return f"imported by {record.user}" if record.imported else "computed by a job"


def _describe_import(file: FileRecord | None) -> str:
    return f"{file.uri} ({(file.sha256 or '')[:8]})" if file else ""
