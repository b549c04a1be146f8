"""The inputs and outputs of jobs in a crate: their addresses, sizes, digests and formats; small results as copies."""

from dataclasses import dataclass, field
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.provenance.crate.entities import Entities, Ref, format_time, iri_of, local_id
from bioinfo_assets.provenance.crate.formats import format_of
from bioinfo_assets.provenance.lineage import TracedFile, TracedJob, traced_output
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord

MAX_COPY_BYTES: Final = 10 * 1024 * 1024
"""Size limit of a report, plot, log or table of metrics that is copied into a crate.

MultiQC's report on two samples takes 2.2 MB.
"""


@dataclass
class Files:
    """The files of a crate.

    Attributes:
        entities: Where they are described.
        ledger: The records that name them.
        with_copies: Whether small results are copied into the crate.
        sources: The files that the project did not produce, by the asset they were observed as.
    """

    entities: Entities
    ledger: Ledger
    with_copies: bool = False
    sources: dict[str, list[Ref]] = field(default_factory=dict)
    _described: dict[str, Ref] = field(default_factory=dict)

    def describe_output(self, job: TracedJob, file: FileRecord) -> Ref:
        """Describe a file that a job wrote."""
        traced = traced_output(file, job)
        iri = _version_iri(traced)
        if iri in self._described:
            return self._described[iri]
        properties = self._properties(traced) | {
            "sdDatePublished": format_time(job.record.finished),
            "exampleOfWork": {"@id": local_id(job.record.asset, "outputs", file.key)},
        }
        if self._is_copied(job, file):
            return self._described.setdefault(iri, self._copy(file, properties))
        return self._described.setdefault(iri, self.entities.describe_external_file(iri, properties))

    def describe_input(self, file: TracedFile) -> Ref:
        """Describe a file that a job read: another job's output, or a source."""
        iri = _version_iri(file)
        if iri not in self._described:
            self._described[iri] = self._describe_source(file, iri)
        return self._described[iri]

    def describe_format(self, name: str) -> list[object]:
        """The `encodingFormat` of a file of this name; its EDAM term is described too."""
        file_format = format_of(name)
        if not file_format.edam:
            return [file_format.media_type]
        page = f"http://edamontology.org/{file_format.edam}"
        return [file_format.media_type, self.entities.describe(page, "WebSite", {"name": file_format.name})]

    def _describe_source(self, file: TracedFile, iri: str) -> Ref:
        properties = self._properties(file)
        if file.observation is None:
            return self.entities.describe_external_file(iri, properties)
        asset = file.observation.asset
        properties["exampleOfWork"] = {"@id": local_id("inputs", asset)}
        properties["sdDatePublished"] = format_time(file.observation.observed)
        ref = self.entities.describe_external_file(iri, properties)
        self.sources.setdefault(asset, []).append(ref)
        return ref

    def _is_copied(self, job: TracedJob, file: FileRecord) -> bool:
        is_readable = format_of(file_name(file.uri)).is_human_readable
        is_own = self.ledger.layout.contains(file.uri)
        return self.with_copies and is_own and not job.replaced and is_readable and file.size <= MAX_COPY_BYTES

    def _copy(self, file: FileRecord, properties: dict[str, object]) -> Ref:
        path = f"data/{self.ledger.layout.relative(file.uri)}"
        target = self.entities.path_for(path)
        self.ledger.store.fetch(file.uri, target)
        if self.ledger.store.digest(str(target)) != f"sha256:{file.sha256}":
            raise InputError(f"{file.uri} has changed since it was recorded: check with `verify`, and run again")
        return self.entities.describe_own_file(path, properties | {"url": iri_of(file.uri)})

    def _properties(self, file: TracedFile) -> dict[str, object]:
        return {
            "name": file_name(file.uri),
            "contentSize": str(file.size),
            "sha256": file.sha256,
            "version": None if file.sha256 else file.content,  # such as the ETag of a remote source
            "description": file.note,
            "encodingFormat": self.describe_format(file_name(file.uri)),
        }


def _version_iri(file: TracedFile) -> str:
    """The file's address; with its digest if this version is no longer there, as another version may be."""
    digest = (file.sha256 or file.content or str(file.size)).rpartition(":")[2]
    return f"{iri_of(file.uri)}#{digest[:12]}" if file.note else iri_of(file.uri)
