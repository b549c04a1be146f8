"""The record that a job will have, as far as it is known before the job has run.

From it the job that reads its outputs is planned, to run after it on the same machine. It is never written.
"""

from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.commit import inputs_of
from bioinfo_assets.records.record import FileRecord, Record

_NEVER: Final = datetime.fromtimestamp(0, UTC)


def provisional_record(job: Job) -> Record:
    """The record of a job that has not run: its outputs have no digests, and the sizes that they usually have."""
    inputs = sum(item.file.size for item in job.inputs if not item.shared)
    return Record(
        asset=job.key.asset,
        scope=job.key.scope,
        version=job.version,
        fingerprint="",
        script=job.script,
        parameters=dict(job.parameters),
        inputs=inputs_of(job),
        outputs=tuple(
            FileRecord(
                key=output.key,
                uri=output.uri,
                size=round(output.size_share * inputs),
                sha256=None,
                content=None,
                stamp="",
            )
            for output in job.outputs
        ),
        tools={},
        backend="",
        job_id="",
        host="",
        user="",
        software="",
        started=_NEVER,
        finished=_NEVER,
        wall_s=0.0,
        cpu_s=None,
        peak_memory_mib=None,
        facts={},
        warnings=(),
    )
