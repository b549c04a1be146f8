"""BAMs and FASTQs as other pipelines leave them; samtools writes the BAMs."""

import gzip
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.storage.store import Store

STORE = Store()
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
    """Writes a BAM of reads by name and position, and its index."""
    header = [f"@HD\tVN:1.6\tSO:{order}"] if order else []
    header += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs]
    header += [f"@RG\tID:FC1.1\tSM:{sample}\tLB:{sample}\tPL:ILLUMINA\tPU:FC1.1"] if sample else []
    group = "\tRG:Z:FC1.1" if sample else ""
    rows = [f"{name}\t0\t{contigs[0][0]}\t{at}\t60\t4M\t*\t0\t0\tACGT\tFFFF{group}" for name, at in positions]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in [*header, *rows])
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", str(path), "-"], input=text.encode(), check=True)
    if index:
        subprocess.run(["samtools", "index", "-b", str(path)], check=True)
    return path


def write_reads(folder: Path, comment: str = "RG:Z:FC1.1", *, pairs: int = 3) -> tuple[str, str]:
    """Writes a pair of FASTQs whose reads have this comment."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for read in (1, 2):
        rows = [f"@M1:7:FC1:1:1101:{number}:1\t{comment}\nACGTA\n+\nFFFFF\n" for number in range(pairs)]
        file = folder / f"trimmed.{read}.fastq.gz"
        file.write_bytes(gzip.compress("".join(rows).encode()))
        files.append(str(file))
    return files[0], files[1]


def made_record(ledger: Ledger, step: str, scope: str, *uris: str, **changes: object) -> Record:
    """Keeps a record as a job would have left it, of files that are there."""
    outputs = tuple(
        FileRecord(
            key=uri.rpartition(".")[2],
            uri=uri,
            size=STORE.stat(uri).size,
            sha256=STORE.digest(uri).removeprefix("sha256:"),
            content=STORE.digest(uri),
            stamp=STORE.stat(uri).stamp,
        )
        for uri in uris
    )
    now = datetime.now(UTC)
    record = Record(
        asset=step,
        scope=scope,
        version="1",
        fingerprint="f" * 64,
        script="true",
        parameters={},
        inputs=(),
        outputs=outputs,
        tools={},
        backend="local",
        job_id="x",
        host="here",
        user="me",
        software="0",
        started=now,
        finished=now,
        wall_s=1.0,
        cpu_s=None,
        peak_memory_mib=None,
        facts={},
        warnings=(),
    ).model_copy(update=changes)
    ledger.write(record)
    return record


def index_reference(ledger: Ledger, contigs: Sequence[tuple[str, int]] = CONTIGS) -> None:
    """Keeps a reference's dictionary as `reference_index` has it."""
    uri = f"{ledger.output_path}/references/genome.dict"
    rows = "".join(f"@SQ\tSN:{name}\tLN:{length}\tM5:{number:032x}\n" for number, (name, length) in enumerate(contigs))
    STORE.write_bytes(uri, f"@HD\tVN:1.6\n{rows}".encode())
    made_record(ledger, "reference_index", "references", uri)
