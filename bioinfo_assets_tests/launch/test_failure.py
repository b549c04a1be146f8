from dataclasses import replace

import pytest

from bioinfo_assets.launch.failure import FailureEvidence, failure_reason
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.result_key import ResultKey

JOB = Job(ResultKey("aligned_bam", "expt"), "1", "true", resources=Resources(memory_mib=30_000))
EVIDENCE = FailureEvidence(exit_code=2, problem="", stderr="", log="/scratch/a/stderr.log", scratch="/scratch")


def test_the_scripts_own_message_comes_first() -> None:
    evidence = replace(EVIDENCE, problem="expt has no reads", stderr="No space left on device", exit_code=137)
    assert failure_reason(JOB, evidence) == "expt has no reads"


def test_the_last_line_that_is_not_empty_is_quoted() -> None:
    evidence = replace(EVIDENCE, stderr="[M::bwa] ok\n[E::bwa] fail to open file\n\n  \n")
    assert failure_reason(JOB, evidence) == (
        "step aligned_bam of expt failed with exit code 2: [E::bwa] fail to open file; its log is /scratch/a/stderr.log"
    )


@pytest.mark.parametrize(
    "cause",
    [
        "A USER ERROR has occurred: Fasta dict file /x/genome.dict for reference /x/genome.fa does not exist.",
        'Exception in thread "main" picard.PicardException: /x/a.bam has no read groups',
    ],
)
def test_the_cause_in_javas_output_is_not_the_last_line(cause: str) -> None:
    """GATK 4.6 and Picard 3.4 print the cause, and then how to get more details."""
    evidence = replace(
        EVIDENCE, stderr=f"some log\n{cause}\n***\nSet the system property GATK_STACKTRACE_ON_USER_EXCEPTION\n"
    )
    assert cause in failure_reason(JOB, evidence)


def test_an_empty_stderr_is_reported() -> None:
    assert "exit code 2: it printed nothing to stderr; its log is" in failure_reason(JOB, EVIDENCE)


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_sigkill_is_reported_as_lack_of_memory(exit_code: int) -> None:
    reason = failure_reason(JOB, replace(EVIDENCE, exit_code=exit_code))
    assert "was killed by the system, probably because memory ran out (it needs 30000 MiB)" in reason


def test_other_signals_are_named() -> None:
    assert "was ended by signal 11: " in failure_reason(JOB, replace(EVIDENCE, exit_code=-11))


@pytest.mark.parametrize("message", ["sort: write failed: No space left on device", "Disk quota exceeded"])
def test_a_full_disk_is_reported_with_the_folder_and_advice(message: str) -> None:
    reason = failure_reason(JOB, replace(EVIDENCE, stderr=f"{message}\nlast words\n"))
    assert reason == (
        "step aligned_bam of expt ran out of disk space in /scratch: "
        "free some there, or set scratch to a folder on a larger disk"
    )
