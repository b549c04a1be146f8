"""Whether an import is what it is said to be, as far as the ends of its files tell; nothing is written here."""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import parse_sam_header
from bioinfo_assets.genomics.read_group import read_groups_of
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.maintenance import imported_files
from bioinfo_assets.maintenance.imports import GROUPED_BAMS, READS, SORTED_BAMS, Checked, Import
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import has_sample, load_sample
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.storage.store import FileStat, local_path

_ANY_PLATFORM: Final = "ILLUMINA"
"""The names of read groups, which are all that is asked for, do not depend on it."""


def check_import(ledger: Ledger, asked: Import, *, replace: bool = False) -> Checked:
    """Checks an import; nothing is written, and no file is read whole.

    Args:
        ledger: Where it is to be registered.
        asked: What is to be.
        replace: Whether it may take the place of a result that a job made.

    Raises:
        InputError: a file is missing, or is not what it must be; or a job made this result.
    """
    named = _named(asked)
    for uri in named.values():
        _check_place(ledger, uri, asked.sample)
        ledger.store.stat(uri)
    before = ledger.read(ResultKey(asked.asset, asked.sample))
    if before is not None and not before.imported and not replace:
        raise InputError(
            f"there is a {asked.asset} of {asked.sample} that a job made on {before.finished:%Y-%m-%d}: give --replace "
            "to register these files in its place"
        )
    warnings: list[str] = []
    if asked.asset in READS:
        _check_reads(ledger, asked)
    else:
        named = _check_bam(ledger, asked, named, warnings)
    files = {key: (uri, ledger.store.stat(uri)) for key, uri in named.items()}
    there = before if before is not None and before.imported and _is_of(before, asked, files) else None
    return Checked(asked, files, tuple(warnings), there)


def _named(asked: Import) -> dict[str, str]:
    """The files that were named, by their keys."""
    if asked.asset in READS:
        if len(asked.files) != 2:
            raise InputError(f"{asked.asset} is two FASTQs, not {len(asked.files)}: name those of read 1 and read 2")
        return dict(zip(("reads1", "reads2"), asked.files, strict=True))
    bams = [uri for uri in asked.files if not uri.endswith(".bai")]
    indexes = [uri for uri in asked.files if uri.endswith(".bai")]
    if len(bams) != 1 or len(indexes) > (asked.asset in SORTED_BAMS):
        index = " and its index (.bai)" if asked.asset in SORTED_BAMS else ""
        raise InputError(f"{asked.asset} is one BAM{index}, not {', '.join(asked.files)}: name what belongs to it")
    return {"bam": bams[0], **({"bai": indexes[0]} if indexes else {})}


def _check_place(ledger: Ledger, uri: str, sample: str) -> None:
    """What lies among results would be written over by the next job."""
    local_path(uri)  # tells what is no place for files
    if not uri.startswith(f"{ledger.output_path}/"):
        return
    folder = uri[len(ledger.output_path) + 1 :].partition("/")[0]
    if folder == sample or ledger.store.list(ledger.layout.records(folder)):
        raise InputError(f"{uri} lies among this project's own results, where jobs write: move it elsewhere first")


def _is_of(record: Record, asked: Import, files: Mapping[str, tuple[str, FileStat]]) -> bool:
    """Whether a record is of these very writings of these files."""
    now = {(key, uri, stat.size, stat.stamp) for key, (uri, stat) in files.items()}
    return now == {(file.key, file.uri, file.size, file.stamp) for file in record.outputs} and (
        dict(record.parameters) == asked.parameters
    )


def _check_reads(ledger: Ledger, asked: Import) -> None:
    found = imported_files.read_groups_in(ledger.store, asked.files)
    known = asked.read_groups
    if not known and has_sample(ledger, asked.sample):
        known = read_groups_of(load_sample(ledger, asked.sample), _ANY_PLATFORM)
    imported_files.check_read_groups(asked.files, found, [group.id for group in known], asked.sample)


def _check_bam(ledger: Ledger, asked: Import, named: Mapping[str, str], warnings: list[str]) -> dict[str, str]:
    """Checks a BAM and its index; gives both, for the index is looked for where it was not named."""
    uri = named["bam"]
    header = imported_files.read_bam_header(ledger.store, uri)
    imported_files.check_sample_of(uri, header, asked.sample)
    reference = _reference(ledger)
    if reference is None:
        warnings.append("the reference has no index here yet, so that the contigs of the BAM were not compared with it")
    else:
        imported_files.check_contigs(uri, header, reference)
    if asked.asset in GROUPED_BAMS:
        imported_files.check_grouped(uri, header)
        return {"bam": uri}
    imported_files.check_sorted(uri, header)
    index = named.get("bai") or imported_files.find_index(ledger.store, uri)
    imported_files.check_index(ledger.store, index, uri, header)
    if _is_older(ledger, index, uri):
        warnings.append(
            f"{index} is older than its BAM: make it again with `samtools index -b`, if the BAM was changed"
        )
    return {"bam": uri, "bai": index}


def _is_older(ledger: Ledger, index: str, bam: str) -> bool:
    """Whether an index was written before its BAM; of files of this machine alone is that known."""
    if local_path(index) is None or local_path(bam) is None:
        return False
    return int(ledger.store.stat(index).stamp) < int(ledger.store.stat(bam).stamp)


def _reference(ledger: Ledger) -> tuple[Contig, ...] | None:
    """The contigs of the project's reference; None where it is not indexed yet."""
    index = ledger.read(ResultKey("reference_index", REFERENCES))
    if index is None:
        return None
    dictionary = index.file("dict").uri
    try:
        return parse_sam_header(ledger.store.read_bytes(dictionary).decode()).contigs
    except ValueError as error:
        raise InputError(
            f"{dictionary} is no sequence dictionary ({error}): make the reference's index again"
        ) from error
