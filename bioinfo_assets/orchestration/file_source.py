"""Files that a project reads and does not compute, as assets that are observed by checksum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.provenance import observation_event
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import Observation
from bioinfo_assets.result_key import SHARED, ResultKey

PARTITION: Final = "{partition}"
"""What stands for the partition in an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A file that exists before the project: one for each partition, or one for all.

    It is observed before each job that reads it, and by "Observe" in Dagit. A change of its bytes makes what is
    computed from it stale; a new modification time alone does not.

    Attributes:
        name: The name of the asset.
        uri: An absolute path, or an `s3://`, `gs://` or `https://` address; `{partition}` stands for the partition.
        partitions_def: The partitions; None for one file.
        description: Shown in Dagit.
        group: The asset's group.

    Raises:
        InputError: the name cannot be used, or the address does not fit the partitions.
    """

    name: str
    uri: str
    partitions_def: dg.PartitionsDefinition[str] | None = None
    description: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        check_asset_name(self.name)
        if (PARTITION in self.uri) != (self.partitions_def is not None):
            raise InputError(
                f"the address {self.uri} of {self.name} must have {PARTITION} in it if {self.name} has partitions, and"
                " only then"
            )
        if "://" not in self.uri and not self.uri.startswith("/"):
            raise InputError(f"the path {self.uri} of {self.name} is relative: make it absolute")

    def observe(self, ledger: Ledger, scope: str) -> Observation:
        """Read the file of a scope, if it has changed since it was last read.

        Raises:
            InputError: it does not exist, or cannot be read.
        """
        return observe(ledger, ResultKey(self.name, scope), {"file": self.uri.replace(PARTITION, scope)})

    def scopes(self, instance: dg.DagsterInstance) -> Sequence[str]:
        """The scopes that have a file: the partitions, or the shared one."""
        if self.partitions_def is None:
            return [SHARED]
        return self.partitions_def.get_partition_keys(dynamic_partitions_store=instance)


def check_asset_name(name: str) -> None:
    """Check that a name can be that of an asset with records.

    Raises:
        InputError: it cannot.
    """
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        raise InputError(f"{name!r} cannot name an asset: use letters, digits and '_', a letter first")


def source_asset(source: FileSource, ledger: Ledger) -> dg.SourceAsset:
    """A source as Dagster's asset, which can be observed.

    Args:
        source: The source.
        ledger: Where its observations are kept.
    """
    with accept_beta_features():
        return dg.observable_source_asset(
            name=source.name,
            description=source.description,
            group_name=source.group,
            partitions_def=source.partitions_def,
        )(_observe_all(source, ledger) if source.partitions_def else _observe_one(source, ledger))


def _observe_one(source: FileSource, ledger: Ledger) -> Callable[[dg.OpExecutionContext], dg.ObserveResult]:
    def observed(_: dg.OpExecutionContext) -> dg.ObserveResult:
        observation = source.observe(ledger, SHARED)
        return dg.ObserveResult(
            data_version=dg.DataVersion(observation.data_version), metadata={"files": files_table(observation.files)}
        )

    return observed


def _observe_all(source: FileSource, ledger: Ledger) -> Callable[[dg.OpExecutionContext], dg.DataVersionsByPartition]:
    def observed(context: dg.OpExecutionContext) -> dg.DataVersionsByPartition:
        for scope in source.scopes(context.instance):
            try:
                context.log_event(observation_event(source.observe(ledger, scope)))
            except (InputError, UnreachableError) as error:
                context.log.warning("%s", error)
        with accept_beta_features():
            return dg.DataVersionsByPartition({})  # Dagster's own events for these would have no list of files

    return observed
