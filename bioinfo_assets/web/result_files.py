"""The files of a project's results over HTTP, read-only, under the same address as Dagster's page.

Results are not trusted: a page among them may have been written by anybody whose files were aligned or imported. The
browser gives it an origin of its own (Content Security Policy, Level 3, `sandbox`) and lets it load nothing, so that
its scripts cannot reach Dagster's API, which launches runs.
"""

import mimetypes
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bioinfo_assets.errors import BioinfoAssetsError, NotFoundError
from bioinfo_assets.layout import RESULTS_URL, OutputLayout
from bioinfo_assets.storage.store import Store, local_path

HEADERS: Final = {
    "Content-Security-Policy": "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline' data:; img-src data: blob:; "
    "font-src data:; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Of each response. MultiQC's page has its scripts in itself and compiles some of them."""

PAGE_START: Final = b"""<!DOCTYPE html><script>
for (const name of ["localStorage", "sessionStorage"]) {
  const items = new Map();
  Object.defineProperty(window, name, {value: {
    getItem: (key) => items.get(String(key)) ?? null,
    setItem: (key, value) => { items.set(String(key), String(value)); },
    removeItem: (key) => { items.delete(String(key)); },
    clear: () => { items.clear(); },
  }});
}
Object.defineProperty(document, "cookie", {value: "", writable: true});
</script>
"""
"""What comes before a page: storage that lasts as long as it is open. A browser has none for an origin of its own, and
MultiQC's page does not work without. The page goes on in the same `<head>` (HTML, 13.2.6.4.4)."""

_TEXTS: Final = (".log", ".md5", ".table", ".status", ".fai", ".dict")
"""Suffixes of text files that are not registered as such."""

_CHUNK: Final = 4 * 1024 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The files below a project's output path.

    Attributes:
        layout: The output path.
        home: The project's home, whose files are not served: settings and Dagster's database.
        store: Reads them.
    """

    layout: OutputLayout
    home: Path
    store: Store = field(default_factory=Store)

    @property
    def route(self) -> Route:
        """The route of a Starlette application; it answers to GET and HEAD only."""
        return Route(f"{RESULTS_URL}/{{path:path}}", self.respond, methods=["GET"])

    def respond(self, request: Request) -> Response:
        """Respond with a file, or the part of it that the request asks for; otherwise with one sentence."""
        path = request.path_params["path"]
        try:
            response = self._response(path, request)
        except NotFoundError:
            response = PlainTextResponse(f"there is no result {path}\n", 404)
        except BioinfoAssetsError as error:
            response = PlainTextResponse(f"{error}\n", 502)
        response.headers.update(HEADERS)
        return response

    def _response(self, path: str, request: Request) -> Response:
        if not is_plain(path):
            raise NotFoundError(path)
        uri, media_type = f"{self.layout.output_path}/{path}", media_type_of(path)
        file = None if local_path(uri) is None else self._local(path)
        if media_type == "text/html":
            return Response(PAGE_START + self.store.read_small(str(file or uri)), media_type=media_type)
        if file is None:
            return self._remote(uri, media_type, request.headers.get("range", ""), is_head=request.method == "HEAD")
        return FileResponse(file, media_type=media_type)

    def _local(self, path: str) -> Path:
        """The file of a path, unless links lead out of the output path, or to what is hidden there."""
        root = Path(self.layout.output_path).resolve()
        try:
            file = (root / path).resolve(strict=True)
            mode = file.stat().st_mode
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
            raise NotFoundError(path) from error
        is_inside = file.is_relative_to(root) and not file.is_relative_to(self.home.resolve())
        if not is_inside or not is_plain(file.relative_to(root).as_posix()) or not stat.S_ISREG(mode):
            raise NotFoundError(path)
        return file

    def _remote(self, uri: str, media_type: str, byte_range: str, *, is_head: bool) -> Response:
        """A remote file, or a range of it; several ranges at once are not supported, so all of it is sent."""
        size = self.store.stat(uri).size
        span = range_of(byte_range, size)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(len(span))}
        if byte_range and not span:
            return PlainTextResponse("the file has no such range\n", 416, {"Content-Range": f"bytes */{size}"})
        if len(span) < size:
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        status = 206 if len(span) < size else 200
        if is_head:  # of a streaming response Starlette would read all, and send none of it
            return Response(None, status, headers, media_type)
        return StreamingResponse(self._chunks(uri, span), status, headers, media_type)

    def _chunks(self, uri: str, span: range) -> Iterator[bytes]:
        for start in range(span.start, span.stop, _CHUNK):
            yield self.store.read_bytes(uri, start, min(_CHUNK, span.stop - start))


def is_plain(path: str) -> bool:
    """Whether a path is one of a file within a folder: no part of it is hidden, leads upwards, or is empty."""
    return "\0" not in path and all(part and not part.startswith(".") for part in path.split("/"))


def media_type_of(path: str) -> str:
    """The media type of a file by its name.

    >>> media_type_of("a/a.fastp.html"), media_type_of("a/a.recalib.bam"), media_type_of("a/a.depth.txt.gz")
    ('text/html', 'application/octet-stream', 'application/gzip')
    """
    if path.endswith(_TEXTS):
        return "text/plain"
    media_type, encoding = mimetypes.guess_type(path)
    return "application/gzip" if encoding == "gzip" else media_type or "application/octet-stream"


def range_of(header: str, size: int) -> range:
    """The bytes that a `Range` header asks for (RFC 9110, 14.2): all for one that is not understood, none outside.

    >>> range_of("bytes=2-5", 10), range_of("bytes=7-", 10), range_of("bytes=-3", 10)
    (range(2, 6), range(7, 10), range(7, 10))
    >>> range_of("", 10), range_of("bytes=0-1,4-5", 10), len(range_of("bytes=10-", 10))
    (range(0, 10), range(0, 10), 0)
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return range(size)
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    return range(int(match[1]), min(int(match[2]) + 1 if match[2] else size, size))
