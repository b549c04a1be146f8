"""Known sites: variants that base recalibration takes for no errors, as bgzipped VCFs with their indexes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import Outputs
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

_VCF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.vcf\.b?gz")


@dataclass(frozen=True, slots=True)
class KnownSites:
    """A VCF, and the index that `fetch_known_sites` made of it; None before."""

    vcf: StoredFile
    tbi: StoredFile | None

    @property
    def name(self) -> str:
        """The VCF's local name.

        Raises:
            InputError: The file has no VCF's name.
        """
        name = file_name(self.vcf.uri)
        if not _VCF.fullmatch(name):
            raise InputError(
                f"{self.vcf.uri} is not the name of bgzipped known sites: give a file in .vcf.gz or .vcf.bgz, "
                "named with letters, digits, '.', '_', '+' and '-'"
            )
        return name

    @classmethod
    def all_of(cls, outputs: Outputs) -> tuple[Self, ...]:
        """From what `fetch_known_sites` made."""
        vcfs = sorted(key for key in outputs if not key.endswith(".tbi"))
        return tuple(cls(outputs[key], outputs[f"{key}.tbi"]) for key in vcfs)


def fetch_known_sites(sources: Sequence[KnownSites], contigs: StoredFile, layout: Layout) -> Job:
    """Copy VCFs to `references/` and index them anew.

    The keys of the outputs are the names of the files. The script fails with a sentence on a VCF that is cut short, not
    bgzipped, not sorted, or without a record on a contig of the reference. Whether the lengths of contigs agree is
    `genomics.known_sites` to tell.

    Args:
        sources: The VCFs; an index beside one is not used, for it may be of another file.
        contigs: The reference's `.fai`.
        layout: Where results are published.

    Raises:
        InputError: There is no source, one has no VCF's name, or two have one name.
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
        resources=resources.streaming(0),
    )


def check_sources(sources: Sequence[KnownSites]) -> list[str]:
    """Check that known sites can be fetched side by side, and give their local names.

    Raises:
        InputError: There is no source, one has no VCF's name, or two have one name.
    """
    names = [source.name for source in sources]
    if not names:
        raise InputError("there are no known sites to fetch: give at least one VCF, or leave this step out")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two files of known sites are both named {twice[0]}: rename one, for they share a folder")
    return names


def _outputs(name: str, layout: Layout) -> tuple[Output, Output]:
    return (
        Output(name, name, layout.reference(name), canonical=canonical.GZIPPED),
        Output(f"{name}.tbi", f"{name}.tbi", layout.reference(f"{name}.tbi"), canonical=canonical.FOLLOWS),
    )
