"""Requests whose answer breaks off, which are made again.

obstore repeats a request that is refused or not answered, and resumes a file that it is reading. It does not repeat a
request whose answer breaks off in another body: that of an error, such as "there is no such file", or of a list.
"""

from typing import Final

from obstore.exceptions import BaseError
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

MAX_REQUESTS: Final = 6

_BROKEN_OFF: Final = ("request or response body error", "error decoding response body")
"""What reqwest, obstore's HTTP client, reports of a body that ends too early (reqwest, src/error.rs)."""


def breaks_off(error: BaseException) -> bool:
    """Whether this is the error of an answer that broke off, or was translated from it."""
    origin = error if isinstance(error, BaseError) else error.__cause__
    return isinstance(origin, BaseError) and any(text in str(origin) for text in _BROKEN_OFF)


repeated = retry(
    retry=retry_if_exception(breaks_off),
    stop=stop_after_attempt(MAX_REQUESTS),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    reraise=True,
)
"""Decorates a function whose request may be made several times: it is, if its answer breaks off."""
