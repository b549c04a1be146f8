"""The external files of a run or a dry run: each source is observed once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Observation
from bioinfo_assets.steps.reads import LaneFiles
from bioinfo_assets.steps.trimming import Trimming


@dataclass
class Sources:
    """FASTQs, reference and known sites.

    Attributes:
        project: The project.
        new: Samples that are not saved yet, or were changed, by name.
    """

    project: Project
    new: Mapping[str, Sample] = field(default_factory=dict)
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
                self._observations[name] = self.project.observe_reads(self.sample(name))
            except BioinfoAssetsError as problem:
                self._problems[name] = problem

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
        return self.project.observe_reference()

    @cached_property
    def known_sites(self) -> Observation:
        """The known sites."""
        return self.project.observe_known_sites()

    @cached_property
    def trimming(self) -> Trimming:
        """What cutadapt trims; adapter files are external too.

        Raises:
            InputError: an adapter is invalid, or its file is missing.
        """
        return self.project.trimming()
