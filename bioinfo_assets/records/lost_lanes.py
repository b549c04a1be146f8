"""What a saved sample would lose if another of its name were saved in its place.

A list of new reads, such as those of a second flow cell, would otherwise stand for all of a sample, and its results be
computed again from these alone.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import find_sample


def check_nothing_is_lost(ledger: Ledger, new: Iterable[Sample]) -> None:
    """Check that no saved sample would lose a lane, its sex or its patient; FASTQs of a lane may be others.

    Raises:
        InputError: One would.
    """
    samples = tuple(new)
    for before, after in zip(map_reads(ledger, partial(_find_intact, ledger), samples), samples, strict=True):
        losses = list(_losses(before, after)) if before else []
        if losses:
            raise InputError(
                f"sample {after.name} would lose {', '.join(losses)}: give all that it has in one samples file, or "
                "replace it with `samples add --replace`"
            )


def _find_intact(ledger: Ledger, sample: Sample) -> Sample | None:
    """The saved sample of the same name; None if there is none, or if it is damaged and has to be added again."""
    try:
        return find_sample(ledger, sample.name)
    except InputError:
        return None


def _losses(before: Sample, after: Sample) -> Iterator[str]:
    kept = {(lane.library, lane.flowcell, lane.number) for lane in after.lanes}
    for lane in before.lanes:
        if (lane.library, lane.flowcell, lane.number) not in kept:
            library = f" (library {lane.library})" if lane.library != before.name else ""
            yield f"lane {lane.number} of flow cell {lane.flowcell}{library}"
    if before.sex and not after.sex:
        yield f"its sex {before.sex}"
    if before.patient and not after.patient:
        yield f"its patient {before.patient}"
