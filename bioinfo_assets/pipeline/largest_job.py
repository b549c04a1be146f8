"""The resources of the largest job of the pipeline, for the checks of where jobs are to run."""

from typing import Final

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets.steps.resources import for_alignment

ASSET: Final = "aligned_bam"
"""The asset whose job asks for the most CPUs."""

_INDEX: Final = 2**36
"""Bytes of an index that takes all the memory which alignment may ask for."""

_READS: Final = 200_000_000_000
"""Bytes of the FASTQs of a human genome at some hundredfold coverage."""


def largest_job(settings: Settings) -> Resources:
    """Return what the alignment of the largest sample asks for, which is the most CPUs of any job.

    >>> largest_job(Settings(output_path="s3://bucket/run")).cpus
    32
    """
    computed, options = for_alignment(_INDEX, _READS, Aligner.BWA.thread_mib), settings.options_of(ASSET)
    return Resources(options.vcpus or computed.cpus, options.memory_mib or computed.memory_mib)
