# ruff: noqa: INP001 - a script of the Makefile; no package imports it
"""Write what the tools' image consists of as CycloneDX: packages of Debian and PyPI, and Java's archives.

Usage: `docker/sbom.py NAME <DEBIAN_PACKAGES`, with the image's `/opt/bioinfo-assets/debian-packages.tsv` on standard
input. It writes CycloneDX 1.5 as JSON to standard output (https://cyclonedx.org/docs/1.5/json/). Python packages are
those that `uv.lock` has for the group `tools`, and archives those of `docker/tools/gatk/SHA256SUMS`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

CLONE: Final = Path(__file__).resolve().parent.parent
_EXPORT: Final = ("uv", "export", "--quiet", "--frozen", "--format", "cyclonedx1.5", "--only-group", "tools")
_ARCHIVE: Final = re.compile(r"(?P<name>.+?)-(?P<version>\d.*)\.jar")


def main(name: str) -> None:
    """Write the document of an image with this name."""
    document = json.loads(subprocess.run(_EXPORT, cwd=CLONE, check=True, capture_output=True).stdout)
    sums = (CLONE / "docker" / "tools" / "gatk" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    document["metadata"]["component"] = {"type": "container", "bom-ref": name, "name": name}
    document["components"] += [*debian_components(sys.stdin), *archive_components(sums)]
    document["dependencies"] = [
        item for item in document["dependencies"] if not item["ref"].startswith("bioinfo-assets")
    ]
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def debian_components(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The packages in lines of `NAME<TAB>VERSION` (https://github.com/package-url/purl-spec, type deb)."""
    for line in lines:
        name, version = line.rstrip("\n").split("\t")
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def archive_components(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Java's archives in lines of `sha256sum`; Maven's names of their groups are not in them, so they have no purl."""
    for line in lines:
        digest, file = line.split()
        match = _ARCHIVE.fullmatch(file)
        name, version = (match["name"], match["version"]) if match else (file, "")
        hashes = [{"alg": "SHA-256", "content": digest}]
        yield {"type": "library", "bom-ref": file, "name": name, "version": version, "hashes": hashes}


if __name__ == "__main__":
    main(sys.argv[1])
