"""The accounting of a job: what it asked for, how long it waited, and what it moved."""

from pydantic import BaseModel, ConfigDict


class Accounting(BaseModel):
    """What a job asked for, waited for and moved; a backend fills in what it knows.

    Attributes:
        vcpus: CPUs that it had; None if unknown, as is each of the other values.
        memory_mib: Memory that it had in MiB: more than its step asks for if it was started again after a lack of it.
        disk_mib: Scratch space that it asked for in MiB.
        queue: The job queue of AWS Batch; empty on other backends.
        machine: The type of its EC2 machine, such as `c6id.8xlarge`; empty if unknown.
        queued_s: Seconds from its submission to its start, without those in which other attempts ran. On AWS Batch that
            includes the start of a machine and the pull of its image.
        staging_s: Seconds in which its inputs were fetched, including the wait for disk space and for other jobs that
            fetched the same files.
        fetched_bytes: Bytes that it fetched; a file that its machine had already does not count.
        upload_s: Seconds in which its outputs were uploaded; where jobs run on the host, those of publishing.
        uploaded_bytes: Bytes that it uploaded; none from one local folder to another.
        retried_s: Seconds that its other attempts ran, whose work was lost, as far as known.
    """

    model_config = ConfigDict(frozen=True)

    vcpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None
    queue: str = ""
    machine: str = ""
    queued_s: float | None = None
    staging_s: float | None = None
    fetched_bytes: int | None = None
    upload_s: float | None = None
    uploaded_bytes: int | None = None
    retried_s: float | None = None
