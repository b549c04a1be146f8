"""The fingerprint of a job: the digest of everything that could change its result, and of nothing else.

It covers step, version, script with its local names, contents of the inputs, parameters, canonical forms of the outputs
and tool versions; not addresses, processors, memory or the backend. Two jobs with the same fingerprint produce the same
result, so the second need not run.
"""

import json
from collections.abc import Mapping
from hashlib import sha256

from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.record import Record


def fingerprint_of(job: Job, tools: Mapping[str, str]) -> str:
    """The fingerprint of a job with these tool versions, as hex digits."""
    return sha256(json.dumps(_ingredients(job, tools), sort_keys=True).encode()).hexdigest()


def difference(record: Record, job: Job, tools: Mapping[str, str]) -> str:
    """What has changed since a result was recorded, in a few words; empty if nothing has."""
    inputs = _changed(
        {item.local: item.content for item in record.inputs}, {item.local: item.file.content for item in job.inputs}
    )
    parameters = _changed(_plain(record.parameters), _plain(job.parameters))
    versions = [
        f"{tool} {record.tools.get(tool, 'none')}, now {tools.get(tool, 'none')}"
        for tool in _changed(record.tools, tools)
    ]
    changes = {
        "inputs": inputs,
        "step version": [f"{record.version}, now {job.version}"] if record.version != job.version else [],
        "parameters": parameters,
        "tools": versions,
    }
    changed = [f"{name} ({', '.join(what)})" for name, what in changes.items() if what]
    if record.script != job.script:
        changed.append("script")
    return ", ".join(changed)


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The names whose values differ, or that exist on one side only."""
    missing = object()
    return sorted(name for name in before.keys() | now.keys() if before.get(name, missing) != now.get(name, missing))


def _ingredients(job: Job, tools: Mapping[str, str]) -> dict[str, object]:
    return {
        "step": job.key.asset,
        "version": job.version,
        "script": job.script,
        "inputs": sorted((item.local, item.file.content) for item in job.inputs if item.file.content is not None),
        "outputs": sorted((item.key, item.local, item.canonical or "") for item in job.outputs),
        "parameters": dict(job.parameters),
        "tools": dict(tools),
    }


def _plain(values: Mapping[str, object]) -> Mapping[str, object]:
    """The values after a round trip through JSON, so that a tuple equals the list it is stored as."""
    plain: Mapping[str, object] = json.loads(json.dumps(dict(values)))
    return plain
