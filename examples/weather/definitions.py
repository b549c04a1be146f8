"""Temperatures of cities: a script and two Python functions, each a job on this machine or on AWS Batch.

    cd examples/weather && dagster dev -f definitions.py

On AWS Batch, with the readings in S3 (an image has bash, tar, s5cmd, python3, and the list of tools of the guide):

    export WEATHER_DATA=s3://BUCKET/weather WEATHER_RESULTS=s3://BUCKET/results
    export WEATHER_BACKEND='{"backend": "batch", "jobs": {"image": "IMAGE", "queue": "QUEUE"}}'
"""

import os
from pathlib import Path

import dagster as dg

from bioinfo_assets.orchestration import (
    BackendConfig,
    FileSource,
    PythonAsset,
    ScriptAsset,
    job_assets,
    job_launcher,
    one_process_executor,
)

HERE = Path(__file__).resolve().parent
DATA = os.environ.get("WEATHER_DATA", str(HERE / "data"))
RESULTS = os.environ.get("WEATHER_RESULTS", str(HERE / "results"))
BACKEND = BackendConfig.model_validate_json(os.environ.get("WEATHER_BACKEND", "{}"))

cities = dg.StaticPartitionsDefinition(["bern", "oslo", "rome"])

readings = FileSource(name="readings", uri=f"{DATA}/{{partition}}.csv", partitions_def=cities)

sorted_readings = ScriptAsset(
    "sorted_readings",
    script="""
        (($(wc -l <readings.csv) >= minimum_days + 1)) || fail "$partition has fewer than $minimum_days days"
        { head -n 1 readings.csv; tail -n +2 readings.csv | sort; } >sorted.csv
        fact days "$(tail -n +2 sorted.csv | wc -l)"
    """,
    inputs={"readings.csv": readings},
    outputs=["sorted.csv"],
    parameters={"minimum_days": 2},
    partitions_def=cities,
    description="The readings of a city in the order of days.",
)
summary = PythonAsset(
    "summary",
    function="statistics_of_city:summarize",
    inputs={"readings": sorted_readings.file("sorted.csv")},
    parameters={"digits": 1},
    partitions_def=cities,
    description="The mean and the warmest day of a city.",
)
ranking = PythonAsset(
    "ranking",
    function="statistics_of_city:rank",
    inputs={"summaries": summary.file("result.json")},
    description="The cities, the warmest first.",
)

launcher = job_launcher(RESULTS, BACKEND)


@dg.asset(deps=["ranking"])
def announcement() -> str:
    """An ordinary asset: it runs in Dagster's process, and its value goes to Dagster's I/O manager."""
    return "The ranking is ready."


defs = dg.Definitions(
    assets=[*job_assets("weather", launcher, [readings, sorted_readings, summary, ranking]), announcement],
    executor=one_process_executor,
    resources={"launcher": launcher},
)
