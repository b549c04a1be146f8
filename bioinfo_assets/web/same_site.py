"""Refuses what a page of another site makes a browser send: whoever reaches Dagster's API can launch runs.

Dagster 1.13 itself accepts any `Host`, any `Origin`, and mutations by GET.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAME: Final = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of a request by the page itself, and of one by the user (W3C, Fetch Metadata Request Headers)."""


class SameSiteOnly:
    """An ASGI application that passes on only what the user, a program, or Dagster's own page sends.

    Args:
        app: The application.
        any_host: Whether it has names other than those of this machine, as it has behind a proxy. Otherwise a name of
            somebody else's, which leads to this machine for a moment, would make their page one of the same site.
    """

    def __init__(self, app: ASGIApp, *, any_host: bool) -> None:
        self._app = app
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, by 403 and a sentence if it is refused."""
        problem = self._problem(scope) if scope["type"] in {"http", "websocket"} else ""
        answer = PlainTextResponse(f"{problem}\n", 403) if problem else self._app
        await answer(scope, receive, send)

    def _problem(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        if not self._any_host and not _is_this_machine(headers.get("host", "")):
            return "this page is at 127.0.0.1 or localhost, and has no other name"
        if _can_change_something(scope) and not _is_same_site(headers):
            return "the page of another site sent this request"
        if _is_query_by_get(scope) and "sec-fetch-site" not in headers:
            return "send queries by POST"
        return ""


def _is_this_machine(host: str) -> bool:
    """Whether a `Host` header names the machine on which the browser runs."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _can_change_something(scope: Scope) -> bool:
    """Whether it is more than a link to a page: Dagster's API takes mutations by GET too."""
    return scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD"} or scope["path"].endswith("/graphql")


def _is_query_by_get(scope: Scope) -> bool:
    """Whether it is what an image of another site can ask for: without `Origin`, and with the user's password."""
    return (
        scope["type"] == "http" and scope["path"].endswith("/graphql") and "query" in QueryParams(scope["query_string"])
    )


def _is_same_site(headers: Headers) -> bool:
    """Whether no page of another site sent a request; a program sends neither of these headers.

    Browsers send `Sec-Fetch-Site` to `https` and to this machine only, so elsewhere `Origin` has to do.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in _SAME
    if origin is None:
        return True
    _, _, netloc = origin.partition("://")
    return netloc.lower() == headers.get("host", "").lower()
