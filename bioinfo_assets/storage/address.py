"""The syntax of addresses: `s3://BUCKET/KEY`, `https://SERVER/PATH` and the like."""

from urllib.parse import SplitResult, urlsplit

from bioinfo_assets.errors import InputError


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
        raise InputError(f"{uri!r} is no address ({error}): correct it") from error
    if "@" in parts.netloc:
        raise InputError(
            f"an address at {parts.scheme}://{parts.netloc.rpartition('@')[2]} has a user name or password in it, "
            "which would be written to records: download the file yourself and give its local path, or give the "
            "address without them"
        )
    return parts


def check_addresses(*uris: str | None) -> None:
    """Check the syntax of addresses before they are saved; None is none.

    Raises:
        InputError: one is malformed, or has a password.
    """
    for uri in filter(None, uris):
        split_address(uri)
