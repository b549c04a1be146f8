"""The project's definitions with one sensor more: an e-mail for each run that failed, with samples and reasons.

Started by `dagster dev -f examples/email/definitions.py`, with the variables DAGSTER_HOME (the project's home, such as
$PWD/results/.dagster), SMTP_HOST, SMTP_USER, SMTP_PASSWORD, and MAIL_TO (addresses with commas between them).
"""

import html
import os

import dagster as dg

from bioinfo_assets.assets.failure_message import message_of
from bioinfo_assets.definitions import defs as project_definitions


def _text(context: dg.RunFailureSensorContext) -> str:
    return html.escape(message_of(context, os.environ["DAGSTER_HOME"])).replace("\n", "<br>")


@dg.definitions
def defs() -> dg.Definitions:
    """The project's definitions, and the sensor."""
    sensor = dg.make_email_on_run_failure_sensor(
        email_from=os.environ["SMTP_USER"],
        email_password=os.environ["SMTP_PASSWORD"],
        email_to=os.environ["MAIL_TO"].split(","),
        email_body_fn=_text,
        smtp_host=os.environ["SMTP_HOST"],
        name="mail_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    return dg.Definitions.merge(project_definitions(), dg.Definitions(sensors=[sensor]))
