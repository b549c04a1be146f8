"""`bioinfo-assets run`: align samples, from FASTQs to BAMs, metrics and a report."""

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from bioinfo_assets.application.paths import absolute_adapter, absolute_path
from bioinfo_assets.application.plan import DEFAULT_KNOWN_SITES, DEFAULT_REFERENCE, Request
from bioinfo_assets.cli.options import BACKEND_PANEL, Backend, Image, Json, OutputPath, Queue, Samples, job_options
from bioinfo_assets.cli.run_pipeline import run_pipeline
from bioinfo_assets.errors import InputError

TRIMMING_PANEL: Final = "Trimming"


def run(  # noqa: PLR0913 - each parameter is an option
    *,
    output_path: OutputPath,
    samples_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Samples to add: a list of folders of FASTQs, one per line, or a samplesheet like that of "
            "nf-core/sarek. It must list all lanes of each sample. Only its samples are run; without it, all samples "
            "of the project.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="URI", help="FASTA of the genome, plain or gzipped.", show_default=DEFAULT_REFERENCE),
    ] = None,
    reference_alt: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The .alt file of an ALT-aware reference.", show_default="the one next to it"),
    ] = None,
    reference_index: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="A ready-made index of the aligner: its files without their suffixes. It needs --aligner.",
            show_default="made by a job",
        ),
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
        bool, typer.Option("--no-known-sites", help="Use no known sites: base qualities are not recalibrated.")
    ] = False,
    contamination_sites: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="A bgzipped VCF of common variants with their frequencies, to estimate contamination (GATK).",
            show_default="not estimated",
        ),
    ] = None,
    haplotype_map: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="A haplotype map, by which samples are recognized as one person's (Picard).",
            show_default="not compared",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ASSET",
            help="Compute only these assets; may be repeated. A name, or Dagster's selection syntax: `1+key:depth` is "
            "depth and its direct inputs, `+key:depth` includes everything upstream, `key:merged_reads+` everything "
            "downstream.",
        ),
    ] = None,
    samples: Samples = None,
    platform: Annotated[
        str | None, typer.Option(help="Sequencing platform, PL of the read groups.", show_default="ILLUMINA")
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option(
            help="bwa, bwa-mem2, bwa-mem3 (with --reference-index), or auto: bwa-mem2 if it is installed.",
            show_default="auto",
        ),
    ] = None,
    optical_distance: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Distance within which duplicates are optical: 2500 for patterned flow cells, 100 for others.",
            show_default="2500",
        ),
    ] = None,
    depth_as_text: Annotated[
        bool | None,
        typer.Option(
            "--depth-as-text/--depth-as-bgzip", help="Write depth as plain text: 19 bytes per base of a human genome."
        ),
    ] = None,
    cram: Annotated[
        str | None,
        typer.Option(
            metavar="off|embedded|external",
            help="Also write the final alignment as CRAM: with the reference in it, or for readers that have it.",
            show_default="off",
        ),
    ] = None,
    read_quality: Annotated[
        bool | None,
        typer.Option("--read-quality/--no-read-quality", help="Measure the quality of reads before trimming (fastp)."),
    ] = None,
    genome_metrics: Annotated[
        bool | None,
        typer.Option(
            "--genome-metrics/--no-genome-metrics",
            help="Collect Picard's WGS metrics, GC bias and base qualities by cycle; needs `make install-gatk`.",
        ),
    ] = None,
    truseq: Annotated[
        bool | None,
        typer.Option("--truseq/--no-truseq", help="Cut Illumina's TruSeq adapters.", rich_help_panel=TRIMMING_PANEL),
    ] = None,
    adapter_3p_1: Annotated[
        str | None,
        typer.Option(
            "--adapter-3p-1",
            metavar="SEQ|FILE",
            help="3' adapter of read 1: a sequence, or a FASTA of several; '' to unset it.",
            rich_help_panel=TRIMMING_PANEL,
        ),
    ] = None,
    adapter_3p_2: Annotated[
        str | None,
        typer.Option(
            "--adapter-3p-2", metavar="SEQ|FILE", help="3' adapter of read 2.", rich_help_panel=TRIMMING_PANEL
        ),
    ] = None,
    adapter_5p_1: Annotated[
        str | None,
        typer.Option(
            "--adapter-5p-1", metavar="SEQ|FILE", help="5' adapter of read 1.", rich_help_panel=TRIMMING_PANEL
        ),
    ] = None,
    adapter_5p_2: Annotated[
        str | None,
        typer.Option(
            "--adapter-5p-2", metavar="SEQ|FILE", help="5' adapter of read 2.", rich_help_panel=TRIMMING_PANEL
        ),
    ] = None,
    poly_g: Annotated[
        bool | None,
        typer.Option(
            "--poly-g/--no-poly-g",
            help="Cut the poly-G tails of two-colour Illumina instruments (NextSeq, NovaSeq), and 3' ends below "
            "quality 20.",
            rich_help_panel=TRIMMING_PANEL,
        ),
    ] = None,
    max_n: Annotated[
        float | None,
        typer.Option(
            help="Drop a pair if either read has a larger fraction of Ns.",
            show_default="0.1",
            rich_help_panel=TRIMMING_PANEL,
        ),
    ] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    cpus: Annotated[
        int | None,
        typer.Option(
            help="CPUs of this machine that the jobs of this run may use together.",
            show_default="all",
            rich_help_panel=BACKEND_PANEL,
        ),
    ] = None,
    memory_mib: Annotated[
        int | None,
        typer.Option(
            help="Memory of this machine that the jobs of this run may use together, in MiB.",
            show_default="all",
            rich_help_panel=BACKEND_PANEL,
        ),
    ] = None,
    scratch: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Working folder of jobs; s3://BUCKET/FOLDER for batch.",
            show_default="DIR/.scratch",
            rich_help_panel=BACKEND_PANEL,
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Shared cache: results computed by one project are copied by others. '' to unset it.",
            show_default="none",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Dry run: show what would be computed, and why. No setting is saved."),
    ] = False,
    json: Json = False,
) -> None:
    """Align samples: from FASTQs to BAMs, metrics and a report.

    Results with the same inputs, parameters and tools are reused. A project keeps its settings: an option that is left
    out keeps its last value.
    """
    if known_sites and no_known_sites:
        raise InputError("--known-sites and --no-known-sites are mutually exclusive: give one of them")
    sites = () if no_known_sites else tuple(map(absolute_path, known_sites or ())) or None
    adapters = {
        "three_prime_1": adapter_3p_1,
        "three_prime_2": adapter_3p_2,
        "five_prime_1": adapter_5p_1,
        "five_prime_2": adapter_5p_2,
    }
    overrides = {
        "reference": _absolute(reference),
        "reference_alt": _absolute(reference_alt),
        "reference_index": _absolute(reference_index),
        "known_sites": sites,
        "contamination_sites": _absolute(contamination_sites),
        "haplotype_map": _absolute(haplotype_map),
        "platform": platform,
        "aligner": aligner,
        "optical_distance": optical_distance,
        "depth_as_text": depth_as_text,
        "cram": cram,
        "read_quality": read_quality,
        "genome_metrics": genome_metrics,
        "trimming": _trimming(adapters, truseq=truseq, poly_g=poly_g, max_n=max_n),
        "backend": backend,
        "jobs": job_options(image, queue),
        "cpus": cpus,
        "memory_mib": memory_mib,
        "scratch": _absolute(scratch),
        "cache": _absolute(cache) if cache else cache,
    }
    request = Request(
        output_path=absolute_path(output_path),
        samples_file=_absolute(samples_file),
        overrides=overrides,
        select=tuple(select or ()),
        samples=tuple(samples or ()),
    )
    run_pipeline(request, as_json=json, explain_only=explain)


def _absolute(path: str | None) -> str | None:
    return None if path is None else absolute_path(path)


def _trimming(adapters: Mapping[str, str | None], **others: object) -> dict[str, object] | None:
    """The trimming settings among the options; an empty adapter unsets the project's."""
    changed = {name: value for name, value in adapters.items() if value is not None}
    settings = {name: absolute_adapter(value) if value else None for name, value in changed.items()}
    return {**settings, **{name: value for name, value in others.items() if value is not None}} or None
