"""IGV Desktop: a session of alignments on a genome, and the link that opens files in an IGV that is running.

Facts about IGV are those of its user guide (igv.org, "External control of IGV", "Sessions") and of its source
(igvteam/igv, `IGVSessionReader`, `CommandListener`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

PORT: Final = 60151
"""Where IGV listens for commands, unless another port is set in its preferences."""

_VERSION: Final = "8"
"""Of the format of sessions, as IGV 2.4 and later write it."""


@dataclass(frozen=True, slots=True)
class Track:
    """The alignments of a sample: a BAM or CRAM, with its index next to it."""

    sample: str
    uri: str


def session_xml(fasta: str, tracks: Sequence[Track]) -> str:
    """Write a session: a genome, and alignments on it.

    IGV finds an index by the name of its file. It takes relative paths as relative to the session.

    Args:
        fasta: The genome, indexed.
        tracks: The alignments, from top to bottom.

    >>> print(session_xml("references/hg38.fa", [Track("a&b", "ab/ab.recalib.bam")]), end="")
    <?xml version='1.0' encoding='utf-8'?>
    <Session genome="references/hg38.fa" version="8">
      <Resources>
        <Resource name="a&amp;b" path="ab/ab.recalib.bam" />
      </Resources>
    </Session>
    """
    session = ET.Element("Session", {"genome": fasta, "version": _VERSION})
    resources = ET.SubElement(session, "Resources")
    for track in tracks:
        ET.SubElement(resources, "Resource", {"name": track.sample, "path": track.uri})
    ET.indent(session)
    return bytes(ET.tostring(session, encoding="utf-8", xml_declaration=True)).decode() + "\n"


def load_link(uri: str, fasta: str | None = None, sample: str | None = None) -> str:
    """Return the address that makes an IGV on the same machine as the browser load a file or a session.

    Args:
        uri: The file, for IGV: an absolute path, or an address.
        fasta: The genome to load before, unless it is loaded already; a session names its own.
        sample: The name of the track.

    >>> load_link("/data/a b.bam", "/data/hg38.fa", "a")
    'http://localhost:60151/load?file=/data/a%20b.bam&genome=/data/hg38.fa&name=a'
    """
    parameters = {"file": uri, "genome": fasta, "name": sample}
    query = "&".join(f"{name}={quote(value, safe='/:')}" for name, value in parameters.items() if value is not None)
    return f"http://localhost:{PORT}/load?{query}"
