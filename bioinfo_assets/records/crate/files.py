"""The files that jobs read and wrote: where they lie, with size, digest and format; small results as copies."""

from dataclasses import dataclass, field
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.records.crate.entities import Entities, Ref
from bioinfo_assets.records.crate.formats import format_of
from bioinfo_assets.records.crate.iri import iri_of, local_id
from bioinfo_assets.records.crate.times import time_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import TracedFile, TracedJob
from bioinfo_assets.records.record import FileRecord

LARGEST_COPY: Final = 10 * 1024 * 1024
"""Bytes of the largest report, plot, log or table of metrics that is copied where copies are wanted."""

_Version = tuple[str, str]
"""One version of a file: its address and what tells it from others that lay there."""


@dataclass
class Files:
    """The files of a crate.

    Attributes:
        entities: Where they are described.
        ledger: The records that tell of them.
        copied: Whether small results are copied into the crate.
    """

    entities: Entities
    ledger: Ledger
    copied: bool = False
    sources: dict[str, list[Ref]] = field(default_factory=dict)
    _known: dict[_Version, Ref] = field(default_factory=dict)

    def made(self, job: TracedJob, file: FileRecord) -> Ref:
        """A file that a job wrote."""
        seen = TracedFile(file.uri, file.size, file.sha256, file.content, job, note="replaced since" * job.past)
        properties = self._properties(seen) | {
            "sdDatePublished": time_of(job.record.finished),
            "exampleOfWork": {"@id": local_id(job.record.step, "outputs", file.key)},
        }
        if self._is_copied(job, file):
            ref = self._copy(file, properties)
        else:
            ref = self.entities.refer(_iri(seen), properties)
        return self._known.setdefault(_version(seen), ref)

    def read(self, file: TracedFile) -> Ref:
        """A file that a job read: another job's result, or a source."""
        version = _version(file)
        if version not in self._known:
            self._known[version] = self._source(file)
        return self._known[version]

    def _source(self, file: TracedFile) -> Ref:
        properties = self._properties(file)
        if file.observation is None:
            return self.entities.refer(_iri(file), properties)
        asset = file.observation.asset
        properties["exampleOfWork"] = {"@id": local_id("inputs", asset)}
        properties["sdDatePublished"] = time_of(file.observation.observed)
        ref = self.entities.refer(_iri(file), properties)
        self.sources.setdefault(asset, []).append(ref)
        return ref

    def _is_copied(self, job: TracedJob, file: FileRecord) -> bool:
        within = file.uri.startswith(f"{self.ledger.output_path}/")
        for_people = format_of(file_name(file.uri)).is_for_people
        return self.copied and within and not job.past and for_people and file.size <= LARGEST_COPY

    def _copy(self, file: FileRecord, properties: dict[str, object]) -> Ref:
        path = "data/" + file.uri.removeprefix(f"{self.ledger.output_path}/")
        place = self.entities.place_for(path)
        self.ledger.store.fetch(file.uri, place)
        if self.ledger.store.digest(str(place)) != f"sha256:{file.sha256}":
            raise InputError(f"{file.uri} is not what its record says: look with `verify`, and run again")
        return self.entities.enclosed(path, properties | {"url": iri_of(file.uri)})

    def format(self, name: str) -> list[object]:
        """The `encodingFormat` of a file of this name; the EDAM term is described too."""
        found = format_of(name)
        if not found.edam:
            return [found.media_type]
        term = self.entities.describe(f"http://edamontology.org/{found.edam}", "WebSite", {"name": found.name})
        return [found.media_type, term]

    def _properties(self, file: TracedFile) -> dict[str, object]:
        return {
            "name": file_name(file.uri),
            "contentSize": str(file.size),
            "sha256": file.sha256,
            "version": None if file.sha256 else file.content,  # such as the ETag of a remote source
            "description": file.note,
            "encodingFormat": self.format(file_name(file.uri)),
        }


def _version(file: TracedFile) -> _Version:
    return file.uri, file.sha256 or file.content or str(file.size)


def _iri(file: TracedFile) -> str:
    """Where a file lies; of one that is there no more, with its digest, for another file may lie there."""
    uri, digest = _version(file)
    return f"{iri_of(uri)}#{digest.rpartition(':')[2][:12]}" if file.note else iri_of(uri)
