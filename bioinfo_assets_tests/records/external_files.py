"""BAMs and FASTQs as other pipelines write them, and the reference that they are checked against."""

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets_tests.records.recorded_results import STORE, record_result

CONTIGS = (("chrM", 16569), ("chr1", 5000))


def write_bam(
    path: Path,
    sample: str = "expt",
    *,
    order: str | None = "coordinate",
    contigs: Sequence[tuple[str, int]] = CONTIGS,
    positions: Sequence[tuple[str, int]] = (("r1", 10), ("r1", 40), ("r2", 60)),
    index: bool = True,
) -> Path:
    """Write a BAM of reads with these names and positions, and its index."""
    header = [f"@HD\tVN:1.6\tSO:{order}"] if order else []
    header += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs]
    header += [f"@RG\tID:FC1.1\tSM:{sample}\tLB:{sample}\tPL:ILLUMINA\tPU:FC1.1"] if sample else []
    group = "\tRG:Z:FC1.1" if sample else ""
    rows = [
        f"{name}\t0\t{contigs[0][0]}\t{position}\t60\t4M\t*\t0\t0\tACGT\tFFFF{group}" for name, position in positions
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in [*header, *rows])
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", str(path), "-"], input=text.encode(), check=True)
    if index:
        subprocess.run(["samtools", "index", "-b", str(path)], check=True)
    return path


def write_reads(folder: Path, comment: str = "RG:Z:FC1.1", *, pairs: int = 3) -> tuple[str, str]:
    """Write a pair of FASTQs whose reads have this comment."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for read in (1, 2):
        rows = [f"@M1:7:FC1:1:1101:{number}:1\t{comment}\nACGTA\n+\nFFFFF\n" for number in range(pairs)]
        file = folder / f"trimmed.{read}.fastq.gz"
        file.write_bytes(gzip.compress("".join(rows).encode()))
        files.append(str(file))
    return files[0], files[1]


def record_reference_index(ledger: Ledger, contigs: Sequence[tuple[str, int]] = CONTIGS) -> None:
    """Write and record a sequence dictionary of the reference."""
    uri = f"{ledger.output_path}/references/genome.dict"
    rows = "".join(f"@SQ\tSN:{name}\tLN:{length}\tM5:{number:032x}\n" for number, (name, length) in enumerate(contigs))
    STORE.write_bytes(uri, f"@HD\tVN:1.6\n{rows}".encode())
    record_result(ledger, "reference_index", "references", uri)
