"""The entities of an RO-Crate 1.1 while it is put together, and its files; the only place that knows `rocrate`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rocrate.model.contextentity import ContextEntity  # type: ignore[import-untyped] # it comes without types
from rocrate.model.file import File  # type: ignore[import-untyped]
from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

Ref = dict[str, str]
"""How one entity refers to another: by its `@id`."""

VERSION: Final = "1.1"
"""Of RO-Crate; the profiles of workflow runs build on this one."""

_TERMS: Final = "https://w3id.org/ro/terms/workflow-run/context"
_WORKFLOW_CRATE: Final = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"


def _new_crate() -> Any:  # noqa: ANN401 - rocrate comes without types
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(_TERMS)
    crate.metadata["conformsTo"] = [{"@id": crate.metadata.profile}, {"@id": _WORKFLOW_CRATE}]
    return crate


@dataclass
class Entities:
    """The entities that a crate describes. Each is described once: where it is described again, that is passed over.

    Attributes:
        folder: Where the crate's files are put as they are described.
    """

    folder: Path
    _crate: Any = field(default_factory=_new_crate)

    def describe(self, id_: str, kind: str | list[str], properties: Mapping[str, object]) -> Ref:
        """Describes what is no file: an action, a person, a tool."""
        if id_ not in self._crate:
            self._crate.add(ContextEntity(self._crate, id_, {"@type": kind, **_said(properties)}))
        return {"@id": id_}

    def enclose(self, path: str, data: bytes, properties: Mapping[str, object]) -> Ref:
        """Puts a small file into the crate and describes it."""
        self.place_for(path).write_bytes(data)
        return self.enclosed(path, properties)

    def place_for(self, path: str) -> Path:
        """Where a file of the crate is to be put, whose folder is there then."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def enclosed(self, path: str, properties: Mapping[str, object]) -> Ref:
        """Describes a file that was put into the crate."""
        said = {"contentSize": str((self.folder / path).stat().st_size), **_said(properties)}
        file = File(self._crate, self.folder / path, path, properties=said)
        return {"@id": str(self._crate.add(file).id)}

    def refer(self, iri: str, properties: Mapping[str, object]) -> Ref:
        """Describes a file that lies elsewhere."""
        if iri not in self._crate:
            self._crate.add(File(self._crate, iri, properties=_said(properties)))
        return {"@id": iri}

    def complete(self, root: Mapping[str, object]) -> None:
        """Describes the crate itself, and writes all that was described."""
        self._crate.root_dataset["datePublished"] = root["datePublished"]  # rocrate sets the time of now
        for name, value in _said(root).items():
            self._crate.root_dataset[name] = value
        self._crate.write(self.folder)


def _said(properties: Mapping[str, object]) -> dict[str, object]:
    """The properties that have a value; one reference or text where there is only one."""
    compact = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in properties.items()
    }
    return {name: value for name, value in compact.items() if value not in (None, "", [])}
