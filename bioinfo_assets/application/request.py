"""A request to run the pipeline, and the settings of the project it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import HOME_VARIABLE, Settings

DEFAULT_REFERENCE: Final = "https://hgdownload.soe.ucsc.edu/goldenPath/hg38/chromosomes/chr22.fa.gz"
"""UCSC's chromosome 22 of GRCh38, used by `run` unless a reference is set."""

_BROAD: Final = "gs://genomics-public-data/resources/broad/hg38/v0"
DEFAULT_KNOWN_SITES: Final = (
    f"{_BROAD}/1000G_phase1.snps.high_confidence.hg38.vcf.gz",
    f"{_BROAD}/Mills_and_1000G_gold_standard.indels.hg38.vcf.gz",
)
"""Known sites for GRCh38 from the Broad's public bucket, used by `run` unless others, or none, are set."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to compute, for which samples.

    Attributes:
        output_path: Where results are published: an absolute folder or an address.
        samples_file: Samples to add first; None to use those of the project.
        overrides: Settings given as options; None where an option was left out.
        select: Assets, in Dagster's selection syntax; all if empty.
        samples: Names of samples; all if empty.
    """

    output_path: str
    samples_file: str | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


def home_of(output_path: str) -> Path:
    """Return the absolute path of a project's home.

    Raises:
        InputError: the home belongs to another output path, or the output path is remote and no home is set.
    """
    home = Path(absolute_path(str(settings_module.home_of(output_path))))
    if home != Path(output_path) / ".dagster":
        other = settings_module.output_path_of(home)
        if other not in {None, output_path}:
            raise InputError(
                f"{HOME_VARIABLE} is {home}, the home of the project in {other}: set it to another folder for "
                f"{output_path}, or unset it"
            )
    return home


def settings_of(request: Request, home: Path) -> Settings:
    """Return the settings for a request: its overrides, then the project's settings, then the defaults of `run`.

    Raises:
        InputError: a setting is wrong.
    """
    settings = settings_module.load(home, output_path=request.output_path, **request.overrides)
    defaults: dict[str, object] = {}
    if settings.reference is None:
        defaults["reference"] = DEFAULT_REFERENCE
    if "known_sites" not in settings.model_fields_set:
        defaults["known_sites"] = DEFAULT_KNOWN_SITES
    return settings.model_copy(update=defaults)
