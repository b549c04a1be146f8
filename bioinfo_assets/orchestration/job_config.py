"""Options of jobs as Dagster's configuration: typed in Dagit's launchpad, in tags of assets and of runs."""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

import dagster as dg
from pydantic import BaseModel, ValidationError, create_model

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.means import BatchSettings
from bioinfo_assets.launch.options import JobOptions

TAG: Final = "bioinfo-assets/config"
"""The tag that holds options as JSON: of an asset's op (`op_tags`), or of a run."""


def _config_of(model: type[BaseModel]) -> type[dg.Config]:
    """A model's fields, with their descriptions and limits, as Dagster's configuration."""
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    return create_model(model.__name__, __base__=dg.Config, __doc__=model.__doc__, **fields)


JobConfig: Final[Any] = _config_of(JobOptions)
BatchConfig: Final[Any] = _config_of(BatchSettings)


def as_config(options: JobOptions) -> dg.Config:
    """Options as configuration."""
    return cast("dg.Config", JobConfig(**options.given()))


def options_of(config: dg.Config) -> JobOptions:
    """Options from configuration.

    Raises:
        InputError: one of them is out of its limits.
    """
    return _checked("the run's configuration", config.model_dump(exclude_none=True))


def tagged(tags: Mapping[str, str]) -> JobOptions:
    """The options that a tag holds; none where there is no such tag.

    >>> tagged({TAG: '{"queue": "spot", "memory_mib": 4096}'}).given()
    {'memory_mib': 4096, 'queue': 'spot'}

    Raises:
        InputError: the tag is not JSON, or holds what is no option.
    """
    text = tags.get(TAG)
    if text is None:
        return JobOptions()
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f'tag {TAG} is not JSON ({error}): write it as {{"memory_mib": 4096}}') from error
    return _checked(f"tag {TAG}", given)


def _checked(where: str, given: object) -> JobOptions:
    try:
        return JobOptions.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"])) or "it"
        raise InputError(f"{where}: {name}: {problem['msg'].lower()}") from error
