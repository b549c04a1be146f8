"""A container registry on this machine that holds one small image, and may be held up while it gives it away."""

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
    """What is known of it.

    Attributes:
        address: Of the server, as images are named by it; the engine trusts every registry of 127.0.0.0/8.
        digest: Of the image `tiny:1`.
        go_on: While this is not set, the second half of the image's layer is kept back.
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
    """Serves the image `tiny:1`, which has no program in it but a list of tools, and ballast: half of it comes late."""
    held = Registry()
    manifest, blobs = image({"opt/bioinfo-assets/tools.tsv": tools, "ballast": os.urandom(2 * HALF)})
    held.digest = digest(manifest)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            known = re.fullmatch(r"/v2/(?:tiny/(manifests|blobs)/(.+))?", self.path)
            found = blobs.get(known[2]) if known and known[1] == "blobs" else manifest
            if known is None or found is None or (known[1] == "manifests" and known[2] not in {"1", held.digest}):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(found)))
            self.send_header("Content-Type", MANIFEST if known[1] == "manifests" else "application/octet-stream")
            self.send_header("Docker-Content-Digest", digest(found))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found[:HALF])
                self.wfile.flush()
                if len(found) <= HALF or held.go_on.wait(60):
                    with suppress(BrokenPipeError):  # the engine has given up
                        self.wfile.write(found[HALF:])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield held
        finally:
            held.go_on.set()
            server.shutdown()
            thread.join()
