"""What comes from outside as one run, or one look at a project, sees it: each source is looked at once."""

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
        project: Whose they are.
        new: Samples that the project does not have yet, or has otherwise, by name.
    """

    project: Project
    new: Mapping[str, Sample] = field(default_factory=dict)
    _found: dict[str, Observation] = field(default_factory=dict)
    _problems: dict[str, BioinfoAssetsError] = field(default_factory=dict)

    def sample(self, name: str) -> Sample:
        """A sample and its lanes.

        Raises:
            InputError: there is no such sample.
        """
        return self.new.get(name) or self.project.sample(name)

    def look_at_reads(self, names: Iterable[str]) -> None:
        """Looks at samples one by one; one that is wrong leaves the others alone."""
        for name in names:
            if name in self._found or name in self._problems:
                continue
            try:
                self._found[name] = self.project.observe_reads(self.sample(name))
            except BioinfoAssetsError as problem:
                self._problems[name] = problem

    @property
    def reads(self) -> dict[str, Observation]:
        """The FASTQs that were looked at, by sample."""
        return dict(self._found)

    @property
    def problems(self) -> dict[str, BioinfoAssetsError]:
        """Why the FASTQs of samples cannot be used."""
        return dict(self._problems)

    def lanes(self, name: str) -> Sequence[LaneFiles]:
        """The lanes of a sample.

        Raises:
            BioinfoAssetsError: why they cannot be used.
        """
        self.look_at_reads([name])
        if name in self._problems:
            raise self._problems[name]
        return self.project.lanes(self.sample(name), self._found[name])

    @cached_property
    def reference(self) -> Observation:
        """The reference's FASTA, and its `.alt` file where there is one."""
        return self.project.observe_reference()

    @cached_property
    def known_sites(self) -> Observation:
        """The known sites."""
        return self.project.observe_known_sites()

    @cached_property
    def trimming(self) -> Trimming:
        """What cutadapt cuts off; files of adapters come from outside too.

        Raises:
            InputError: an adapter is none, or its file is missing.
        """
        return self.project.trimming()
