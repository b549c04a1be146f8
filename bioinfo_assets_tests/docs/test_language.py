"""The code, its messages and its documents are written in the words of the field, one word for one thing.

Each entry of the lists names a better word. A use that is right all the same goes into `EXCEPTIONS`, with its reason.
"""

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets_tests.docs.pages import BUILD, CLONE

WORDS: Final[Mapping[str, str]] = {
    r"tells?|told|telling": "report, show, print, describe, distinguish",
    r"says?(?! who)|saying": "state, mean, report; a message reads",
    r"foretold|foretells?|forecasts?": "predict, dry run",
    r"outlooks?": "plan, planned result",
    r"anew": "again",
    r"wardens?|see off": "supervisor",
    r"leftovers?": "garbage, unreferenced file",
    r"hangups?": "SIGHUP",
    r"patience": "timeout",
    r"judge?ments?|verdicts?|judged": "classification, outcome",
    r"is well|all well|all is well": "ok, success",
    r"subjects?": "scope (a sample or a shared folder); subject only of a module or an email",
    r"(?<!there )(?:is|are) no (?=\w+: )|is none(?=: )": "unknown X; X is not a Y",
    r"are told|is told|errors are told": "translate_…, report_…",
    r"there and whole|are whole|is whole|written whole|copied whole": "intact, complete, atomic",
    r"(?:lies|lie|lay) (?:beside|in|there|where|elsewhere|under|at|on|next)": "is stored",
    r"beside": "next to, in addition to, apart from",
    r"(?:come|comes|came) along": "is included",
    r"bears?|borne": "have, carry",
    r"sees? to": "ensure",
    r"heeds?|heeded|unheard": "follow, observe, ignore",
    r"reckon(?:s|ed|ing)?": "estimate, calculate",
    r"by turns": "alternately",
    r"is another (?:now|one|meanwhile|since)|are others now|is others now": "has changed",
    r"is not there": "does not exist",
    r"what is (?:there|given|wanted|asked)": "existing, requested, the arguments",
    r"a look at|looked at before": "check, poll",
    r"two are alike": "equivalent",
    r"(?<!nothing )(?<!anything )else (?:the|a|it|they|one|two|all|an|there|he|stand|be|would)\b": "otherwise",
    r"made elsewhere": "computed elsewhere, external",
    r"goes unheard|go unheard": "is ignored",
    r"as long as it lives": "while it runs",
}
"""Patterns that neither names nor prose contain, each with what to write instead.

Names are read as their words: `is_well` and `IsWell` are both `is well`.
"""

NAMES: Final[Mapping[str, str]] = {
    r"_?(?:MOST|LEAST|LONGEST|WIDEST|SHORTEST|most|least)_\w+": "max_…, min_…",
    r"(?:AT_ONCE|READERS|HASHERS|ASKED_AT_ONCE)": "MAX_CONCURRENT_…",
    r"_(?:tell|told|document|text|listed|made|found|named|look|seen|known)": "a verb and its object, such as _to_json",
    r"(?:one|there|asked|said|wanted|told|tell|means)": "a noun for what it is",
    r"Board|Wanted|Told|Means|Sequenced|Tracked|Leftover|Seen|Verdict": "the standard term",
}
"""Whole identifiers that Python code does not define, each with what to write instead."""

MODULES: Final = frozenset(
    [
        "told",
        "named",
        "found",
        "known",
        "listed",
        "made",
        "made_from",
        "remade",
        "past",
        "means",
        "once",
        "patience",
        "asked_once",
        "leftovers",
        "bounded",
        "foretold",
        "forecast",
        "two_names",
        "hangup",
        "perform",
        "warden",
        "judgement",
        "following",
    ]
)
"""Names that no module has: a module is named after what it holds."""

EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("*", "subjectOf"): "a term of schema.org",
    ("CHANGELOG.md", "`told`"): "an old name, which readers look for",
    ("CHANGELOG.md", "`subject`"): "an old name",
    ("CHANGELOG.md", "`is_well`"): "an old name",
    ("CHANGELOG.md", "`says`"): "an old name",
    ("CHANGELOG.md", "`told_from_record`"): "an old name",
    ("CONTRIBUTING.md", "one subject each"): "what a module is about",
}
"""By document (`*` for all) and text: why it is right there."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of prose, or a name read as words."""

    line: int
    words: str


def _relative(path: Path) -> str:
    return path.relative_to(CLONE).as_posix()


def _files(*patterns: str) -> list[str]:
    return sorted({_relative(path) for pattern in patterns for path in CLONE.glob(pattern) if path.is_file()})


PYTHON: Final = [
    name
    for name in _files("bioinfo_assets/**/*.py", "bioinfo_assets_tests/**/*.py", "benchmarks/*.py", "docs/*.py")
    if name != _relative(Path(__file__))
]
OTHERS: Final = [
    *BUILD.OUTSIDE,
    *_files(
        "docs/**/*.md", "bioinfo_assets/**/*.sh", "bioinfo_assets/**/*.awk", "docker/**/*.sh", "docker/tools/bin/*"
    ),
    *_files("docker/Dockerfile", "docker/tools/*.txt", "docker/tools/gatk/pom.xml", "benchmarks/Snakefile"),
    *_files("Makefile", "pyproject.toml", "mkdocs.yml", "deploy/batch.yaml", ".ci/run", ".github/workflows/*.yml"),
    *_files(".dockerignore", ".pre-commit-config.yaml", "benchmarks/stand_ins/*", "bioinfo_assets/**/*.toml"),
]


def as_words(name: str) -> str:
    """Split a name into its words.

    >>> as_words("_isWell_toldFrom")
    ' is Well told From'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.replace("_", " "))


def texts_of_python(source: str) -> Iterator[Text]:
    """The comments, strings and names of a Python source."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.STRING, tokenize.COMMENT}:
            for offset, line in enumerate(token.string.splitlines()):
                yield Text(token.start[0] + offset, as_words(line))
        elif token.type == tokenize.NAME:
            yield Text(token.start[0], as_words(token.string))


def texts_of(name: str) -> Iterator[Text]:
    """What a reader reads in a file."""
    source = (CLONE / name).read_text(encoding="utf-8")
    for (document, exception), reason in EXCEPTIONS.items():
        assert reason
        if document in {name, "*"}:
            source = source.replace(exception, "")
    if name.endswith(".py"):
        yield from texts_of_python(source)
    else:
        yield from (Text(number, as_words(line)) for number, line in enumerate(source.splitlines(), start=1))


def defined_names(source: str) -> Iterator[tuple[int, str]]:
    """The names that a Python source defines, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


PATTERNS: Final = {re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): better for pattern, better in WORDS.items()}
NAME_PATTERNS: Final = {re.compile(pattern): better for pattern, better in NAMES.items()}


@functools.cache  # most names occur in many places
def dialect_in(words: str) -> tuple[tuple[str, str], ...]:
    """The words that do not belong there, each with what to write instead."""
    return tuple((match[0], better) for pattern, better in PATTERNS.items() for match in pattern.finditer(words))


@pytest.mark.parametrize("name", [*PYTHON, *OTHERS])
def test_words_are_those_of_the_field(name: str) -> None:
    findings = [
        f"{name}:{text.line}: {found!r}: write {better}"
        for text in texts_of(name)
        for found, better in dialect_in(text.words)
    ]
    assert findings == []


@pytest.mark.parametrize("name", PYTHON)
def test_names_say_what_they_are(name: str) -> None:
    findings = [
        f"{name}:{line}: {defined}: write {better}"
        for line, defined in defined_names((CLONE / name).read_text(encoding="utf-8"))
        for pattern, better in NAME_PATTERNS.items()
        if pattern.fullmatch(defined)
    ]
    assert findings == []


def test_modules_are_named_after_what_they_hold() -> None:
    assert [name for name in PYTHON if Path(name).stem.removeprefix("test_") in MODULES] == []


def test_every_exception_is_needed() -> None:
    unused = [
        f"{document}: {text}"
        for (document, text) in EXCEPTIONS
        if not any(text in (CLONE / name).read_text(encoding="utf-8") for name in _documents(document))
    ]
    assert unused == []


def _documents(document: str) -> list[str]:
    return [*PYTHON, *OTHERS] if document == "*" else [document]


def test_a_name_is_read_as_its_words() -> None:
    source = 'def is_well(subject: str) -> None:\n    """Tells it."""\n    # beside it\n    ErrorsAreTold()\n'
    found = {word.strip() for text in texts_of_python(source) for word, _ in dialect_in(text.words)}
    assert {"is well", "subject", "Tells", "beside", "Told"} <= found
