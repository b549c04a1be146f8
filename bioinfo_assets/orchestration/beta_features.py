"""Features that Dagster calls beta."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def accept_beta_features() -> Iterator[None]:
    """Keep Dagster from warning of each beta feature; its minor version is pinned here."""
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        yield
