"""Addresses of files: local paths, and `s3://`, `gs://` or `https://` URIs."""

import posixpath
import re
from typing import Final
from urllib.parse import unquote

_SCHEMES: Final = ("s3://", "gs://", "https://", "http://")


def is_remote(uri: str) -> bool:
    """Whether an address has a scheme, and is not a local path.

    >>> is_remote("s3://bucket/reads"), is_remote("/data/reads")
    (True, False)
    """
    return uri.startswith(_SCHEMES)


def file_name(uri: str) -> str:
    """The last part of an address, without the query and fragment of a web address.

    >>> file_name("/data/run 7/chr22.fa.gz")
    'chr22.fa.gz'
    >>> file_name("https://example.org/chr22.fa.gz?token=x")
    'chr22.fa.gz'
    """
    if uri.startswith(("https://", "http://")):
        _, _, path = re.split("[?#]", uri, maxsplit=1)[0].partition("://")[2].partition("/")
        return posixpath.basename(unquote(path))
    return posixpath.basename(uri)


def folder_of(uri: str) -> str:
    """The address up to its last part, without the slash.

    >>> folder_of("s3://bucket/run7/expt_FC1_L4_1.fastq.gz")
    's3://bucket/run7'
    """
    return uri.rpartition("/")[0]


def resolve_uri(source: str, target: str) -> str:
    """Resolve an address that was read from the file `source`, relative to that file's folder.

    >>> resolve_uri("/data/samples.txt", "run7/expt")
    '/data/run7/expt'
    >>> resolve_uri("s3://bucket/sheets/all.csv", "../reads/a.fastq.gz")
    's3://bucket/reads/a.fastq.gz'
    >>> resolve_uri("/data/samples.txt", "gs://bucket/expt/")
    'gs://bucket/expt'
    """
    if is_remote(target):
        return target.rstrip("/")
    if not is_remote(source):
        return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if target.startswith("/"):
        return posixpath.normpath(target)
    scheme, _, rest = source.partition("://")
    return f"{scheme}://{posixpath.normpath(posixpath.join(posixpath.dirname(rest), target))}"
