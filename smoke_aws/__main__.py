"""Try on a real AWS account what the product assumes of AWS, and remove everything at the end.

    make smoke-aws
    uv run --frozen python -m smoke_aws --yes --only deploy --only doctor

Credentials and region are those of the AWS CLI; they need the rights to create the stack. Exit code 0 if everything is
as assumed, 1 if something differs.
"""

import secrets
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from smoke_aws.account import TEMPLATE, Account, DiffersError, NotShownError
from smoke_aws.steps import STEPS, Step

COST: Final = """This creates a CloudFormation stack in account {account}, region {region}, and removes it at the end:
  some machines of 16 or 32 vCPUs for about an hour, by the spot price    estimated: 1 to 3 USD
  an image of 1.3 GB, a few GB in S3, requests and logs                   estimated: below 1 USD
The estimates were not measured: nobody has run this on AWS yet. What cannot be removed is named, and goes on costing.
"""


def main(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is created.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack and its data; they go on costing.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this step; can be repeated. deploy always runs.")] = None,
    image: Annotated[str | None, typer.Option(help="Image of the jobs, instead of building and pushing one.")] = None,
    template: Annotated[Path, typer.Option(help="The template.", show_default="deploy/batch.yaml")] = TEMPLATE,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the stack; can be repeated.")] = None,
    settings: Annotated[Path | None, typer.Option(help="TOML with settings instead of the stack's.")] = None,
) -> None:
    """Try on a real AWS account what is assumed of AWS, and remove everything at the end."""
    names = [step.name for step in STEPS]
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is not a step: {', '.join(names)}", param_hint="--only")
    steps = [step for step in STEPS if not only or step.name in {"deploy", *only}]
    try:
        identity = boto3.Session().client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise typer.BadParameter(f"AWS cannot be used: {error}", param_hint="credentials") from error
    print(COST.format(account=identity, region=boto3.Session().region_name))
    if not yes and not typer.confirm("Create it?"):
        raise typer.Exit(1)
    with tempfile.TemporaryDirectory() as folder:
        account = Account(
            project=f"smoke-{secrets.token_hex(4)}",
            folder=Path(folder),
            template=template,
            parameters=dict(item.split("=", 1) for item in parameter or ()),
            settings=tomllib.loads(settings.read_text()) if settings else {},
            image=image,
        )
        is_as_assumed = run(account, steps, keep=keep)
    sys.exit(0 if is_as_assumed else 1)


def run(account: Account, steps: Sequence[Step], *, keep: bool) -> bool:
    """Run steps, print a line for each, and remove everything; return whether all is as assumed.

    A step that differs does not stop the others, but nothing runs without a stack.
    """
    is_as_assumed = True
    try:
        for step in steps:
            is_ok = _try(step, account)
            is_as_assumed &= is_ok
            if step.name == "deploy" and not is_ok:
                break
    finally:
        if keep:
            own = f"its images and its bucket, and the role {account.project}-launcher"
            print(f"kept     stack {account.project}: delete it with {own}")
        else:
            is_as_assumed &= _try(Step("remove", "everything that was created can be deleted", Account.remove), account)
    return is_as_assumed


def _try(step: Step, account: Account) -> bool:
    try:
        state, found = "ok", step.run(account)
    except NotShownError as error:
        state, found = "unknown", str(error)
    except DiffersError as error:
        state, found = "DIFFERS", str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next steps are tried, and everything is removed
        state, found = "DIFFERS", f"{type(error).__name__}: {error}"
    print(f"{state:<8} {step.name}: {found}", flush=True)
    if state != "ok":
        print(f"{'':<8} assumed: {step.assumed}", flush=True)
    return state != "DIFFERS"


if __name__ == "__main__":
    typer.run(main)
