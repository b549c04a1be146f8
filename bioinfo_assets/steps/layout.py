"""Where everything is published under one output path.

>>> layout = Layout("s3://bucket/run7/")
>>> layout.reference("chr22.fa")
's3://bucket/run7/references/chr22.fa'
>>> layout.sample("expt", "mark_dup.bam")
's3://bucket/run7/expt/expt.mark_dup.bam'
>>> layout.report("multiqc_report.html")
's3://bucket/run7/multiqc_report.html'
"""

from dataclasses import dataclass

from bioinfo_assets.errors import InputError


@dataclass(frozen=True, slots=True)
class Layout:
    """The addresses of all that is published.

    Attributes:
        output_path: An absolute local folder or an `s3://` address.

    Raises:
        InputError: The output path is neither.
    """

    output_path: str

    def __post_init__(self) -> None:
        if not self.output_path.startswith(("/", "s3://")):
            raise InputError(
                f"{self.output_path!r} cannot be the output path: give an absolute folder, or s3://BUCKET/FOLDER"
            )
        object.__setattr__(self, "output_path", self.output_path.rstrip("/"))

    def reference(self, name: str) -> str:
        """A file of the reference genome or of the known sites."""
        return f"{self.output_path}/references/{name}"

    def sample(self, sample: str, suffix: str) -> str:
        """A file of one sample, named by the sample and what it is."""
        return f"{self.output_path}/{sample}/{sample}.{suffix}"

    def report(self, name: str) -> str:
        """A file about all samples."""
        return f"{self.output_path}/{name}"
