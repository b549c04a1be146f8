"""Which program computes a step that GATK, Picard and the project's own engine can compute with the same results."""

from enum import StrEnum


class Engine(StrEnum):
    """The program.

    GATK: GATK or Picard, whichever has the tool.
    NATIVE: `bioinfo-assets-engine` (folder `engine/`), in a twentieth of the CPU time.
    """

    GATK = "gatk"
    NATIVE = "native"
