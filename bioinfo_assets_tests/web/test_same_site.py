"""What pages of other sites make a browser send is refused; what user, programs and the page itself send is not."""

from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bioinfo_assets.web.same_site import SameSiteOnly
from bioinfo_assets_tests.web.server import Server


def answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


def app(*, any_host: bool) -> Starlette:
    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/graphql", "/runs")]
    starlette = Starlette(routes=routes)
    starlette.add_middleware(SameSiteOnly, any_host=any_host)
    return starlette


@pytest.fixture
def local(server: Server) -> Server:
    """A server for this machine."""
    server.app = app(any_host=False)
    return server


@pytest.fixture
def proxied(server: Server) -> Server:
    """A server behind a proxy."""
    server.app = app(any_host=True)
    return server


def post(server: Server, headers: Mapping[str, str]) -> int:
    return server.get("/graphql", method="POST", body=b"{}", headers=headers).status


@pytest.mark.parametrize(
    "host", ["evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "["]
)
def test_a_name_that_leads_here_for_a_moment_is_refused(local: Server, host: str) -> None:
    """By DNS rebinding, a page of somebody else's would read results."""
    assert local.get("/runs", headers={"Host": host}).status == 403


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "127.0.0.2:3000", "[::1]:3000", "LOCALHOST"])
def test_names_of_this_machine_are_served(local: Server, host: str) -> None:
    assert local.get("/runs", headers={"Host": host}).status == 200


def test_any_name_is_served_behind_a_proxy(proxied: Server) -> None:
    assert proxied.get("/runs", headers={"Host": "dagit.example.org"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=str,
)
def test_requests_of_other_sites_are_refused(local: Server, headers: Mapping[str, str]) -> None:
    for any_host in (False, True):
        local.app = app(any_host=any_host)
        assert post(local, headers) == 403
        assert local.get("/graphql?query=mutation", headers=headers).status == 403


def test_requests_of_the_page_the_user_and_programs_are_served(local: Server) -> None:
    own = f"http://{local.address}"
    for headers in ({}, {"Origin": own}, {"Sec-Fetch-Site": "same-origin", "Origin": own}, {"Sec-Fetch-Site": "none"}):
        assert post(local, headers) == 200


@pytest.mark.parametrize("query", ["query=mutation", "a=b&%71uery=mutation"])
def test_an_image_of_another_site_cannot_query(proxied: Server, query: str) -> None:
    """By plain http, browsers send neither `Origin` nor `Sec-Fetch-Site` with the request for an image."""
    assert proxied.get(f"/graphql?{query}", headers={"Host": "dagit.example.org:8080"}).status == 403
    assert proxied.get(f"/graphql?{query}", headers={"Sec-Fetch-Site": "same-origin"}).status == 200
    assert proxied.get("/graphql").status == 200  # the page to try queries in


def test_a_link_of_another_page_leads_to_dagit(local: Server) -> None:
    assert local.get("/runs", headers={"Sec-Fetch-Site": "cross-site"}).status == 200


def test_a_proxy_that_passes_the_name_on_is_served_without_fetch_metadata(proxied: Server) -> None:
    """Browsers send `Sec-Fetch-Site` to secure addresses only."""
    name = "dagit.example.org:8080"
    assert post(proxied, {"Host": name, "Origin": f"http://{name}"}) == 200
