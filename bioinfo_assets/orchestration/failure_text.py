"""What Dagit shows as the reason of a failed step.

>>> print(failure_text({ResultKey("aligned_bam", "a"): "no index"}, skipped=1))
aligned_bam of a: no index
1 result was skipped, because it is computed from others that failed
"""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.result_key import ResultKey

MAX_NAMED_FAILURES: Final = 20
"""How many failed partitions a step's failure names."""


def failure_text(failures: Mapping[ResultKey, str], skipped: int) -> str:
    """A line for each of the first failures, and one for what was skipped because of them.

    Args:
        failures: The reason of each result that failed.
        skipped: How many results were skipped.
    """
    named = list(failures.items())[:MAX_NAMED_FAILURES]
    lines = [f"{key.label}: {reason}" for key, reason in named]
    more = len(failures) - len(named)
    if more:
        lines.append(f"and {more} more")
    if skipped:
        count = "1 result was" if skipped == 1 else f"{skipped} results were"
        computed = "it is" if skipped == 1 else "they are"
        lines.append(f"{count} skipped, because {computed} computed from others that failed")
    return "\n".join(lines)
