"""What a row of the graph states about an asset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.result_metrics import Metrics
from bioinfo_assets.records.record import Record
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.storage.store import Store

ALIGNER: Final = "ALIGNER"
"""Stands for the command of the aligner, which is a setting, among the tools of an asset."""


def _always(_: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSpec:
    """An asset that the pipeline computes.

    Attributes:
        name: Its name.
        description: What it is, for a biologist who reads the lineage graph.
        group: The group it is shown in.
        kinds: Dagster's kinds, for Dagit's icons.
        version: Of the step that computes it.
        build: The job that computes it, from what is upstream and its scope.
        upstream: The assets and sources that it is computed from.
        settings: The settings that shape it.
        tools: The tools that its job calls.
        optional_tools: By setting, the tools that its job calls too if that is set.
        native_tools: Those with the native engine; empty if the engine is nothing to it.
        scope: The shared scope of its record; None for an asset with one result per sample.
        final_files: Keys of the files to show after a run; empty for an intermediate.
        stands_in_for: The asset whose final files need not be shown where these are; empty if there is none.
        intermediate_files: Keys of the files to show where only intermediates were selected.
        report_files: Keys of the files that MultiQC reads.
        page: Key of the file that Dagit links as a page; empty if there is none.
        alignment: Key of the file with alignments that Dagit links for IGV; empty if there is none.
        bulk_files: Keys of the large files of an intermediate, which its retention may release. Small ones stay: the
            report and Dagit read them.
        enabled: Whether the settings ask for it; the others of the graph are then computed without it.
        how_to_enable: What is not set, and how to set it, for whoever selects it nevertheless.
        metrics: Reads its metrics and plots for Dagit; None if it has none.
    """

    name: str
    description: str
    group: str
    kinds: frozenset[str]
    version: str
    build: Callable[[Upstream, str], Job]
    upstream: tuple[str, ...]
    settings: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    optional_tools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    native_tools: tuple[str, ...] = ()
    scope: str | None = None
    final_files: tuple[str, ...] = ()
    stands_in_for: str = ""
    intermediate_files: tuple[str, ...] = ()
    report_files: tuple[str, ...] = ()
    page: str = ""
    alignment: str = ""
    bulk_files: tuple[str, ...] = ()
    enabled: Callable[[Settings], bool] = _always
    how_to_enable: str = ""
    metrics: Callable[[Store, Record], Metrics] | None = None

    def tools_of(self, settings: Settings) -> tuple[str, ...]:
        """The tools that its job calls with these settings."""
        is_native = Engine(settings.engine_of(self.name)) is Engine.NATIVE
        tools = self.native_tools if is_native and self.native_tools else self.tools
        optional = [own for name, own in self.optional_tools.items() if getattr(settings, name)]
        return (*tools, *chain.from_iterable(optional))
