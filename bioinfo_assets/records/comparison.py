"""Why two results differ: what each was made by and from, side by side, up to the root causes."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.lineage import TracedFile, TracedJob
from bioinfo_assets.records.record import Record

SAMPLE = "SAMPLE"
"""Stands for a sample's own name where two samples are compared."""

SEPARATOR = ", "
"""Between the values of a parameter that has several."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that shapes a result; two results with one recipe are the same.

    Attributes:
        name: Of which asset, of what.
        version: Of the step.
        parameters: What a user set, as text.
        tools: Version by tool.
        script: The bash script.
        inputs: By local name, the digest of what was read; None of a file that follows from others.
    """

    name: str
    version: str
    parameters: Mapping[str, str]
    tools: Mapping[str, str]
    script: str
    inputs: Mapping[str, str | None]

    @classmethod
    def of_record(cls, record: Record) -> "Recipe":
        """Of a result that was made."""
        inputs = {item.local: item.content for item in record.inputs}
        return cls._of(
            record.step, record.subject, record.version, record.parameters, record.tools, record.script, inputs
        )

    @classmethod
    def of_job(cls, job: Job, tools: Mapping[str, str]) -> "Recipe":
        """Of one that would be made, with tools of these versions."""
        inputs = {item.local: item.file.content for item in job.inputs}
        return cls._of(job.step, job.subject, job.version, job.parameters, tools, job.script, inputs)

    @classmethod
    def _of(
        cls,
        step: str,
        subject: str,
        version: str,
        parameters: Mapping[str, object],
        tools: Mapping[str, str],
        script: str,
        inputs: Mapping[str, str | None],
    ) -> "Recipe":
        # The values of a script stand before its first empty line (`steps/script.py`), and only there a sample's name.
        values, empty_line, rest = script.partition("\n\n")
        return cls(
            name=f"{step} of {subject}",
            version=version,
            parameters={name: neutral(_text(value), subject) for name, value in parameters.items()},
            tools=dict(tools),
            script=neutral(values, subject) + empty_line + rest,
            inputs={neutral(local, subject): content for local, content in inputs.items()},
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same on both sides.

    Attributes:
        kind: `step version`, `parameter`, `tool`, `script` or `input`.
        name: Which of them; empty for a version or a script.
        before: What it was, as text; of a script, the lines that differ, as a unified diff.
        after: What it is.
    """

    kind: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.kind == "script":
            changed = [line for line in self.after.splitlines() if line[:1] in {"+", "-"}]
            return f"script ({len(changed)} lines differ)"
        named = f"{self.kind} {self.name}".rstrip()
        before, after = _where_they_differ(self.before, self.after)
        return f"{named}: {before or 'none'} → {after or 'none'}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two results, and why they differ.

    Attributes:
        before: The name of the first.
        after: The name of the second.
        changes: What shaped them otherwise.
        causes: Why inputs that differ do.
        sources: Sources that differ, as sentences.
        is_same: Whether the contents are the same.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    causes: tuple["Difference", ...] = ()
    sources: tuple[str, ...] = ()
    is_same: bool = False

    def roots(self) -> Iterator[str]:
        """The root causes, a sentence each."""
        own = [change for change in self.changes if change.kind != "input"]
        told = [change for change in own if change.kind != "script"] or own
        yield from (f"{self.after}: {change}" for change in told)
        yield from (f"{self.after}: {source}" for source in self.sources)
        for cause in self.causes:
            yield from cause.roots()
        if not (own or self.causes or self.sources or self.is_same):
            yield f"{self.after}: made in the same way of the same inputs, with other contents"


@dataclass
class Comparison:
    """Compares jobs with all that came before them; a pair that is met twice is compared once."""

    _known: dict[tuple[str, str], Difference] = field(default_factory=dict)

    def of(self, before: TracedJob, after: TracedJob) -> Difference:
        """Why the result of one job is not that of the other."""
        key = before.record_uri, after.record_uri
        if key not in self._known:
            self._known[key] = self._compare(before, after)
        return self._known[key]

    def _compare(self, before: TracedJob, after: TracedJob) -> Difference:
        changes = changes_of(Recipe.of_record(before.record), Recipe.of_record(after.record))
        was, now = _by_local(before), _by_local(after)
        causes: dict[tuple[str, str], Difference] = {}
        sources: list[str] = []
        for change in changes:
            if change.kind != "input":
                continue
            first, second = was.get(change.name), now.get(change.name)
            if first is not None and second is not None and first.maker and second.maker:
                cause = self.of(first.maker, second.maker)
                causes[cause.before, cause.after] = cause
            else:
                sources.append(f"input {change.name}: {_source(first)} → {_source(second)}")
        is_same = before.record.data_version == after.record.data_version
        names = before.name, after.name
        return Difference(*names, changes, tuple(causes.values()), tuple(dict.fromkeys(sources)), is_same)


def changes_of(before: Recipe, after: Recipe) -> tuple[Change, ...]:
    """What two recipes do not have in common."""
    changes = []
    if before.version != after.version:
        changes.append(Change("step version", "", before.version, after.version))
    sides: tuple[tuple[str, Mapping[str, str | None], Mapping[str, str | None]], ...] = (
        ("parameter", dict(before.parameters), dict(after.parameters)),
        ("tool", dict(before.tools), dict(after.tools)),
        ("input", before.inputs, after.inputs),
    )
    for kind, was, now in sides:
        names = [*was, *(name for name in now if name not in was)]
        differ = [name for name in names if (name in was, was.get(name)) != (name in now, now.get(name))]
        changes += [Change(kind, name, was.get(name) or "", now.get(name) or "") for name in differ]
    if before.script != after.script:
        lines = difflib.unified_diff(
            before.script.splitlines(), after.script.splitlines(), before.name, after.name, lineterm=""
        )
        changes.append(Change("script", "", "", "\n".join(list(lines)[2:])))
    return tuple(changes)


def neutral(text: str, subject: str) -> str:
    """A text in which a sample's name, where it stands alone, is `SAMPLE`.

    >>> neutral("expt.1.fastq.gz expt2", "expt")
    'SAMPLE.1.fastq.gz expt2'
    """
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(subject)}(?![A-Za-z0-9])", SAMPLE, text)


def _text(value: object) -> str:
    return SEPARATOR.join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _where_they_differ(before: str, after: str) -> tuple[str, str]:
    """Two texts; of lists, the first items that only one has, and how many there are."""
    was, now = before.split(SEPARATOR), after.split(SEPARATOR)
    if len(was) == 1 and len(now) == 1:
        return before, after
    return _first([one for one in was if one not in now]), _first([one for one in now if one not in was])


def _first(items: list[str]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{items[0].expandtabs(1)}{more}" if items else ""


def _by_local(job: TracedJob) -> dict[str, TracedFile]:
    """The inputs of a job by their local names, in which the sample's own is neutral."""
    pairs = zip(job.record.inputs, job.inputs, strict=True)
    return {neutral(item.local, job.record.subject): file for item, file in pairs}


def _source(file: TracedFile | None) -> str:
    return f"{file.uri} {file.digest}".rstrip() if file is not None else "none"
