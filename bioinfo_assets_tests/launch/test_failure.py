from dataclasses import replace

import pytest

from bioinfo_assets.launch.failure import FailureEvidence, failure_reason
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.result_key import ResultKey

JOB = Job(ResultKey("aligned_bam", "expt"), "1", "true", resources=Resources(memory_mib=30_000))
LEFT = FailureEvidence(exit_code=2, problem="", stderr="", log="/scratch/a/stderr.log", scratch="/scratch")


def test_the_scripts_own_sentence_comes_before_all_else():
    left = replace(LEFT, problem="expt has no reads", stderr="No space left on device", exit_code=137)
    assert failure_reason(JOB, left) == "expt has no reads"


def test_the_last_line_that_says_something_is_quoted():
    left = replace(LEFT, stderr="[M::bwa] ok\n[E::bwa] fail to open file\n\n  \n")
    assert failure_reason(JOB, left) == (
        "step aligned_bam of expt failed with exit code 2: [E::bwa] fail to open file; its log is /scratch/a/stderr.log"
    )


@pytest.mark.parametrize(
    "telling",
    [
        "A USER ERROR has occurred: Fasta dict file /x/genome.dict for reference /x/genome.fa does not exist.",
        'Exception in thread "main" picard.PicardException: /x/a.bam has no read groups',
    ],
)
def test_java_tells_the_cause_before_its_last_lines(telling):
    """As GATK 4.6 and Picard 3.4 end: the cause, then where to ask for more."""
    left = replace(
        LEFT, stderr=f"some log\n{telling}\n***\nSet the system property GATK_STACKTRACE_ON_USER_EXCEPTION\n"
    )
    assert telling in failure_reason(JOB, left)


def test_silence_is_told_as_such():
    assert "exit code 2: it said nothing on stderr; its log is" in failure_reason(JOB, LEFT)


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_sigkill_is_told_as_memory_with_what_was_asked_for(exit_code):
    reason = failure_reason(JOB, replace(LEFT, exit_code=exit_code))
    assert "was killed by the system, probably because memory ran out (it asked for 30000 MiB)" in reason


def test_other_signals_are_named():
    assert "was ended by signal 11: " in failure_reason(JOB, replace(LEFT, exit_code=-11))


@pytest.mark.parametrize("words", ["sort: write failed: No space left on device", "Disk quota exceeded"])
def test_a_disk_errors_are_told_with_the_folder_and_what_to_do(words):
    reason = failure_reason(JOB, replace(LEFT, stderr=f"{words}\nlast words\n"))
    assert reason == (
        "step aligned_bam of expt found no space left in /scratch: "
        "free some there, or set scratch to a folder on a larger disk"
    )
