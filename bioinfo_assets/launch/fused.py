"""Jobs that run one after the other as one job of a backend, so that files between them never leave the machine.

>>> from bioinfo_assets.launch.job import Output, Resources
>>> from bioinfo_assets.result_key import ResultKey
>>> trim = Job(ResultKey("trimmed_reads", "a"), "1", "", resources=Resources(8, 1024, 100))
>>> align = Job(ResultKey("aligned_bam", "a"), "1", "", resources=Resources(4, 8192, 300))
>>> fused_resources([trim, align])
Resources(cpus=8, memory_mib=8192, disk_mib=300)
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from bioinfo_assets.launch.backend import Outcome, State, Status
from bioinfo_assets.launch.job import Input, Job, Resources


def fused_resources(jobs: Sequence[Job]) -> Resources:
    """The resources of jobs that run one after the other: those of the largest, which all of them then have.

    A job's disk space holds its inputs. What those before it leave is either such an input, or deleted as they end.
    """
    return Resources(
        cpus=max(job.resources.cpus for job in jobs),
        memory_mib=max(job.resources.memory_mib for job in jobs),
        disk_mib=max(job.resources.disk_mib for job in jobs),
    )


def output_uris(jobs: Iterable[Job]) -> frozenset[str]:
    """Where the outputs of jobs are published: an input with such an address is read from scratch instead."""
    return frozenset(output.uri for job in jobs for output in job.outputs)


def unpublished_outputs(job: Job, followers: Iterable[Job]) -> frozenset[str]:
    """The local names of a job's outputs that are not published: only jobs that run after it here read them."""
    after = {follower.key.asset for follower in followers}
    return frozenset(output.local for output in job.outputs if output.only_for and output.only_for <= after)


def does_same_work(job: Job, planned: Job, made_before: Collection[str]) -> bool:
    """Whether a job that was planned before its inputs existed does the same as the job that is now built from them.

    Args:
        job: The job.
        planned: The job that was submitted.
        made_before: The addresses of the inputs that the jobs before it made: their digests were not known.
    """
    return _work(job, made_before) == _work(planned, made_before)


def _work(job: Job, made_before: Collection[str]) -> Job:
    """A job without what does not change its result, and without what is not known of its inputs when it is planned."""
    inputs = tuple(
        Input(item.local, replace(item.file, size=0, content=None)) if item.file.uri in made_before else item
        for item in job.inputs
    )
    return replace(job, inputs=inputs, resources=Resources())


def not_run(before: Job) -> Status:
    """The status of a job that is not run because one before it did not succeed."""
    return Status(State.CANCELLED, f"not run, because {before.key.label} did not succeed", outcome=Outcome.NOT_RUN)
