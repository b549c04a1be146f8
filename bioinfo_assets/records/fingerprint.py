"""The fingerprint of a job: the digest of all that could change its result, and of nothing else.

In it: step, version, script with its local names, what the inputs say, parameters, canonical forms of the outputs and
tool versions. Not in it: where anything lies, processors, memory, the backend. Two jobs with one fingerprint make the
same result, so the second need not run.
"""

import json
from collections.abc import Mapping
from hashlib import sha256

from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.record import Record


def fingerprint_of(job: Job, tools: Mapping[str, str]) -> str:
    """The fingerprint of a job run with tools of these versions, as hex digits."""
    return sha256(json.dumps(_ingredients(job, tools), sort_keys=True).encode()).hexdigest()


def difference(record: Record, job: Job, tools: Mapping[str, str]) -> str:
    """Says in a few words what is not as it was when `record` was made; empty where nothing is."""
    was = {item.local: item.content for item in record.inputs}
    now = {item.local: item.file.content for item in job.inputs}
    changed_inputs = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    parts = {
        "step version": (record.version, job.version),
        "parameters": (dict(record.parameters), dict(job.parameters)),
        "tools": (dict(record.tools), dict(tools)),
        "script": (record.script, job.script),
    }
    changed = [name for name, (before, after) in parts.items() if _plain(before) != _plain(after)]
    if changed_inputs:
        changed.insert(0, f"inputs ({', '.join(changed_inputs)})")
    return ", ".join(changed)


def _ingredients(job: Job, tools: Mapping[str, str]) -> dict[str, object]:
    return {
        "step": job.step,
        "version": job.version,
        "script": job.script,
        "inputs": sorted((item.local, item.file.content) for item in job.inputs if item.file.content is not None),
        "outputs": sorted((item.key, item.local, item.canonical or "") for item in job.outputs),
        "parameters": dict(job.parameters),
        "tools": dict(tools),
    }


def _plain(value: object) -> object:
    """The value as JSON gives it back, so that a tuple equals the list it was stored as."""
    return json.loads(json.dumps(value, sort_keys=True))
