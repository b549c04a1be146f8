"""The read groups that the comments of FASTQ records tell, as `bwa mem -C` makes tags of them."""

import re
from typing import Final

from bioinfo_assets.genomics.gzipped import inflate

_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9]:[AifZHB]:[ -~]*")
"""A tag as a SAM record has it (SAM specification, section 1.5)."""

_BLANK: Final = re.compile(r"[ \t]")
_MAX_TEXT: Final = 8 * 1024 * 1024


def read_group_ids(data: bytes, records: int) -> tuple[str | None, ...]:
    r"""Give the read groups of the first records of a gzipped FASTQ, each once; None where a record tells none.

    Args:
        data: The file's first bytes, which `fastq_head.read_head` found to be records.
        records: How many of the records to look at.

    >>> import gzip
    >>> read_group_ids(gzip.compress(b"@r1 RG:Z:FC1.4\nA\n+\nF\n@r2\nA\n+\nF\n"), records=2)
    ('FC1.4', None)
    """
    lines = inflate(data, most=_MAX_TEXT).data.decode("latin-1").split("\n")
    return tuple(dict.fromkeys(_id_of(header) for header in lines[: 4 * records : 4]))


def _id_of(header: str) -> str | None:
    """The read group, if all of the comment is tags: what else stood there would spoil the aligner's records."""
    _, *comment = _BLANK.split(header, maxsplit=1)
    tags = comment[0].split("\t") if comment else []
    if not all(map(_TAG.fullmatch, tags)):
        return None
    return next((tag.removeprefix("RG:Z:") for tag in tags if tag.startswith("RG:Z:")), None)
