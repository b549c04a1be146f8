"""The inputs of a cohort whose jobs are played: a pair of reads for each sample, and what samples share."""

import gzip
from collections.abc import Iterable
from pathlib import Path

from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.tools import TOOLS
from bioinfo_assets.storage.store import Store


def shared_options(bucket: str) -> tuple[str, str, str, str]:
    """The options of `bioinfo-assets run` that name the genome and the known sites."""
    folder = f"s3://{bucket}/data"
    return "--reference", f"{folder}/genome.fa.gz", "--known-sites", f"{folder}/known.vcf.gz"


def upload_shared(data: Path, bucket: str) -> None:
    """Upload the genome and the known sites of simulated data."""
    _, genome, _, sites = shared_options(bucket)
    Store().put(data / "simulated.fa.gz", genome)
    Store().put(data / "simulated.snps.vcf.gz", sites)


def upload_samples(folder: Path, bucket: str, names: Iterable[str]) -> Path:
    """Upload small FASTQs of each sample; return the samplesheet."""
    rows = ["patient,sample,lane,fastq_1,fastq_2"]
    for number, name in enumerate(names):
        files = [f"s3://{bucket}/data/{name}_{read}.fastq.gz" for read in (1, 2)]
        for read, file in enumerate(files, start=1):
            text = f"@{name}:7:FC1:1:1101:{number}:2000 {read}:N:0:ACGT\n{'ACGT' * 9}\n+\n{'F' * 36}\n"
            Store().write_bytes(file, gzip.compress(text.encode(), mtime=0))
        rows.append(f"{name},{name},1,{files[0]},{files[1]}")
    sheet = folder / "samples.csv"
    sheet.write_text("\n".join(rows) + "\n")
    return sheet


def write_tool_list(output: str, image: str) -> None:
    """Write what a job would find in an image, for a project with this output path."""
    lines = "".join(f"{name}\t1\n" for name in TOOLS)
    Store().write_bytes(ScratchPaths(f"{output}/.scratch").tool_list(image), lines.encode())
