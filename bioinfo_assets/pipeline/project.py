"""A project: its settings, its records, and the external files that its settings name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, MissingToolError, UnreachableError
from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets.genomics.read_group import check_platform, read_groups_of
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.backend_config import batch_scratch
from bioinfo_assets.launch.job import JobOptions, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import ReadBudget, observe
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.samples import check_reads, load_sample
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE, REFERENCES, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.reads import LaneFiles
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets.steps.resources import HUMAN_FASTA
from bioinfo_assets.steps.trimming import Adapter, Trimming
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bioinfo_assets.launch.batch.active_jobs import ActiveJob
    from bioinfo_assets.launch.batch.client import Client


_INDEX_KEY: Final = "index."
"""Begins the key of each file of a ready-made index among the files of the reference."""


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        settings: Its settings.
    """

    settings: Settings

    @cached_property
    def store(self) -> Store:
        """Files by URI."""
        return Store()

    @cached_property
    def ledger(self) -> Ledger:
        """The records under the output path."""
        return Ledger(self.store, self.settings.output_path)

    @cached_property
    def cache(self) -> SharedCache | None:
        """The cache shared with other projects, if the settings name one."""
        return SharedCache(self.store, self.settings.cache) if self.settings.cache else None

    @cached_property
    def genome_size(self) -> int:
        """The bytes of the reference's FASTA, for the resources of jobs without it; a human one's by default."""
        record = self.ledger.read(ResultKey("reference_genome", REFERENCES))
        return record.file("fasta").size if record is not None else HUMAN_FASTA

    @property
    def layout(self) -> OutputLayout:
        """Where results are published."""
        return self.ledger.layout

    def sample(self, name: str) -> Sample:
        """One of the project's samples.

        Raises:
            InputError: there is no such sample.
        """
        return load_sample(self.ledger, name)

    def observe_reads(self, sample: Sample, budget: ReadBudget | None = None) -> Observation:
        """Observe a sample's FASTQs, and check their first records.

        Raises:
            InputError: one of them is missing or wrong.
            UnreadSourceError: they have to be read, and the budget does not allow it.
        """
        if not sample.lanes:
            raise InputError(f"sample {sample.name} has no FASTQs: it was imported")
        files: dict[str, str] = {}
        notes: dict[str, str] = {}
        for lane in sample.lanes:
            key = f"{lane.library}.{lane.flowcell}.{lane.number}"
            files |= {f"{key}.1": lane.read1, f"{key}.2": lane.read2}
            notes[key] = f"library {lane.library}, flow cell {lane.flowcell}, lane {lane.number}"
        return observe(
            self.ledger,
            ResultKey("raw_reads", sample.name),
            files,
            notes,
            check=partial(check_reads, self.store, sample),
            budget=budget,
        )

    def observe_reference(self, budget: ReadBudget | None = None) -> Observation:
        """Observe the reference's FASTA, its `.alt` file if there is one, and the files of a ready-made index.

        Raises:
            InputError: no reference is set, or it is missing.
            UnreadSourceError: they have to be read, and the budget does not allow it.
        """
        fasta = self.settings.reference
        if fasta is None:
            raise InputError("no reference is set: give `--reference` or set `reference` in bioinfo-assets.toml")
        files = {"fasta": fasta}
        alt = self.settings.reference_alt or _alt_file(self.store, re.sub(r"\.b?gz$", "", fasta))
        if alt is not None:
            files["alt"] = alt
        files |= {f"{_INDEX_KEY}{suffix}": uri for suffix, uri in self.index_files.items()}
        return observe(self.ledger, ResultKey("reference_source", REFERENCES), files, budget=budget)

    @property
    def index_files(self) -> Mapping[str, str]:
        """The files of a ready-made index by suffix; empty if the settings have none."""
        index = self.settings.reference_index
        suffixes = Aligner(self.settings.aligner).index_suffixes if index is not None else ()
        return {suffix: f"{index}.{suffix}" for suffix in suffixes}

    def ready_made_index(self, reference: Observation) -> Mapping[str, StoredFile]:
        """The files of a ready-made index by suffix, as they were observed."""
        return {
            file.key.removeprefix(_INDEX_KEY): file.stored
            for file in reference.files
            if file.key.startswith(_INDEX_KEY)
        }

    def observe_known_sites(self, budget: ReadBudget | None = None) -> Observation:
        """Observe the known sites' VCFs. Indexes next to them are not used: each VCF is indexed by its job.

        Raises:
            InputError: one of them is missing.
            UnreadSourceError: they have to be read, and the budget does not allow it.
        """
        files = {self.ledger.layout.relative(uri): uri for uri in self.settings.known_sites}
        return observe(self.ledger, ResultKey("known_sites_source", REFERENCES), files, budget=budget)

    def last_observations(self, samples: Iterable[str]) -> "Iterator[Observation]":
        """The sources as they were last observed: reference, known sites, and the FASTQs of samples."""
        shared = [ResultKey(source, REFERENCES) for source in (REFERENCE_SOURCE, KNOWN_SITES_SOURCE)]
        keys = [*shared, *(ResultKey(RAW_READS, name) for name in samples)]
        return filter(None, map_reads(self.ledger, self.ledger.read_observation, keys))

    def known_sites(self, observation: Observation) -> tuple[KnownSites, ...]:
        """The observed known sites, in the order of the settings."""
        files = observation.by_uri()
        return tuple(KnownSites(files[uri].stored, None) for uri in self.settings.known_sites)

    def lanes(self, sample: Sample, observation: Observation) -> list[LaneFiles]:
        """A sample's lanes, each with its read group."""
        groups = read_groups_of(sample, check_platform(self.settings.platform))
        files = {uri: file.stored for uri, file in observation.by_uri().items()}
        return [
            LaneFiles(group, files[lane.read1], files[lane.read2])
            for group, lane in zip(groups, sample.lanes, strict=True)
        ]

    def trimming(self) -> Trimming:
        """What cutadapt trims, with adapter files resolved.

        Raises:
            InputError: an adapter is invalid, or its file is missing.
        """
        chosen = self.settings.trimming
        truseq = (TRUSEQ_1, TRUSEQ_2) if chosen.truseq else (None, None)
        return Trimming(
            five_prime_1=self._adapter(chosen.five_prime_1),
            five_prime_2=self._adapter(chosen.five_prime_2),
            three_prime_1=self._adapter(chosen.three_prime_1 or truseq[0]),
            three_prime_2=self._adapter(chosen.three_prime_2 or truseq[1]),
            poly_g=chosen.poly_g,
            max_n=chosen.max_n,
            minimum_length=chosen.minimum_length,
        )

    def aligner(self, backend: Backend, options: JobOptions) -> Aligner:
        """The aligner of the settings; `auto` is bwa-mem2 where it is installed for jobs with these options."""
        if self.settings.aligner != "auto":
            return Aligner(self.settings.aligner)
        try:
            backend.tool_versions((Aligner.BWA_MEM2,), options)
        except MissingToolError:
            return Aligner.BWA
        return Aligner.BWA_MEM2

    def active_jobs(self, client: "Client") -> "Iterator[ActiveJob]":
        """The project's unfinished jobs on AWS Batch, in all queues that its settings name or its runs have used."""
        from bioinfo_assets.launch.batch.active_jobs import jobs_in  # noqa: PLC0415 - boto3 takes a while to import

        scratch = batch_scratch(self.settings, self.settings.output_path)
        return jobs_in(client, self.store, scratch, self.settings.queues)

    def contamination_sites(self) -> StoredFile:
        """The common variants that contamination is estimated from.

        Raises:
            InputError: none are set, or the file is missing.
        """
        uri = self.settings.contamination_sites
        if uri is None:
            raise InputError("no common variants are set: give --contamination-sites")
        return self._external_file(uri)

    def haplotype_map(self) -> StoredFile:
        """The variants by which samples are recognized.

        Raises:
            InputError: none are set, or the file is missing.
        """
        uri = self.settings.haplotype_map
        if uri is None:
            raise InputError("no haplotype map is set: give --haplotype-map")
        return self._external_file(uri)

    def _adapter(self, adapter: str | None) -> Adapter | None:
        """A sequence unchanged; a path or address as the file."""
        if adapter is None or not ("/" in adapter or adapter.startswith("file:")):
            return adapter
        return self._external_file(adapter.removeprefix("file:"))

    def _external_file(self, uri: str) -> StoredFile:
        stat = self.store.stat(uri)
        return StoredFile(uri, stat.size, self.store.content_of(uri), stat.stamp)


def _alt_file(store: Store, fasta: str) -> str | None:
    """The `.alt` file of a FASTA: bwa's name for it, or that of an index for 64 bits, as Broad publishes hg38."""
    return _companion(store, f"{fasta}.alt") or _companion(store, f"{fasta}.64.alt")


def _companion(store: Store, uri: str) -> str | None:
    """A companion file, if it exists."""
    return uri if store.exists(uri) else None


@dataclass
class Sources:
    """FASTQs, reference and known sites.

    Attributes:
        project: The project.
        new: Samples that are not saved yet, or were changed, by name.
        budget: How many bytes of new or rewritten files may be read; any number if None.
    """

    project: Project
    new: Mapping[str, Sample] = field(default_factory=dict)
    budget: ReadBudget | None = None
    _observations: dict[str, Observation] = field(default_factory=dict)
    _problems: dict[str, BioinfoAssetsError] = field(default_factory=dict)

    def sample(self, name: str) -> Sample:
        """A sample and its lanes.

        Raises:
            InputError: there is no such sample.
        """
        return self.new.get(name) or self.project.sample(name)

    def observe_reads(self, names: Iterable[str]) -> None:
        """Observe samples one by one; a problem of one does not affect the others."""
        for name in names:
            if name in self._observations or name in self._problems:
                continue
            try:
                self._observations[name] = self.project.observe_reads(self.sample(name), self.budget)
            except UnreachableError:
                raise  # they may be read later
            except BioinfoAssetsError as problem:
                self._problems[name] = problem

    def use_recorded_reads(self, name: str) -> None:
        """Take a sample's FASTQs as they were last observed, so that nothing is read or recorded."""
        observation = self.project.ledger.read_observation(ResultKey(RAW_READS, name))
        if observation is not None:
            self._observations[name] = observation

    @property
    def reads(self) -> dict[str, Observation]:
        """The observed FASTQs, by sample."""
        return dict(self._observations)

    @property
    def problems(self) -> dict[str, BioinfoAssetsError]:
        """Why the FASTQs of samples cannot be used."""
        return dict(self._problems)

    def lanes(self, name: str) -> Sequence[LaneFiles]:
        """The lanes of a sample.

        Raises:
            BioinfoAssetsError: why they cannot be used.
        """
        self.observe_reads([name])
        if name in self._problems:
            raise self._problems[name]
        return self.project.lanes(self.sample(name), self._observations[name])

    @cached_property
    def reference(self) -> Observation:
        """The reference's FASTA, and its `.alt` file if there is one."""
        return self.project.observe_reference(self.budget)

    @cached_property
    def known_sites(self) -> Observation:
        """The known sites."""
        return self.project.observe_known_sites(self.budget)

    @cached_property
    def contamination_sites(self) -> StoredFile:
        """The common variants that contamination is estimated from.

        Raises:
            InputError: none are set, or the file is missing.
        """
        return self.project.contamination_sites()

    @cached_property
    def haplotype_map(self) -> StoredFile:
        """The variants by which samples are recognized.

        Raises:
            InputError: none are set, or the file is missing.
        """
        return self.project.haplotype_map()

    @cached_property
    def trimming(self) -> Trimming:
        """What cutadapt trims; adapter files are external too.

        Raises:
            InputError: an adapter is invalid, or its file is missing.
        """
        return self.project.trimming()
