"""What the job of a city calls: it runs in a process or container of its own, with the standard library alone."""

import csv
import json
from pathlib import Path
from statistics import mean


def summarize(readings: Path, digits: int, partition: str) -> dict[str, object]:
    """The mean and the warmest day of a city, from its readings in the order of days."""
    with readings.open(newline="") as file:
        rows = list(csv.DictReader(file))
    warmest = max(rows, key=lambda row: float(row["celsius"]))
    average = mean(float(row["celsius"]) for row in rows)
    print(f"{partition}: {len(rows)} days")
    return {"city": partition, "mean": round(average, digits), "warmest_day": warmest["day"]}


def rank(summaries: dict[str, Path]) -> list[str]:
    """The cities, the warmest first."""
    means = {city: json.loads(path.read_text())["mean"] for city, path in summaries.items()}
    return sorted(means, key=lambda city: -means[city])
