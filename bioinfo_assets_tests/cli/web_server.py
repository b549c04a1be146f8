"""Asks a web server of Dagster's what it shows."""

import json
import socket
import time
import urllib.request

QUERY = json.dumps({"query": "{assetNodes{assetKey{path} assetMaterializations{label}}}"}).encode()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def materializations(port: int, deadline_s: float = 90) -> dict[str, int]:
    """The materializations of each asset, as soon as the server answers."""
    url = f"http://127.0.0.1:{port}/graphql"
    end = time.monotonic() + deadline_s
    while True:
        try:
            request = urllib.request.Request(url, QUERY, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
                nodes = json.load(answer)["data"]["assetNodes"]
                return {node["assetKey"]["path"][-1]: len(node["assetMaterializations"]) for node in nodes}
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.5)
