"""The syntax of addresses: `s3://BUCKET/KEY`, `https://SERVER/PATH` and the like."""

from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from bioinfo_assets.errors import InputError

SCHEMES: Final = frozenset({"s3", "gs", "https", "http"})
"""Those of files that are not of this machine."""


def split_address(uri: str) -> SplitResult:
    """Split an address into its parts.

    Raises:
        InputError: it is malformed; or it has a password, since addresses are written to records and shown in Dagit.

    >>> split_address("s3://bucket/reads/a.fastq.gz").netloc
    'bucket'
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise InputError(f"{uri!r} is not a URI ({error}): correct it") from error
    if "@" in parts.netloc:
        raise InputError(
            f"an address at {parts.scheme}://{parts.netloc.rpartition('@')[2]} has a user name or password in it, "
            "which would be written to records: download the file yourself and give its local path, or give the "
            "address without them"
        )
    return parts


def scheme_and_host(uri: str) -> tuple[str, str]:
    """Return the scheme of an address, and its bucket or server."""
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc


def key_of(uri: str) -> str:
    """Return the key of an address in its bucket, or its path on its server.

    Raises:
        InputError: it has a query string, or is none that a client would send as it is.

    >>> key_of("s3://bucket/reads/a#1.fastq.gz")
    'reads/a#1.fastq.gz'
    """
    parts = urlsplit(uri)
    if parts.scheme not in {"https", "http"}:
        key = uri.split("://", 1)[1].partition("/")[2]  # a key may contain any character, `?` and `#` too
    elif parts.query:
        address = uri.partition("?")[0]  # the query of a signed address is a secret
        raise InputError(f"{address} has a query string: give the address without it, or download the file yourself")
    else:
        key = unquote(parts.path).removeprefix("/")
    if key.strip("/") and not {"", ".", ".."}.isdisjoint(key.removesuffix("/").split("/")):
        raise InputError(f"{uri} has an empty part, . or .. in its path, which is not supported: correct it")
    return key


def check_addresses(*uris: str | None) -> None:
    """Check the syntax of addresses before they are saved; None is none.

    Raises:
        InputError: one is malformed, or has a password.
    """
    for uri in filter(None, uris):
        split_address(uri)
