"""Links that open alignments in IGV Desktop, which reads them from this server.

A link in Dagster's metadata cannot name the port on which Dagit will be open when somebody follows it. So it leads
here, and from here to IGV with the address of the request.
"""

from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bioinfo_assets.errors import BioinfoAssetsError, NotFoundError
from bioinfo_assets.genomics.igv import PORT, load_link
from bioinfo_assets.layout import IGV_URL, RESULTS_URL
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets.web.result_files import is_plain

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}

_PAGE: Final = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name} in IGV</title>
<meta http-equiv="refresh" content="0;url={link}"></head><body>
<p>IGV is asked to open {name}. If nothing happens there, start IGV Desktop on this computer, check that it listens
on port {port} (View &gt; Preferences &gt; Advanced), and <a href="{link}">try again</a>.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class IgvLinks:
    """A page for each alignment of a project, which opens it in IGV.

    Attributes:
        ledger: The project's records.
    """

    ledger: Ledger

    @property
    def route(self) -> Route:
        """The route of a Starlette application."""
        return Route(f"{IGV_URL}/{{path:path}}", self.respond, methods=["GET"])

    def respond(self, request: Request) -> Response:
        """Respond with the page of an alignment or of the session, or with one sentence."""
        path = request.path_params["path"]
        try:
            link = self._link(path, _address(request))
        except NotFoundError:
            return PlainTextResponse(f"there is no alignment {path}\n", 404)
        except BioinfoAssetsError as error:
            return PlainTextResponse(f"{error}\n", 502)
        name = escape(path.rpartition("/")[2])
        return HTMLResponse(_PAGE.format(name=name, link=escape(link), port=PORT), headers=_HEADERS)

    def _link(self, path: str, address: str) -> str:
        """The link to IGV: the alignment and the genome are read from this server."""
        layout, uri = self.ledger.layout, f"{self.ledger.layout.output_path}/{path}"
        is_session = uri == layout.igv_session
        if not is_plain(path) or not (is_session or path.endswith((".bam", ".cram"))):
            raise NotFoundError(path)
        self.ledger.store.stat(uri)
        served = f"{address}{RESULTS_URL}/{quote(path)}"
        genome = None if is_session else self.ledger.read(ResultKey("reference_genome", REFERENCES))
        if genome is None:
            return load_link(served)
        fasta = genome.file("fasta").uri
        url = layout.url(fasta)
        return load_link(served, f"{address}{url}" if url else fasta, path.partition("/")[0])


def _address(request: Request) -> str:
    """The address by which the browser reaches this server; a proxy with TLS names it in a header."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.url.netloc}"
