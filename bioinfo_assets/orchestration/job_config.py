"""Options of jobs as Dagster's configuration: typed in Dagit's launchpad, and in a tag of runs."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import dagster as dg
from pydantic import Field, ValidationError, create_model

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job_options import JobOptions

TAG: Final = "bioinfo-assets/config"
"""The tag of a run or a backfill that holds options as JSON."""

_FIELDS: Final[dict[str, Any]] = {
    name: (field.annotation, Field(default=field.default, description=field.description))
    for name, field in JobOptions.model_fields.items()
}

JobConfig: Final[Any] = create_model("JobConfig", __base__=dg.Config, __doc__=JobOptions.__doc__, **_FIELDS)
"""`JobOptions` as Dagster's configuration.

Without limits: `options_of` reports a value that is out of range in a sentence, where Dagster would show pydantic's
report.
"""


def options_of(config: dg.Config) -> JobOptions:
    """Options from configuration.

    Raises:
        InputError: a value is out of range.
    """
    return _validated("options of jobs", config.model_dump(exclude_none=True))


def options_from_tags(tags: Mapping[str, str]) -> JobOptions:
    """The options in a run's tag; none if it has no such tag.

    >>> options_from_tags({TAG: '{"queue": "spot", "memory_mib": 4096}'}).set_options()
    {'memory_mib': 4096, 'queue': 'spot'}

    Raises:
        InputError: the tag is not JSON, or has an unknown option.
    """
    text = tags.get(TAG)
    if text is None:
        return JobOptions()
    try:
        options = json.loads(text)
    except ValueError as error:
        raise InputError(f'tag {TAG} is not JSON ({error}): write it as {{"memory_mib": 4096}}') from error
    return _validated(f"tag {TAG}", options)


def _validated(where: str, options: object) -> JobOptions:
    try:
        return JobOptions.model_validate(options)
    except ValidationError as error:
        raise InputError(f"{where}: {_error_sentence(error)}") from error


def _error_sentence(error: ValidationError) -> str:
    """What is wrong with the first invalid option, and what to do."""
    problem = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        similar = get_close_matches(name, JobOptions.model_fields, n=1)
        hint = f"did you mean {similar[0]}?" if similar else f"the options are {', '.join(JobOptions.model_fields)}"
        return f"unknown option {name}: {hint}"
    return f"{name}: {problem['msg'].lower()}" if name else 'write them as {"memory_mib": 4096}'
