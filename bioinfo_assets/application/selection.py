"""Dagster's selection syntax."""

from collections.abc import Sequence

import dagster as dg

from bioinfo_assets.assets.pipeline_assets import ASSETS as DEFINED
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.graph import ASSETS


def resolve_selection(expressions: Sequence[str]) -> set[str]:
    """The names of the assets that any of these expressions selects.

    Raises:
        InputError: an expression is wrong, or names no asset.
    """
    return {name for expression in expressions for name in _resolve(expression)}


def _resolve(expression: str) -> set[str]:
    try:
        keys = dg.AssetSelection.from_string(expression).resolve(DEFINED)
    except dg.DagsterError as error:
        raise InputError(_wrong(expression)) from error
    if not keys:
        raise InputError(_wrong(expression))
    return {key.path[-1] for key in keys}


def _wrong(expression: str) -> str:
    return (
        f"--select {expression!r} selects no asset: give one of {', '.join(ASSETS)}, or Dagster's selection syntax, "
        "such as '*depth' for depth and all before it"
    )
