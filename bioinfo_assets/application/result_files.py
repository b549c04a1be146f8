"""Where results lie: what a user looks for first, from the records beside the data."""

from collections.abc import Mapping, Sequence
from typing import Final

from bioinfo_assets.pipeline.graph import SCOPES
from bioinfo_assets.records.ledger import Ledger

FINAL: Final[Mapping[str, tuple[str, ...]]] = {
    "recalibrated_bam": ("bam",),
    "alignment_metrics": ("metrics",),
    "insert_size_metrics": ("metrics", "status"),
    "depth": ("depth", "summary"),
    "multiqc_report": ("report",),
}
"""By asset that a user came for, the keys of the files to name."""

ON_THE_WAY: Final[Mapping[str, tuple[str, ...]]] = {
    "reference_genome": ("fasta",),
    "merged_reads": ("reads1", "reads2"),
    "trimmed_reads": ("reads1", "reads2", "log"),
    "aligned_bam": ("bam",),
    "marked_bam": ("bam", "metrics"),
}
"""The same of what was made on the way, named where only that was asked for."""


def files_of(ledger: Ledger, scope: str, assets: Sequence[str]) -> dict[str, list[str]]:
    """The files to name of a scope, by asset: of final results, or where none was asked for of those on the way."""
    named = FINAL if set(assets) & set(FINAL) else ON_THE_WAY
    found: dict[str, list[str]] = {}
    for asset in assets:
        if asset in named and SCOPES.get(asset, scope) == scope:
            record = ledger.read(scope, asset)
            if record is not None:
                files = record.files
                found[asset] = [files[key].uri for key in named[asset] if key in files]
    return found
