"""The errors of object stores and web servers as this project's own, in a sentence for users.

What S3 may answer later is an error of its own: whoever waits for jobs asks again for hours.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from obstore.exceptions import (
    BaseError,
    GenericError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from bioinfo_assets.errors import InputError, NotFoundError, UnreachableError

_ADVICE: Final = {
    "s3": "check your AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and their rights, "
    "or, if every bucket that you use is public, set AWS_SKIP_SIGNATURE=true",
    "gs": "only public buckets can be read from gs://",
    "https": "the server restricts access: download the file yourself and give its local path",
}
"""What to do where access is denied, by the scheme of an address."""

_UNSIGNED_ADVICE: Final = "AWS_SKIP_SIGNATURE is set, so that only public buckets can be used: unset it"

_STATUS: Final = re.compile(r"status code: (\d{3})")
"""The status of an answer, which obstore has in the text of an error only (object_store, src/client/retry.rs)."""

_BAD_REQUEST: Final = 400
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
TRANSIENT: Final = frozenset({"RequestTimeout", "SlowDown", "Throttling"})
"""Codes of S3's errors that may not come again (Amazon S3 API reference, error responses)."""


_SENTENCES: Final = {
    "InvalidObjectState": "it is in an archive (S3 Glacier): restore it first, or copy it to another storage class",
    "RequestTimeTooSkewed": "the clock of this machine differs from S3's by more than 15 minutes: set it",
}
"""By code of S3's error (Amazon S3 API reference, error responses), what is wrong and what to do."""


class OtherRegionError(InputError):
    """A bucket is in another region than the one that was asked for it."""


def is_unsigned() -> bool:
    """Return whether the user wants no request to S3 to be signed."""
    return os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in {"1", "true", "yes"}


def advice(scheme: str) -> str:
    """Return what to do where access to an address of this scheme is denied."""
    return _UNSIGNED_ADVICE if scheme == "s3" and is_unsigned() else _ADVICE.get(scheme, _ADVICE["https"])


@contextmanager
def translate_store_errors(uri: str) -> Iterator[None]:
    """Raise the errors of an object store as this project's own.

    Raises:
        NotFoundError: there is no such object.
        UnreachableError: S3 does not answer for the moment, or credentials for it have expired.
        InputError: any other.
    """
    try:
        yield
    except FileNotFoundError as error:
        _check_bucket(uri, error)
        raise NotFoundError(f"{uri} does not exist: check its spelling") from error
    except BaseError as error:
        _check_bucket(uri, error)
        raise _translated(uri, error) from error


def _translated(uri: str, error: BaseError) -> InputError | UnreachableError:
    scheme, code = urlsplit(uri).scheme, _code(error)
    if scheme == "s3" and ("Received redirect" in str(error) or code == "AuthorizationHeaderMalformed"):
        return OtherRegionError(f"{uri} is in another region than the requests for it: set AWS_REGION to its own")
    if isinstance(error, InvalidPathError):  # only of a list: `key_of` checks a single one
        return InputError(
            f"{uri} has an object that cannot be listed ({_cause(error)}): rename it, or use another folder"
        )
    if sentence := _SENTENCES.get(code):
        return InputError(f"{uri} cannot be read: {sentence}")
    is_transient = scheme == "s3" and _is_transient(error)
    if is_transient and (isinstance(error, UnauthenticatedError) or code in EXPIRED):
        return UnreachableError(f"the credentials for {uri} have expired or cannot be renewed: renew them")
    in_brackets = f" ({code})" if code else ""
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
        return InputError(f"access to {uri} is denied{in_brackets}: {advice(scheme)}")
    sentence = f"{uri} could not be reached: {_cause(error)}{in_brackets}; check the address and the network"
    return UnreachableError(sentence) if is_transient else InputError(sentence)


def is_permanent(error: InputError | UnreachableError) -> bool:
    """Return whether the server refused a request for good: access is denied, or the object is in an archive."""
    cause = error.__cause__
    status = status_of(cause) if isinstance(cause, BaseError) else None
    return isinstance(error, InputError) and status in {400, 401, 403, 405}


def may_be_other_region(error: InputError | UnreachableError) -> bool:
    """Return whether a bucket may be in another region: a HEAD is answered by a bare 400, which has no other reason."""
    cause = error.__cause__
    is_bare = isinstance(cause, BaseError) and status_of(cause) == _BAD_REQUEST and not _code(cause)
    return isinstance(error, OtherRegionError) or is_bare


def _is_transient(error: BaseError) -> bool:
    """Whether S3 may answer the same request later."""
    status, code = status_of(error), _code(error)
    if code in TRANSIENT | EXPIRED:
        return True
    if status is None:  # no answer; or credentials that could not be renewed
        return isinstance(error, (GenericError, UnauthenticatedError))
    if status == _BAD_REQUEST and not code:
        return True  # of HEAD, whose answer has no code: it may be that for expired credentials
    return status >= 500 or status in {408, 429}


def status_of(error: BaseError) -> int | None:
    """Return the status of the answer; None if there was none."""
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None


def _code(error: BaseError) -> str:
    """The code of S3's error; empty if the answer had none."""
    match = _CODE.search(str(error))
    return match[1] if match else ""


def _cause(error: BaseError) -> str:
    """The cause in obstore's first line, without its times and counts of retries and the server's XML."""
    return str(error).splitlines()[0].rpartition(" - ")[2].partition(": <")[0].strip()


def _check_bucket(uri: str, error: Exception) -> None:
    """S3 answers a missing bucket like a missing object, except for this code (AWS API, error responses)."""
    if "<Code>NoSuchBucket</Code>" in str(error):
        raise InputError(f"bucket {urlsplit(uri).netloc} does not exist: create it, or check its name") from error
