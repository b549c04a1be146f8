"""Canonical forms: shell filters that leave out of a file what may differ between two runs that mean the same.

Each reads the file on standard input and writes the bytes whose digest is the file's content. What is left out is no
finding of the step: dates, command lines, thread counts, and compression.
"""

from typing import Final

BAM: Final = "samtools reheader --no-PG --command \"grep -v '^@PG'\" - | bgzip -dc"
"""A BAM uncompressed and without its `@PG` lines, which tell the command lines and so threads and paths.

As SAM text it would take twice as long: the records are not decoded here.
"""

GZIPPED: Final = "gzip -dc"
"""What was compressed: gzip and BGZF keep times and depend on library, level and threads."""

PICARD_METRICS: Final = "LC_ALL=C sed '/^# /d'"
"""A Picard metrics file without its command line and start; `## METRICS CLASS` and `## HISTOGRAM` stay."""

PDF: Final = "LC_ALL=C sed -E '/^\\/(CreationDate|ModDate) /d'"
"""A PDF of R without the time it was drawn."""

CUTADAPT_LOG: Final = "sed -E '/^(This is cutadapt|Command line parameters:|Processing .* reads on|Finished in) ?/d'"
"""A cutadapt report without version, command line, cores and time."""

CUTADAPT_JSON: Final = (
    'sed -E \'/^  "command_line_arguments"/,/^  ],?$/d; /^  "(cutadapt_version|python_version|cores)"/d\''
)
"""The same report as JSON, without the same."""

FOLLOWS: Final = None
"""No content of its own: the file follows from others, such as an index or an md5."""
