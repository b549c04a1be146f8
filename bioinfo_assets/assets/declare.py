"""How the assets of this project are declared: by these decorators only, so that none runs without the launcher."""

from collections.abc import Callable, Collection
from typing import Any, Final

import dagster as dg

from bioinfo_assets.orchestration.partitions import samples

RECORDS: Final = "records"
"""The resource key of the IO manager of records."""

OWNERS: Final = ["team:sequencing"]

MOST_SAMPLES_A_RUN: Final = 1000
"""Samples of one backfill that go as one run; more become several."""

Declared = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def sample_asset(*, group: str, kinds: Collection[str], deps: Collection[dg.AssetSpec] = ()) -> Declared:
    """Declares an asset with one partition per sample; its docstring is its description in Dagit."""
    return dg.asset(
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        deps=list(deps),
        io_manager_key=RECORDS,
        partitions_def=samples,
        backfill_policy=dg.BackfillPolicy.multi_run(MOST_SAMPLES_A_RUN),
    )


def shared_asset(*, group: str, kinds: Collection[str], deps: Collection[dg.AssetSpec] = ()) -> Declared:
    """Declares an asset that all samples share; its docstring is its description in Dagit."""
    return dg.asset(group_name=group, kinds=set(kinds), owners=OWNERS, deps=list(deps), io_manager_key=RECORDS)
