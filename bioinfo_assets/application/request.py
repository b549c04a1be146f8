"""What a user asks of `run`, and the project that it is asked of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import HOME_VARIABLE, Settings

DEFAULT_REFERENCE: Final = "https://hgdownload.soe.ucsc.edu/goldenPath/hg38/chromosomes/chr22.fa.gz"
"""UCSC's chromosome 22 of GRCh38, with which `run` works unless another reference is set."""

_BROAD: Final = "gs://genomics-public-data/resources/broad/hg38/v0"
DEFAULT_KNOWN_SITES: Final = (
    f"{_BROAD}/1000G_phase1.snps.high_confidence.hg38.vcf.gz",
    f"{_BROAD}/Mills_and_1000G_gold_standard.indels.hg38.vcf.gz",
)
"""The sites of the Broad's public bucket for GRCh38, with which `run` works unless others, or none, are set."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to make, for which samples.

    Attributes:
        output_path: Where results are published: an absolute folder or an address.
        samples_file: The samples to add, or None for those that the project has.
        given: The settings that were given as options.
        select: Which assets, in Dagster's selection syntax; all if empty.
        samples: Which of the samples; all if empty.
        json: Whether the outcome is told as JSON.
        explain: Whether to tell only what would be made, and why.
    """

    output_path: str
    samples_file: str | None = None
    given: Mapping[str, object] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    json: bool = False
    explain: bool = False


def home_of(output_path: str) -> Path:
    """The project's home, an absolute path.

    Raises:
        InputError: it belongs to another output path, or an address has none.
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
    """The project's settings: what is given, then what is set, then the defaults of `run`.

    Raises:
        InputError: a setting is wrong.
    """
    settings = settings_module.load(home, output_path=request.output_path, **request.given)
    defaults: dict[str, object] = {}
    if settings.reference is None:
        defaults["reference"] = DEFAULT_REFERENCE
    if "known_sites" not in settings.model_fields_set:
        defaults["known_sites"] = DEFAULT_KNOWN_SITES
    return settings.model_copy(update=defaults)
