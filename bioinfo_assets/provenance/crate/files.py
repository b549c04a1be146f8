"""The files that jobs read and wrote: where they lie, with size, digest and format; small results as copies."""

from dataclasses import dataclass, field
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.provenance.crate.entities import Entities, Ref
from bioinfo_assets.provenance.crate.formats import format_of
from bioinfo_assets.provenance.crate.iri import iri_of, local_id
from bioinfo_assets.provenance.crate.times import time_of
from bioinfo_assets.provenance.lineage import TracedFile, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord

LARGEST_COPY: Final = 10 * 1024 * 1024
"""Bytes of the largest report, plot, log or table of metrics that is copied where copies are wanted.

MultiQC's report takes 2.2 MB of two samples already.
"""


@dataclass
class Files:
    """The files of a crate.

    Attributes:
        entities: Where they are described.
        ledger: The records that tell of them.
        copied: Whether small results are copied into the crate.
        sources: What came from outside, by the asset that it was observed as.
    """

    entities: Entities
    ledger: Ledger
    copied: bool = False
    sources: dict[str, list[Ref]] = field(default_factory=dict)
    _known: dict[str, Ref] = field(default_factory=dict)

    def made(self, job: TracedJob, file: FileRecord) -> Ref:
        """A file that a job wrote."""
        seen = TracedFile(file.uri, file.size, file.sha256, file.content, job, note="replaced since" * job.past)
        iri = _iri(seen)
        if iri in self._known:
            return self._known[iri]
        properties = self._properties(seen) | {
            "sdDatePublished": time_of(job.record.finished),
            "exampleOfWork": {"@id": local_id(job.record.asset, "outputs", file.key)},
        }
        if self._is_copied(job, file):
            return self._known.setdefault(iri, self._copy(file, properties))
        return self._known.setdefault(iri, self.entities.refer(iri, properties))

    def read(self, file: TracedFile) -> Ref:
        """A file that a job read: another job's result, or a source."""
        iri = _iri(file)
        if iri not in self._known:
            self._known[iri] = self._source(file, iri)
        return self._known[iri]

    def _source(self, file: TracedFile, iri: str) -> Ref:
        properties = self._properties(file)
        if file.observation is None:
            return self.entities.refer(iri, properties)
        asset = file.observation.asset
        properties["exampleOfWork"] = {"@id": local_id("inputs", asset)}
        properties["sdDatePublished"] = time_of(file.observation.observed)
        ref = self.entities.refer(iri, properties)
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


def _iri(file: TracedFile) -> str:
    """Where a file lies; of one that is there no more, with its digest, for another file may lie there."""
    digest = (file.sha256 or file.content or str(file.size)).rpartition(":")[2]
    return f"{iri_of(file.uri)}#{digest[:12]}" if file.note else iri_of(file.uri)
