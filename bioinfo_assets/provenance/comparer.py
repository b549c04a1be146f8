"""Compares two results: their recipes side by side, and where an input differs, those of what made it.

A recipe is what the fingerprint is of: step version, parameters, tools, script, and what the inputs say. Names and
texts of two samples are compared with the samples' names left out of account.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import chain
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.comparison import Change, Comparison
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob
from bioinfo_assets.provenance.sample_agnostic_diff import SamplePair
from bioinfo_assets.records.commit import inputs_of
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.records.reuse import ReuseDecision

SOURCES: Final = {"raw_reads": "FASTQ", "reference_source": "reference", "known_sites_source": "known sites"}
"""What a source is to people, by the asset it was observed as."""


def planned_record(record: Record, decision: ReuseDecision) -> Record:
    """The record of what a job would compute in place of a result; its outputs are not known yet."""
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
    """Compares results of two output paths, which may be one.

    Attributes:
        before: The history of the first results.
        after: That of the second.
    """

    before: Lineage
    after: Lineage
    _done: dict[tuple[str, str, str, str], Comparison] = field(default_factory=dict)

    def compare(self, one: TracedJob, other: TracedJob) -> Comparison:
        """Two results and, where what they were made from differs, all that led to that."""
        key = one.record_uri, one.record.fingerprint, other.record_uri, other.record.fingerprint
        if key not in self._done:
            self._done[key] = self._compared(one, other)
        return self._done[key]

    def _compared(self, one: TracedJob, other: TracedJob) -> Comparison:
        before, after = one.record, other.record
        names = SamplePair(before.scope, after.scope)
        images = before.image, after.image
        if before.asset != after.asset:
            return Comparison(f"{one.name} and {other.name}", (Change("step", "", before.asset, after.asset),))
        title = one.name if names.are_same else f"{before.key.label} and {after.scope}"
        contents = dict(_contents(before, after))
        if before.imported or after.imported:
            return Comparison(title, tuple(_origin(before, after)), (), contents, images)
        script = tuple(_script(before, after, names))
        changes = list(_recipe(before, after, names))
        is_set_otherwise = any(change.kind == "parameter" for change in changes)
        changes += self._inputs(one, other, names, is_set_otherwise=is_set_otherwise)
        if script:
            changes.append(_script_change(script, follows=any(map(_shapes_scripts, changes))))
        if not changes:
            changes.extend(_unexplained(before, after, names))
        return Comparison(title, tuple(changes), script, contents, images)

    def _inputs(
        self, one: TracedJob, other: TracedJob, names: SamplePair, *, is_set_otherwise: bool
    ) -> Iterator[Change]:
        """What was read and is not the same; files that one job made are told together."""
        alone: list[Change] = []
        made: dict[tuple[str, str], tuple[list[str], TracedJob, TracedJob]] = {}
        firsts, seconds = _by_name(one, names), _by_name(other, names)
        for name in dict.fromkeys(chain(firsts, seconds)):
            first, second = firsts.get(name), seconds.get(name)
            if _content(first) == _content(second):
                continue
            first, second = _retraced(self.before, first), _retraced(self.after, second)
            if first and second and first.maker and second.maker:
                makers = first.maker, second.maker
                made.setdefault((makers[0].record_uri, makers[1].record_uri), ([], *makers))[0].append(name)
            else:
                change = _alone(name, first, second)
                # Results are read, or not, as parameters say: a report of one sample more reads the files of that.
                follows = is_set_otherwise and not (first and second) and change.kind == "result"
                alone.append(replace(change, follows=follows))
        for together, maker, other_maker in made.values():
            yield Change("input", ", ".join(together), because=self.compare(maker, other_maker))
        yield from alone


def _by_name(job: TracedJob, names: SamplePair) -> dict[str, TracedFile]:
    return {
        names.file(item.local, job.record.scope): file for item, file in zip(job.record.inputs, job.inputs, strict=True)
    }


def _content(file: TracedFile | None) -> str | None:
    return file.content if file else None


def _retraced(lineage: Lineage, file: TracedFile | None) -> TracedFile | None:
    """The file with its maker, which a fan-in of many samples is read without."""
    if file is None or file.maker or file.observation or file.note:
        return file
    try:
        return lineage.of_file(file.uri, file.content)
    except InputError:  # nothing is known of it
        return file


def _alone(name: str, first: TracedFile | None, second: TracedFile | None) -> Change:
    """A file that one side has not, or that nothing is known to have made."""
    files = [file for file in (first, second) if file is not None]
    seen = next((file.observation for file in files if file.observation is not None), None)
    kind = SOURCES.get(seen.asset, "file") if seen else "result" if any(file.maker for file in files) else "file"
    if first and second and first.uri == second.uri and not (first.maker or second.maker):
        return Change(kind, first.uri, first.digest, second.digest)
    return Change(kind, name, _described(first), _described(second))


def _described(file: TracedFile | None) -> str:
    if file is None:
        return ""
    known = [file.digest, f"made by {file.maker.name}" if file.maker else "", file.note]
    return f"{file.uri} ({', '.join(filter(None, known))})"


def _recipe(before: Record, after: Record, names: SamplePair) -> Iterator[Change]:
    """Version, parameters and tools."""
    if before.version != after.version:
        yield Change("step version", "", before.version, after.version)
    for kind, one, other in (
        ("parameter", before.parameters, after.parameters),
        ("tool", before.tools, after.tools),
    ):
        for name in sorted(one.keys() | other.keys()):
            first, second = one.get(name), other.get(name)
            if (name in one) != (name in other) or not names.alike(first, second):
                told = names.told(first, second)
                yield Change(kind, name, told[0] if name in one else "", told[1] if name in other else "")


def _script(before: Record, after: Record, names: SamplePair) -> Iterator[str]:
    """The difference of the scripts; lines that differ by the samples' names only are the same."""
    lines, others = before.script.splitlines(), after.script.splitlines()
    yield from unified_diff(lines, names.matched(lines, others), before.scope, after.scope, lineterm="")


def _script_change(script: tuple[str, ...], *, follows: bool) -> Change:
    gone, new = (sum(line.startswith(sign) for line in script[2:]) for sign in "-+")
    return Change("script", note=f"{gone} {'line' if gone == 1 else 'lines'} removed, {new} added", follows=follows)


def _shapes_scripts(change: Change) -> bool:
    """Whether a change shapes the script, which then follows from it."""
    is_new_or_gone = change.because is None and not (change.before and change.after)
    return change.kind in {"step version", "parameter"} or is_new_or_gone


def _contents(before: Record, after: Record) -> Iterator[tuple[str, bool]]:
    """By key, whether the outputs say the same; those that follow from others are left out."""
    ones, others = ({file.key: file.content for file in record.outputs} for record in (before, after))
    if ones and others:
        for key in dict.fromkeys(chain(ones, others)):
            first, second = ones.get(key), others.get(key)
            if first is not None or second is not None:
                yield key, first == second


def _unexplained(before: Record, after: Record, names: SamplePair) -> Iterator[Change]:
    """What differs though nothing of the recipes does."""
    for key, is_same in _contents(before, after):
        if not is_same:
            yield Change("contents", key, note="others, though all that they were made from, and by, is the same")
    if names.are_same and before.fingerprint != after.fingerprint:
        yield Change("outputs", note="other files, or what counts as their content is told in another way")


def _origin(before: Record, after: Record) -> Iterator[Change]:
    """Of results of which one, or both, were imported."""
    if before.imported != after.imported:
        yield Change("origin", "", _how(before), _how(after))
        return
    ones, others = ({file.key: file for file in record.outputs} for record in (before, after))
    for key, is_same in _contents(before, after):
        if not is_same:
            yield Change("imported file", key, _imported(ones.get(key)), _imported(others.get(key)))


def _how(record: Record) -> str:
    return f"imported by {record.user}" if record.imported else "made by a job"


def _imported(file: FileRecord | None) -> str:
    return f"{file.uri} ({(file.sha256 or '')[:8]})" if file else ""
