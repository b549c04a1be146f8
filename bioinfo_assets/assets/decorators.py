"""How the assets of this project are declared: by these decorators only, so that none runs without the launcher."""

import inspect
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg

from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.orchestration.job_config import op_tags
from bioinfo_assets.orchestration.partitions import samples

RECORDS: Final = "records"
"""The resource key of the IO manager of records."""

OWNERS: Final = ["team:sequencing"]

MAX_SAMPLES_A_RUN: Final = 1000
"""Samples of one backfill that go as one run; more become several."""

Declared = Callable[[Callable[..., Any]], dg.AssetsDefinition]


@contextmanager
def _beta_on_purpose() -> Iterator[None]:
    """Dagster says of its beta features each time that they are; its minor version is pinned here."""
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        yield


def source_asset(
    *, kind: str, partitions_def: dg.PartitionsDefinition[str] | None = None
) -> Callable[[Callable[..., Any]], dg.SourceAsset]:
    """Declares what comes from outside and is observed; its docstring is its description in Dagit."""

    def declare(observe: Callable[..., Any]) -> dg.SourceAsset:
        with _beta_on_purpose():
            # Source assets take no `kinds`: the tag that Dagit draws them by says the same.
            return dg.observable_source_asset(
                group_name="sources",
                description=inspect.getdoc(observe),
                tags={f"dagster/kind/{kind}": ""},
                partitions_def=partitions_def,
            )(observe)

    return declare


def sample_asset(
    *, group: str, kinds: Collection[str], deps: Collection[dg.SourceAsset] = (), options: JobOptions = NO_OPTIONS
) -> Declared:
    """Declares an asset with one partition per sample; its docstring is its description in Dagit.

    Args:
        group: The group it is shown in.
        kinds: What it is, for Dagit's icons.
        deps: What it is made from beside other assets.
        options: How its jobs run where no setting and no run says otherwise.
    """
    with _beta_on_purpose():
        return dg.asset(
            group_name=group,
            kinds=set(kinds),
            owners=OWNERS,
            deps=list(deps),
            op_tags=op_tags(options),
            io_manager_key=RECORDS,
            partitions_def=samples,
            backfill_policy=dg.BackfillPolicy.multi_run(MAX_SAMPLES_A_RUN),
        )


def shared_asset(
    *, group: str, kinds: Collection[str], deps: Collection[dg.SourceAsset] = (), options: JobOptions = NO_OPTIONS
) -> Declared:
    """Declares an asset that all samples share; arguments are those of `sample_asset`."""
    return dg.asset(
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        deps=list(deps),
        op_tags=op_tags(options),
        io_manager_key=RECORDS,
    )
