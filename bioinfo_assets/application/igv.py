"""The final alignments of a project for IGV."""

from collections.abc import Sequence
from functools import partial

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.igv import Track, session_xml
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.result_key import RECALIBRATED_BAM, RECALIBRATED_CRAM, REFERENCES, ResultKey

_ALIGNMENTS = ((RECALIBRATED_BAM, "bam"), (RECALIBRATED_CRAM, "cram"))
"""By preference: the assets with final alignments, and the keys of their files."""


def _track(ledger: Ledger, sample: str) -> Track | None:
    """The final alignment of a sample, if it has one: its BAM, or the CRAM if the BAM was released."""
    for asset, key in _ALIGNMENTS:
        record = ledger.read(ResultKey(asset, sample))
        if record is not None and not record.file(key).is_released:
            return Track(sample, record.file(key).uri)
    return None


def write_session(ledger: Ledger, samples: Sequence[str]) -> tuple[str, tuple[Track, ...]]:
    """Write a session in the output path; addresses below that are relative to it, so that the project can be moved.

    Returns:
        The address of the session, and its tracks.

    Raises:
        InputError: there is no genome, or none of the samples has a final alignment.
    """
    layout = ledger.layout
    genome = ledger.read(ResultKey("reference_genome", REFERENCES))
    found = map_reads(ledger, partial(_track, ledger), samples)
    tracks = tuple(track for track in found if track is not None)
    if genome is None or not tracks:
        raise InputError(f"there is no final alignment in {layout.output_path} yet: run the pipeline first")
    relative = [Track(track.sample, layout.relative(track.uri)) for track in tracks]
    text = session_xml(layout.relative(genome.file("fasta").uri), relative)
    ledger.store.write_bytes(layout.igv_session, text.encode())
    return layout.igv_session, tracks
