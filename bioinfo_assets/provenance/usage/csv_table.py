"""The table that `report --csv` writes: a row for each current result, with what its job used."""

import csv
from itertools import chain
from typing import Final, TextIO

from bioinfo_assets.provenance.usage.totals import Usage

_ROWS: Final = """
    SELECT scope, asset, finished, is_computed, started, wall_s, cpu_s, peak_memory_mib, attempts, occupied_s, vcpus,
        memory_mib, disk_mib, queue, machine, queued_s, staging_s, fetched_bytes, upload_s, uploaded_bytes, retried_s,
        bytes AS stored_bytes, record
    FROM usage WHERE replaced = 0 ORDER BY scope, started"""
"""Its columns, of the index's table of jobs and of `totals._USAGE`."""


def write_csv(usage: Usage, file: TextIO) -> bool:
    """Write the table, by scope; return whether there are any results. If there are none, nothing is written."""
    cursor = usage.connection.execute(_ROWS)
    first = cursor.fetchone()
    if first is None:
        return False
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(name for name, *_ in cursor.description)
    writer.writerows(chain([first], cursor))
    return True
