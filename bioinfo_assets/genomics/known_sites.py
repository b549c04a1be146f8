"""Known sites of variation: VCFs compressed with bgzip, and whether they are of the reference's assembly.

BaseRecalibrator skips these sites, so that true variants are not counted as sequencing errors.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import inflate, is_bgzf, is_gzip
from bioinfo_assets.genomics.reference import Contig, parse_length

_MAX_MINOR_VERSION: Final = 3
"""Of VCF 4, that GATK 4.6.2 reads."""

_MAX_HEADER: Final = 64 * 1024 * 1024
_CONTIG: Final = re.compile(r"##contig=<(?P<fields>.*)>")
_FIELD: Final = re.compile(r'(?P<key>[^=,<>]*+)(?:=(?P<value>"(?:[^"\\]|\\.)*+"|[^,>]*+))?[,<>]?')
"""Each match begins where the last one ended, and nothing is read twice: an odd line takes no longer than others."""

_MAX_NAMES_IN_MESSAGE: Final = 3


def contigs_of_vcf(uri: str, data: bytes, *, complete: bool = False) -> Mapping[str, int | None] | None:
    """Read the contigs from the header of a bgzipped VCF.

    Args:
        uri: The VCF, for error messages.
        data: Its first bytes; they may end within a block.
        complete: Whether `data` is the complete file.

    Returns:
        The length in bases of each contig by its name, None for a length that is not in the header; an empty mapping
        if the header has no contig; None instead of a mapping if the header is longer than the data.

    Raises:
        InputError: The file is empty, not compressed, plain gzip, damaged, not a VCF, or of a version that GATK cannot
            read.
    """
    _check_compression(uri, data)
    try:
        header = inflate(data, max_bytes=_MAX_HEADER).data.decode("utf-8", errors="replace")
    except zlib.error as error:
        raise InputError(f"{uri} is damaged within its gzip stream: copy it again from its source") from error
    if not header.startswith("##fileformat=VCF"[: len(header)]):
        raise InputError(f"{uri} is not a VCF: its first line should begin with '##fileformat=VCF'")
    contigs: dict[str, int | None] = {}
    lines = header.split("\n")
    _check_version(uri, lines[0].strip())
    for line in lines if complete else lines[:-1]:
        if line.startswith("#CHROM"):
            return contigs
        if not line.startswith("##"):
            break
        if match := _CONTIG.fullmatch(line.rstrip("\r")):
            _add_contig(contigs, match["fields"])
    else:
        if not complete and len(header) < _MAX_HEADER:
            return None
    raise InputError(f"{uri} has no line that begins with '#CHROM': copy it again from its source")


def check_known_sites(uri: str, contigs: Mapping[str, int | None], reference: Sequence[Contig]) -> None:
    """Check by their contigs that known sites are of the reference's assembly. Either may have more contigs.

    Raises:
        InputError: They have no contig in common, or one that differs in length.

    >>> check_known_sites("dbsnp.vcf.gz", {"chr21": 46709983, "chr22": 50818468}, [Contig("chr22", 50818468)])
    """
    shared = [contig for contig in reference if contig.name in contigs]
    if not shared:
        raise InputError(
            f"{uri} shares no contig with the reference: it has {_list_names(list(contigs))}, the reference "
            f"{_list_names([contig.name for contig in reference])}; take sites of the reference's assembly, "
            "or rename theirs with `bcftools annotate --rename-chrs`"
        )
    for contig in shared:
        length = contigs[contig.name]
        if length not in {None, contig.length}:
            raise InputError(
                f"{uri} is of another assembly: its {contig.name} has {length} bases, the reference's has "
                f"{contig.length}; take sites of the reference's assembly"
            )


def _check_compression(uri: str, data: bytes) -> None:
    if not data:
        raise InputError(f"{uri} is empty: copy it again from its source, or leave it out")
    if not is_gzip(data):
        raise InputError(f"{uri} is not compressed: run `bgzip FILE.vcf`, then `tabix -p vcf FILE.vcf.gz`")
    if not is_bgzf(data):
        raise InputError(
            f"{uri} is compressed with gzip, which cannot be indexed: run `zcat FILE.vcf.gz | bgzip > NEW.vcf.gz`, "
            "then `tabix -p vcf NEW.vcf.gz`"
        )


def _check_version(uri: str, first_line: str) -> None:
    version = first_line.removeprefix("##fileformat=VCFv")
    minor = parse_length(version.removeprefix("4."))
    if version.startswith("4.") and minor is not None and minor > _MAX_MINOR_VERSION:
        raise InputError(
            f"{uri} is VCF {version}, and GATK reads versions up to 4.{_MAX_MINOR_VERSION}: give it a first line "
            f"##fileformat=VCFv4.{_MAX_MINOR_VERSION}, which is enough for known sites"
        )


def _add_contig(contigs: dict[str, int | None], fields: str) -> None:
    found = ((match["key"].strip(), match["value"]) for match in _FIELD.finditer(fields))
    values = {key: value.strip('"') for key, value in found if value is not None}
    if name := values.get("ID"):
        contigs[name] = parse_length(values.get("length", ""))


def _list_names(names: Sequence[str]) -> str:
    if not names:
        return "none"
    hidden = len(names) - _MAX_NAMES_IN_MESSAGE
    more = f" and {hidden} more" if hidden > 0 else ""
    return ", ".join(f"'{name}'" for name in names[:_MAX_NAMES_IN_MESSAGE]) + more
