"""Known sites: bgzipped VCFs of variants, which base recalibration does not count as errors, and their indexes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import OutputFiles
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

_VCF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.vcf\.b?gz")


@dataclass(frozen=True, slots=True)
class KnownSites:
    """A VCF, and the index that `fetch_known_sites` built; None before."""

    vcf: StoredFile
    tbi: StoredFile | None

    @property
    def name(self) -> str:
        """The VCF's local name.

        Raises:
            InputError: The file does not have the name of a bgzipped VCF.
        """
        name = file_name(self.vcf.uri)
        if not _VCF.fullmatch(name):
            raise InputError(
                f"{self.vcf.uri} is not the name of bgzipped known sites: give a file in .vcf.gz or .vcf.bgz, "
                "named with letters, digits, '.', '_', '+' and '-'"
            )
        return name

    @classmethod
    def all_of(cls, outputs: OutputFiles) -> tuple[Self, ...]:
        """Take the outputs of `fetch_known_sites`."""
        vcfs = sorted(key for key in outputs if not key.endswith(".tbi"))
        return tuple(cls(outputs[key], outputs[f"{key}.tbi"]) for key in vcfs)


def fetch_known_sites(sources: Sequence[KnownSites], contigs: StoredFile, layout: OutputLayout) -> Job:
    """Copy VCFs to `references/` and index them.

    The keys of the outputs are the names of the files. The script fails with a message if a VCF is truncated, not
    bgzipped, not sorted, or without a record on a contig of the reference. The lengths of contigs are checked by
    `genomics.known_sites`.

    Args:
        sources: The VCFs; their existing indexes are not used, because they may be outdated.
        contigs: The reference's `.fai`.
        layout: Where results are published.

    Raises:
        InputError: There is no source, one does not have the name of a bgzipped VCF, or two have the same name.
    """
    names = check_sources(sources)
    inputs = [Input(f"sites.{number}", source.vcf) for number, source in enumerate(sources)]
    return Job(
        key=ResultKey("known_sites", "references"),
        version=VERSION,
        script=render(
            "fetch_known_sites",
            names=[file_name(source.vcf.uri) for source in sources],
            vcfs=names,
        ),
        inputs=(Input("contigs.fai", contigs), *inputs),
        outputs=tuple(output for name in names for output in _outputs(name, layout)),
        tools=("bgzip", "tabix"),
        parameters={"known_sites": tuple(file_name(source.vcf.uri) for source in sources)},
        resources=resources.for_known_sites(sum(source.vcf.size for source in sources)),
    )


def check_sources(sources: Sequence[KnownSites]) -> list[str]:
    """Check that known sites can be copied to one folder, and return their local names.

    Raises:
        InputError: There is no source, one does not have the name of a bgzipped VCF, or two have the same name.
    """
    names = [source.name for source in sources]
    if not names:
        raise InputError("there are no known sites to fetch: give at least one VCF, or leave this step out")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"two files of known sites are named {repeated[0]}: rename one, they are copied to one folder")
    return names


def _outputs(name: str, layout: OutputLayout) -> tuple[Output, Output]:
    return (
        Output(name, name, layout.reference(name), canonical=canonical.BGZIPPED),
        Output(f"{name}.tbi", f"{name}.tbi", layout.reference(f"{name}.tbi"), canonical=canonical.DERIVED_FILE),
    )
