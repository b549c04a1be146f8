"""Settings of what Dagster does by itself, and of what its runs are labelled with."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field

_TAG_NAME: Final = re.compile(r"[\w.-]{1,63}(/[\w.-]{1,63})?")
_OTHERS: Final = ("dagster/", "bioinfo-assets/")


def _check_tag_name(name: str) -> str:
    if not _TAG_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a valid tag name: use letters, digits, `_`, `.` and `-`, and at most one `/`"
        )
    if name.startswith(_OTHERS):
        raise ValueError(f"{name!r} would replace a tag of {name.partition('/')[0]}: choose another name")
    return name


class AutomationSettings(BaseModel):
    """What Dagster does by itself, and how its runs are labelled."""

    watch: str | None = Field(
        default=None,
        description="A samples file that Dagit reads every five minutes, to add its new samples; an absolute path or "
        "address.",
    )
    launch_new_samples: bool = Field(
        default=False, description="Whether a backfill starts for the samples that `watch` has added."
    )
    report_new_samples: bool = Field(
        default=True,
        description="Whether that backfill makes the report again, which is on all samples. Without it, a project of "
        "thousands can have it made each night.",
    )
    report_max_age_days: int | None = Field(
        default=None,
        ge=1,
        description="Dagit marks the report as overdue if it was not materialized for so many days.",
    )
    run_tags: dict[Annotated[str, AfterValidator(_check_tag_name)], str] = Field(
        default={},
        description="Tags of Dagster's runs, such as a project or a cost center. Those of jobs in AWS are `jobs.tags`.",
    )
