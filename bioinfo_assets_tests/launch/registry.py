"""A container registry on this machine with one small image, whose transfer can be paused."""

import gzip
import hashlib
import http.server
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
HALF = 2_000_000


@dataclass
class Registry:
    """The registry.

    Attributes:
        address: Of the server, as in names of images; the engine trusts every registry of 127.0.0.0/8.
        digest: Of the image `tiny:1`.
        go_on: Until this is set, the second half of the image's layer is not sent.
    """

    address: str = ""
    digest: str = ""
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def image(self) -> str:
        return f"{self.address}/tiny:1"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def image(files: dict[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
    """The manifest of an image of these files, and its blobs by digest."""
    tar = layer(files)
    packed = gzip.compress(tar, 1)
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}}
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config),
            "digest": digest(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(packed),
                "digest": digest(packed),
            }
        ],
    }
    return json.dumps(manifest).encode(), {digest(config): config, digest(packed): packed}


@contextmanager
def registry(tools: bytes) -> Iterator[Registry]:
    """Serve the image `tiny:1`, which contains no program, but a list of tools and ballast, half of which waits."""
    state = Registry()
    manifest, blobs = image({"opt/bioinfo-assets/tools.tsv": tools, "ballast": os.urandom(2 * HALF)})
    state.digest = digest(manifest)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            match = re.fullmatch(r"/v2/(?:tiny/(manifests|blobs)/(.+))?", self.path)
            body = blobs.get(match[2]) if match and match[1] == "blobs" else manifest
            if match is None or body is None or (match[1] == "manifests" and match[2] not in {"1", state.digest}):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", MANIFEST if match[1] == "manifests" else "application/octet-stream")
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:HALF])
                self.wfile.flush()
                if len(body) <= HALF or state.go_on.wait(60):
                    with suppress(BrokenPipeError):  # the engine has given up
                        self.wfile.write(body[HALF:])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            state.go_on.set()
            server.shutdown()
            thread.join()
