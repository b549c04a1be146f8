"""Addresses as IRIs: RO-Crate names files by these, and blanks or umlauts are not allowed in them as they are."""

from typing import Final
from urllib.parse import quote

from bioinfo_assets.storage.store import local_path

_OF_AN_IRI: Final = ":/?#[]@!$&'()*+,;=%~"
"""What RFC 3986 lets stand in an address besides letters and digits; what is escaped already stays so."""


def iri_of(uri: str) -> str:
    """A file's address as an IRI.

    >>> iri_of("/data/run 7/Käfer.bam"), iri_of("s3://bucket/run 7/a#b.bam")
    ('file:///data/run%207/K%C3%A4fer.bam', 's3://bucket/run%207/a%23b.bam')
    >>> iri_of("https://example.org/chr22.fa.gz?token=x%20y")
    'https://example.org/chr22.fa.gz?token=x%20y'
    """
    path = local_path(uri)
    if path is not None:
        return path.as_uri()
    if uri.startswith(("https://", "http://")):
        return quote(uri, safe=_OF_AN_IRI)
    scheme, _, rest = uri.partition("://")  # a key in a bucket is not escaped: `%` and `#` are letters of it
    return f"{scheme}://{quote(rest)}"


def local_id(*parts: str) -> str:
    """The name of what exists only within the crate, of a step or a parameter.

    >>> local_id("trimmed_reads", "cutadapt -a")
    '#trimmed_reads/cutadapt%20-a'
    """
    return "#" + "/".join(quote(part, safe="") for part in parts)
