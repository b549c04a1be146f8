"""Options of jobs as Dagster's configuration: typed in Dagit's launchpad, in tags of assets and of runs."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar, cast

import dagster as dg
from pydantic import BaseModel, Field, ValidationError, create_model

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job_options import JobOptions

TAG: Final = "bioinfo-assets/config"
"""The tag that holds options as JSON: of an asset's op (`op_tags`), or of a run."""


def _config_of(model: type[BaseModel], name: str = "") -> type[dg.Config]:
    """A model's fields, with their descriptions, as Dagster's configuration.

    Without their limits: what is out of them is told by `options_of` and `batch_settings_of` in a sentence, where
    Dagster would show pydantic's report.
    """
    fields: dict[str, Any] = {
        name: (field.annotation, Field(default=field.default, description=field.description))
        for name, field in model.model_fields.items()
    }
    return create_model(name or model.__name__, __base__=dg.Config, __doc__=model.__doc__, **fields)


Checked = TypeVar("Checked", bound=BaseModel)

JobConfig: Final[Any] = _config_of(JobOptions)
BatchLaunchConfig: Final[Any] = _config_of(BatchConfig, "BatchLaunchConfig")


def as_config(options: JobOptions) -> dg.Config:
    """Options as configuration."""
    return cast("dg.Config", JobConfig(**options.given()))


def options_of(config: dg.Config) -> JobOptions:
    """Options from configuration.

    Raises:
        InputError: one of them is out of its limits.
    """
    return _checked(JobOptions, "options of jobs", config.model_dump(exclude_none=True))


def batch_settings_of(config: dg.Config) -> BatchConfig:
    """How to speak to AWS Batch, from configuration.

    Raises:
        InputError: a setting is out of its limits.
    """
    return _checked(BatchConfig, "settings of batch", config.model_dump())


def op_tags(options: JobOptions) -> dict[str, str]:
    """The tag of an asset's op that says how its jobs run.

    >>> op_tags(JobOptions(memory_mib=4096))
    {'bioinfo-assets/config': '{"memory_mib": 4096}'}
    """
    return {TAG: json.dumps(options.given())}


def options_from_tags(tags: Mapping[str, str]) -> JobOptions:
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
    return _checked(JobOptions, f"tag {TAG}", given)


def _checked(model: type[Checked], where: str, given: object) -> Checked:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InputError(f"{where}: {_error_sentence(error, model)}") from error


def _error_sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with the first wrong one, and what to do."""
    problem = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(name, model.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(model.model_fields)}"
        return f"{name} is none: {hint}"
    return f"{name}: {problem['msg'].lower()}" if name else 'write them as {"memory_mib": 4096}'
