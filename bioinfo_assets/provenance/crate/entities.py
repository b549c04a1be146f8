"""The entities of an RO-Crate 1.1 under construction, their identifiers, and the crate's files.

This is the only module that knows `rocrate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity  # type: ignore[import-untyped] # it comes without types
from rocrate.model.file import File  # type: ignore[import-untyped]
from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

from bioinfo_assets.storage.store import local_path

Ref = dict[str, str]
"""How one entity refers to another: by its `@id`."""

VERSION: Final = "1.1"
"""The version of RO-Crate that the profiles of workflow runs are based on."""

_TERMS: Final = "https://w3id.org/ro/terms/workflow-run/context"
_WORKFLOW_CRATE: Final = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"

_IRI_CHARACTERS: Final = ":/?#[]@!$&'()*+,;=%~"
"""What RFC 3986 allows in an address besides letters and digits; existing escapes (`%`) stay as they are."""


def iri_of(uri: str) -> str:
    """The address of a file as an IRI, in which RO-Crate allows no blanks and no umlauts.

    >>> iri_of("/data/run 7/Käfer.bam"), iri_of("s3://bucket/run 7/a#b.bam")
    ('file:///data/run%207/K%C3%A4fer.bam', 's3://bucket/run%207/a%23b.bam')
    >>> iri_of("https://example.org/chr22.fa.gz?token=x%20y")
    'https://example.org/chr22.fa.gz?token=x%20y'
    """
    path = local_path(uri)
    if path is not None:
        return path.as_uri()
    if uri.startswith(("https://", "http://")):
        return quote(uri, safe=_IRI_CHARACTERS)
    scheme, _, rest = uri.partition("://")  # an object's key is not escaped yet: `%` and `#` are part of it
    return f"{scheme}://{quote(rest)}"


def local_id(*parts: str) -> str:
    """The identifier of an entity that exists only within the crate, such as a step or a parameter.

    >>> local_id("trimmed_reads", "cutadapt -a")
    '#trimmed_reads/cutadapt%20-a'
    """
    return "#" + "/".join(quote(part, safe="") for part in parts)


def format_time(time: datetime) -> str:
    """A time as the profiles require it: ISO 8601 in UTC, to the millisecond.

    >>> format_time(datetime(2026, 1, 31, 12, 0, 0, 1500, UTC))
    '2026-01-31T12:00:00.001+00:00'
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _new_crate() -> Any:  # noqa: ANN401 - rocrate comes without types
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(_TERMS)
    crate.metadata["conformsTo"] = [{"@id": crate.metadata.profile}, {"@id": _WORKFLOW_CRATE}]
    return crate


@dataclass
class Entities:
    """The entities that a crate describes. Each is described once; later descriptions of it are ignored.

    Attributes:
        folder: Where the crate's files are written as they are described.
    """

    folder: Path
    _crate: Any = field(default_factory=_new_crate)

    def describe(self, id_: str, kind: str | list[str], properties: Mapping[str, object]) -> Ref:
        """Describe an entity that is not a file: an action, a person, a tool."""
        if id_ not in self._crate:
            self._crate.add(ContextEntity(self._crate, id_, {"@type": kind, **_compact(properties)}))
        return {"@id": id_}

    def add_file(self, path: str, data: bytes, properties: Mapping[str, object]) -> Ref:
        """Write a small file into the crate and describe it."""
        self.path_for(path).write_bytes(data)
        return self.describe_own_file(path, properties)

    def path_for(self, path: str) -> Path:
        """The local path of a file of the crate, whose folder is created."""
        local = self.folder / path
        local.parent.mkdir(parents=True, exist_ok=True)
        return local

    def describe_own_file(self, path: str, properties: Mapping[str, object]) -> Ref:
        """Describe a file that was written into the crate."""
        values = {"contentSize": str((self.folder / path).stat().st_size), **_compact(properties)}
        file = File(self._crate, self.folder / path, path, properties=values)
        return {"@id": str(self._crate.add(file).id)}

    def describe_external_file(self, iri: str, properties: Mapping[str, object]) -> Ref:
        """Describe a file that is stored outside of the crate."""
        if iri not in self._crate:
            self._crate.add(File(self._crate, iri, properties=_compact(properties)))
        return {"@id": iri}

    def write(self, root: Mapping[str, object]) -> None:
        """Describe the crate itself, and write the metadata."""
        self._crate.root_dataset["datePublished"] = root["datePublished"]  # rocrate sets the current time
        for name, value in _compact(root).items():
            self._crate.root_dataset[name] = value
        self._crate.write(self.folder)


def _compact(properties: Mapping[str, object]) -> dict[str, object]:
    """The properties that have a value; a list of one item as that item."""
    compact = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in properties.items()
    }
    return {name: value for name, value in compact.items() if value not in (None, "", [])}
