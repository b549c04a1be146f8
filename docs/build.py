"""MkDocs hooks: generate the parts of the site that come from the code, and add the documents outside of `docs/`.

A page names a generated part by a line of its own, such as `<!-- generated: commands -->`.
"""

import ast
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bioinfo_assets.cli.main import app
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.pipeline import asset_rows, jobs
from bioinfo_assets.pipeline.asset_spec import ALIGNER
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.provenance.usage.totals import UsageTotal
from bioinfo_assets.records.record import FileRecord, Observation, Record
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps import read_quality, resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets.steps.script import read_script

CLONE: Final = Path(__file__).parent.parent

OUTSIDE: Final[Mapping[str, str]] = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/README.md": "aws-template.md",
}
"""Documents outside of `docs/`, and the pages that they become."""

_MARKER: Final = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?![a-z]+:)([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the documents outside of `docs/`, with their links rewritten."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=page_of(source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Fill in the generated parts of a page, and rewrite its links."""
    uri = page.file.src_uri
    return fill_in(markdown if uri in OUTSIDE.values() else rewrite_links(markdown, f"docs/{uri}", uri))


def page_of(source: str) -> str:
    """Return a document outside of `docs/` as a page of the site, by its path in the clone."""
    return rewrite_links((CLONE / source).read_text(encoding="utf-8"), source, OUTSIDE[source])


def rewrite_links(markdown: str, source: str, page: str) -> str:
    """Make links between documents of the clone links between pages of the site.

    Args:
        markdown: The document.
        source: Its path in the clone.
        page: Its path on the site.
    """

    def rewrite(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(Path(source).parent / match[1])).as_posix()
        linked = OUTSIDE.get(target, target.removeprefix("docs/"))
        return f"]({os.path.relpath(linked, Path(page).parent)}{match[2] or ''})"

    return _LINK.sub(rewrite, markdown)


def fill_in(markdown: str) -> str:
    """Replace each marker of a generated part by its text."""
    return _MARKER.sub(lambda match: PARTS[match[1]](), markdown)


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_describe_command(name, command) for name, command in walk_commands())


def walk_commands(command: Any = None, name: str = "bioinfo-assets") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer keeps its copy of click private
    """Yield each command that runs something, with its full name."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "list_commands"):
        yield name, command
        return
    context = command.make_context(name, ["any"])
    for child in command.list_commands(context):
        yield from walk_commands(command.get_command(context, child), f"{name} {child}")


def settings() -> str:
    """The settings of a project."""
    return _fields(Settings, skip={"trimming", "retention", "quality", "jobs", "steps", "batch"})


def trimming_settings() -> str:
    """The settings of `[trimming]`."""
    return _fields(_model("trimming"), prefix="trimming.")


def retention_settings() -> str:
    """The settings of `[retention]`."""
    return _fields(_model("retention"), prefix="retention.")


def quality_settings() -> str:
    """The settings of `[quality]`."""
    return _fields(_model("quality"), prefix="quality.")


def job_options() -> str:
    """The options of `[jobs]` and `[steps.ASSET]`."""
    return _fields(_model("jobs"))


def batch_settings() -> str:
    """The settings of `[batch]`."""
    return _fields(_model("batch"))


def record() -> str:
    """The fields of a record."""
    return _described(Record)


def file_record() -> str:
    """The fields of a published or observed file in a record."""
    return _described_fields(FileRecord)


def accounting() -> str:
    """The fields of the accounting in a record."""
    return _described(Accounting)


def usage_total() -> str:
    """The fields of a total of `report`."""
    return _described_fields(UsageTotal)


def observation() -> str:
    """The fields of an observation."""
    return _described(Observation)


def assets() -> str:
    """Every asset: what it is, and what it is computed from."""
    rows = [
        (
            f"`{spec.name}`",
            spec.description,
            ", ".join(f"`{name}`" for name in spec.upstream),
            ", ".join(f"`{name}`" for name in spec.settings),
            _tools(spec.native_tools or spec.tools),
            _tools(spec.tools) if spec.native_tools else "",
            "all samples" if spec.scope else "each sample",
        )
        for spec in GRAPH.values()
    ]
    columns = ("asset", "what it is", "computed from", "settings", "tools", 'tools, `engine = "gatk"`', "one for")
    return _table(columns, rows)


def _tools(names: Iterable[str]) -> str:
    return ", ".join("the aligner" if name == ALIGNER else f"`{name}`" for name in names)


def example_step() -> str:
    """The function of the step that the guide to new steps adds."""
    return _code("python", inspect.getsource(read_quality.measure_read_quality))


def example_script() -> str:
    """Its script."""
    return _code("bash", read_script("read_quality.sh"))


def example_job() -> str:
    """How its job is built."""
    return _code("python", inspect.getsource(jobs.read_quality))


def example_row() -> str:
    """Its row."""
    source = inspect.getsource(asset_rows)
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    (row,) = (call for call in calls if any(ast.unparse(word) == "name='read_quality'" for word in call.keywords))
    return _code("python", inspect.cleandoc(" " * row.col_offset + (ast.get_source_segment(source, row) or "")))


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


COMMON_VARIANTS: Final = 1_400_000
"""The bytes of a VCF of some 60,000 common variants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of a sample's files in bytes: FASTQs, BAMs, the FASTA, known sites, and the number of samples."""

    reads: int
    bam: int
    fasta: int
    known_sites: int
    samples: int

    def resources(self) -> Mapping[str, Resources]:
        """What each step asks for, by asset."""
        bwa, mem2, mem3 = Aligner
        return {
            "reference_genome": resources.for_fetching(self.fasta, is_gzipped=False),
            "reference_index, bwa": _for_indexing(self.fasta, bwa),
            "reference_index, bwa-mem2": _for_indexing(self.fasta, mem2),
            "known_sites": resources.for_known_sites(self.known_sites),
            "merged_reads": resources.for_merging(self.reads),
            "trimmed_reads": resources.for_trimming(self.reads),
            "aligned_bam, bwa": _for_alignment(self, bwa),
            "aligned_bam, bwa-mem2": _for_alignment(self, mem2),
            "aligned_bam, bwa-mem3": _for_alignment(self, mem3),
            "marked_bam": resources.for_duplicate_marking(self.bam, self.fasta),
            "recalibrated_bam": resources.for_recalibration(self.bam, self.fasta, Engine.NATIVE),
            "recalibrated_bam, GATK": resources.for_recalibration(self.bam, self.fasta, Engine.GATK),
            "recalibrated_cram": resources.for_cram(self.bam, self.fasta),
            "read_quality": resources.for_read_quality(self.reads),
            "contamination": resources.for_contamination(self.bam, COMMON_VARIANTS),
            "fingerprint": resources.for_fingerprint(self.bam, self.fasta),
            "alignment_metrics": resources.for_picard_metrics(self.bam, self.fasta),
            "genome_metrics": resources.for_picard_metrics(self.bam, self.fasta),
            "insert_size_metrics": resources.for_picard_metrics(self.bam, 0),
            "depth": resources.for_depth(self.bam, self.fasta, plain_text=False),
            "multiqc_report": resources.for_report(60_000 * self.samples, self.samples),
        }


def _for_indexing(fasta: int, aligner: Aligner) -> Resources:
    return resources.for_indexing(fasta, aligner.indexing_bytes_per_base, aligner.index_bytes_per_base)


def _for_alignment(sizes: Sizes, aligner: Aligner) -> Resources:
    return resources.for_alignment(round(sizes.fasta * aligner.index_bytes_per_base), sizes.reads, aligner.thread_mib)


HUMAN: Final = Sizes(
    reads=60 * 10**9, bam=50 * 10**9, fasta=resources.HUMAN_FASTA, known_sites=17 * 10**8, samples=1000
)
SMALL: Final = Sizes(reads=10**8, bam=8 * 10**7, fasta=5 * 10**6, known_sites=10**6, samples=10)


def requirements() -> str:
    """What each step asks for: for a human genome at 30x coverage, and for a small one."""
    human, small = HUMAN.resources(), SMALL.resources()
    rows = [(f"`{name}`", *_requirement(human[name]), *_requirement(small[name])) for name in human]
    header = ("step", "CPUs", "memory, MiB", "disk, MiB", "small: CPUs", "memory, MiB", "disk, MiB")
    return _table(header, rows)


def _requirement(resources: Resources) -> tuple[str, str, str]:
    return f"{resources.cpus}", f"{resources.memory_mib:,}", f"{resources.disk_mib:,}"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands,
    "settings": settings,
    "trimming-settings": trimming_settings,
    "retention-settings": retention_settings,
    "quality-settings": quality_settings,
    "job-options": job_options,
    "batch-settings": batch_settings,
    "assets": assets,
    "record": record,
    "file-record": file_record,
    "accounting": accounting,
    "usage-total": usage_total,
    "observation": observation,
    "requirements": requirements,
    "example-step": example_step,
    "example-script": example_script,
    "example-job": example_job,
    "example-row": example_row,
}
"""The generated parts by name."""


def describe_fields(model: type[BaseModel]) -> Mapping[str, str]:
    """The description of each field of a model: its own, or that in the `Attributes` of the docstring."""
    documented = _documented(model)
    return {name: field.description or documented.get(name, "") for name, field in model.model_fields.items()}


def _documented(described: type) -> dict[str, str]:
    """The texts of the `Attributes` in a docstring, by name."""
    return dict(re.findall(r"^\s{4,8}(\w+): (.+(?:\n\s{12,}.+)*)", described.__doc__ or "", re.MULTILINE))


def _model(name: str) -> type[BaseModel]:
    annotation: Any = Settings.model_fields[name].annotation
    return annotation  # type: ignore[no-any-return]


def _fields(model: type[BaseModel], prefix: str = "", skip: Collection[str] = ()) -> str:
    descriptions = describe_fields(model)
    rows = [
        (f"`{prefix}{name}`", _format_default(field.get_default()), descriptions[name])
        for name, field in model.model_fields.items()
        if name not in skip
    ]
    return _table(("name", "default", "meaning"), rows)


def _described(model: type[BaseModel]) -> str:
    rows = [(f"`{name}`", text or "the version of this format") for name, text in describe_fields(model).items()]
    return _table(("field", "meaning"), rows)


def _described_fields(described: type) -> str:
    """The fields of a dataclass, by its docstring."""
    documented = _documented(described)
    return _table(("field", "meaning"), ((f"`{field.name}`", documented[field.name]) for field in fields(described)))


def _format_default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "none"
    return "none" if value is None or value in ({}, "") else f"`{value}`"


def _describe_command(name: str, command: Any) -> str:  # noqa: ANN401 - as above
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join([name, "[OPTIONS]", *map(_usage, arguments)])
    parts = [f"## {name.removeprefix('bioinfo-assets ')}", f"```text\n{usage}\n```", command.help or ""]
    rows = [(f"`{_metavar(argument)}`", argument.help or "", _option_default(argument)) for argument in arguments]
    rows += [(_option_names(option), option.help or "", _option_default(option)) for option in options]
    return "\n\n".join([*parts, _table(("option", "meaning", "default"), rows)])


def _metavar(parameter: Any) -> str:  # noqa: ANN401 - as above
    return str(parameter.metavar or parameter.name.upper())


def _usage(argument: Any) -> str:  # noqa: ANN401 - as above
    return _metavar(argument) if argument.required else f"[{_metavar(argument)}]"


def _option_names(option: Any) -> str:  # noqa: ANN401 - as above
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {_metavar(option)}"
    repeated = ", repeatable" if option.multiple else ""
    return f"{names}{value}{repeated}".replace("|", r"\|")


def _option_default(option: Any) -> str:  # noqa: ANN401 - as above
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return option.show_default
    return "" if getattr(option, "is_flag", False) or option.default is None else f"`{option.default}`"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    flat = " ".join(text.split()).replace("<", "&lt;")
    return re.sub(r"(?<!\\)\|", r"\|", flat)
