"""Where everything is published under one output path.

>>> layout = Layout("s3://bucket/run7/")
>>> layout.reference("chr22.fa")
's3://bucket/run7/references/chr22.fa'
>>> layout.sample("expt", "mark_dup.bam")
's3://bucket/run7/expt/expt.mark_dup.bam'
>>> layout.report("multiqc_report.html")
's3://bucket/run7/multiqc/multiqc_report.html'
"""

from dataclasses import dataclass

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import RAW_BYTES, Output
from bioinfo_assets.steps import canonical


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

    def output(self, key: str, sample: str, suffix: str, form: str | None = RAW_BYTES) -> Output:
        """A file of one sample as an output; its local name tells the sample, and so do logs and reports about it."""
        return Output(key, f"{sample}.{suffix}", self.sample(sample, suffix), canonical=form)

    def sorted_bam(self, sample: str, suffix: str) -> tuple[Output, Output, Output]:
        """A BAM as an output, with its index and md5, which say nothing of their own."""
        return (
            self.output("bam", sample, suffix, canonical.BAM),
            self.output("bai", sample, f"{suffix}.bai", canonical.DERIVED_FILE),
            self.output("md5", sample, f"{suffix}.md5", canonical.DERIVED_FILE),
        )

    def report(self, name: str) -> str:
        """A file about all samples."""
        return f"{self.output_path}/multiqc/{name}"
