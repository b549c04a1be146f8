"""Canonical forms: shell filters that remove what may differ between equivalent runs of a step.

Each reads a file on standard input and writes the bytes whose digest is the file's content. Removed are dates, command
lines, thread counts and compression, which are not results of the step.
"""

import shlex
from typing import Final

BAM: Final = 'samtools reheader --no-PG --command "grep -v \'^@PG\'" - | bgzip -dc -@ "$JOB_CPUS"'
"""A BAM uncompressed and without its `@PG` lines, which have command lines with threads and paths.

Records are not decoded: SAM text would take twice as long.
"""


def cram(fasta: str) -> str:
    """A CRAM as SAM text without its `@PG` lines: its bytes depend on the version of the library.

    Args:
        fasta: The local name of the reference, an input of the job.
    """
    return f"samtools view -h --no-PG -@ \"$JOB_CPUS\" -T {shlex.quote(fasta)} - | grep -v '^@PG'"


GZIPPED: Final = "bgzip -dc"
"""The uncompressed file: gzip and BGZF store times and depend on library, level and threads.

bgzip reads gzip too, in half of gzip's time.
"""

BGZIPPED: Final = 'bgzip -dc -@ "$JOB_CPUS"'
"""The uncompressed file, of a file that bgzip wrote: BGZF can be decompressed by several threads, other gzip cannot."""

PICARD_METRICS: Final = "LC_ALL=C sed '/^# /d'"
"""A Picard metrics file without command line and start time; `## METRICS CLASS` and `## HISTOGRAM` are kept."""

PDF: Final = "LC_ALL=C sed -E '/^\\/(CreationDate|ModDate) /d'"
"""A PDF of R without its dates."""

CUTADAPT_LOG: Final = "sed -E '/^(This is cutadapt|Command line parameters:|Processing .* reads on|Finished in) ?/d'"
"""A cutadapt report without version, command line, cores and time."""

CUTADAPT_JSON: Final = (
    'sed -E \'/^  "command_line_arguments"/,/^  ],?$/d; /^  "(cutadapt_version|python_version|cores)"/d\''
)
"""A cutadapt report as JSON, without the same."""

FASTP_JSON: Final = 'sed -E \'/^\\t(\\t"fastp_version"|"command"): /d\''
"""A report of fastp without version and command line."""

DERIVED_FILE: Final = None
"""For a file without content of its own, derived from another output, such as an index or an MD5."""
