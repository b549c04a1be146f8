"""Which jobs are submitted as one array, and the name of a submission."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.submission_request import job_name


def submission_name(jobs: Sequence[BatchJob]) -> str:
    """The name of a submission of these jobs, unique."""
    first = jobs[0]
    job = first.state.job
    suffix = "-".join([*([first.fingerprint[:12]] if first.fingerprint else []), secrets.token_hex(4)])
    return job_name(job.options.prefix, job.name if len(jobs) == 1 else f"{job.key.asset}-array", suffix)


def group_similar(jobs: Iterable[BatchJob], config: BatchConfig) -> Iterator[Sequence[BatchJob]]:
    """Group jobs into arrays of similar ones; those that are too few for an array are each alone."""
    for _, similar in groupby(sorted(jobs, key=_similarity), key=_similarity):
        rest = list(similar)
        while len(rest) >= config.array_min_size:
            yield rest[: config.array_max_size]
            rest = rest[config.array_max_size :]
        yield from ([job] for job in rest)


def _similarity(job: BatchJob) -> tuple[str, ...]:
    """What the jobs of one array have in common.

    Memory is compared by powers of two, so that one large sample does not give all small ones its machine.
    """
    state = job.state
    return (
        state.job.key.asset,
        state.job.options.model_dump_json(),
        str(state.spent),
        str(state.job.resources.cpus),
        str((state.job.resources.memory_mib - 1).bit_length()),
        *(own.key.asset for own in job.parts.jobs[1:]),
    )
