"""`bioinfo-assets run`: samples to BAMs, metrics and a report."""

from collections.abc import Mapping
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_adapter, absolute_path
from bioinfo_assets.application.request import DEFAULT_KNOWN_SITES, DEFAULT_REFERENCE, Request
from bioinfo_assets.cli.options import MEANS, Backend, Image, Json, OutputPath, Queue, jobs_given
from bioinfo_assets.cli.run_pipeline import run_pipeline
from bioinfo_assets.errors import InputError

TRIMMING = "Trimming"


def run(  # noqa: PLR0913 - each is an option
    *,
    output_path: OutputPath,
    samples_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A list of folders of FASTQs, one a line, or a samplesheet as of nf-core/sarek. Left out: the samples "
            "that the project has.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The genome's FASTA, plain or gzipped.", show_default=DEFAULT_REFERENCE),
    ] = None,
    reference_alt: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The .alt file of an ALT-aware reference.", show_default="the one beside it"),
    ] = None,
    known_sites: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URI",
            help="A bgzipped VCF of known variants, for base recalibration; may be repeated.",
            show_default=" and ".join(DEFAULT_KNOWN_SITES),
        ),
    ] = None,
    no_known_sites: Annotated[
        bool, typer.Option("--no-known-sites", help="Use none: base qualities are not recalibrated.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ASSET",
            help="Make these assets only; may be repeated. A name, or Dagster's selection syntax: '+depth' is depth "
            "and what it is made from, '*depth' all before it too, 'merged_reads*' all after it.",
        ),
    ] = None,
    samples: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Run these samples only; may be repeated.")
    ] = None,
    platform: Annotated[str | None, typer.Option(help="PL of the read groups.", show_default="ILLUMINA")] = None,
    aligner: Annotated[
        str | None, typer.Option(help="bwa, bwa-mem2 or auto: bwa-mem2 where it is installed.", show_default="auto")
    ] = None,
    optical_distance: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Within it a duplicate is an optical one: 2500 for patterned flow cells, 100 for others.",
            show_default="2500",
        ),
    ] = None,
    depth_as_text: Annotated[
        bool | None, typer.Option("--depth-as-text/--depth-as-bgzip", help="Depth as plain text, 15 bytes a base.")
    ] = None,
    truseq: Annotated[
        bool | None,
        typer.Option("--truseq/--no-truseq", help="Cut Illumina's TruSeq adapters.", rich_help_panel=TRIMMING),
    ] = None,
    adapter_3p_1: Annotated[
        str | None,
        typer.Option(
            "--adapter-3p-1",
            metavar="SEQ|FILE",
            help="3' adapter of read 1: a sequence, or a FASTA of several; '' for none.",
            rich_help_panel=TRIMMING,
        ),
    ] = None,
    adapter_3p_2: Annotated[
        str | None,
        typer.Option("--adapter-3p-2", metavar="SEQ|FILE", help="3' adapter of read 2.", rich_help_panel=TRIMMING),
    ] = None,
    adapter_5p_1: Annotated[
        str | None,
        typer.Option("--adapter-5p-1", metavar="SEQ|FILE", help="5' adapter of read 1.", rich_help_panel=TRIMMING),
    ] = None,
    adapter_5p_2: Annotated[
        str | None,
        typer.Option("--adapter-5p-2", metavar="SEQ|FILE", help="5' adapter of read 2.", rich_help_panel=TRIMMING),
    ] = None,
    poly_g: Annotated[
        bool | None,
        typer.Option(
            "--poly-g/--no-poly-g",
            help="Cut the runs of G of two-colour machines (NextSeq, NovaSeq), and 3' ends below quality 20.",
            rich_help_panel=TRIMMING,
        ),
    ] = None,
    max_n: Annotated[
        float | None,
        typer.Option(
            help="Drop pairs with a larger share of N in one read.", show_default="0.1", rich_help_panel=TRIMMING
        ),
    ] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    cpus: Annotated[
        int | None, typer.Option(help="CPUs of this machine for jobs.", show_default="all", rich_help_panel=MEANS)
    ] = None,
    memory_mib: Annotated[
        int | None,
        typer.Option(help="Memory of this machine for jobs, in MiB.", show_default="all", rich_help_panel=MEANS),
    ] = None,
    scratch: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where jobs work: a folder, or s3://BUCKET/FOLDER for batch.",
            show_default="DIR/.scratch",
            rich_help_panel=MEANS,
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Share results with other projects and users: what one made the others copy. '' for none.",
            show_default="none",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Tell only what would be made, and why: nothing is run, no setting is kept."),
    ] = False,
    json: Json = False,
) -> None:
    """Align samples: from FASTQs to BAMs, metrics and a report.

    What was made before from the same reads, settings and tools is found and not made again. A project keeps its
    settings: an option that is left out is as it was in the last run.
    """
    if known_sites and no_known_sites:
        raise InputError("--known-sites and --no-known-sites exclude each other: give one of them")
    sites = () if no_known_sites else tuple(map(absolute_path, known_sites or ())) or None
    adapters = {
        "three_prime_1": adapter_3p_1,
        "three_prime_2": adapter_3p_2,
        "five_prime_1": adapter_5p_1,
        "five_prime_2": adapter_5p_2,
    }
    given = {
        "reference": _absolute(reference),
        "reference_alt": _absolute(reference_alt),
        "known_sites": sites,
        "platform": platform,
        "aligner": aligner,
        "optical_distance": optical_distance,
        "depth_as_text": depth_as_text,
        "trimming": _trimming(adapters, truseq=truseq, poly_g=poly_g, max_n=max_n),
        "backend": backend,
        "jobs": jobs_given(image, queue),
        "cpus": cpus,
        "memory_mib": memory_mib,
        "scratch": _absolute(scratch),
        "cache": _absolute(cache) if cache else cache,
    }
    run_pipeline(
        Request(
            output_path=absolute_path(output_path),
            samples_file=_absolute(samples_file),
            given=given,
            select=tuple(select or ()),
            samples=tuple(samples or ()),
            json=json,
            explain=explain,
        )
    )


def _absolute(given: str | None) -> str | None:
    return None if given is None else absolute_path(given)


def _trimming(adapters: Mapping[str, str | None], **others: object) -> dict[str, object] | None:
    """The trimming settings that were given; an empty adapter takes back one that was set."""
    given = {name: absolute_adapter(value) if value else None for name, value in adapters.items() if value is not None}
    return {**given, **{name: value for name, value in others.items() if value is not None}} or None
