"""Simulated data in a folder, made once: the demo's, and the examples that `prepare-samples` uploads."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.genomics.simulation import SimulatedData, compress_sites, simulate
from bioinfo_assets.launch.tools import TOOLS
from bioinfo_assets.storage.atomic import translate_disk_errors

MARK: Final = "simulated.json"
"""Written last: what the data in its folder are."""


def simulated(folder: Path, seed: int) -> SimulatedData:
    """Simulated data of this seed, with bgzipped known sites; found if they are there.

    Raises:
        ResourceError: bgzip or tabix is missing, or the disk is full.
        InputError: the folder cannot be written to.
    """
    mark = folder / MARK
    if mark.exists():
        kept = json.loads(mark.read_text(encoding="utf-8"))
        if kept["seed"] == seed:
            return SimulatedData(
                folder / kept["reference"],
                tuple(folder / name for name in kept["known_sites"]),
                folder / kept["samples_file"],
                tuple(kept["samples"]),
            )
    for tool in ("bgzip", "tabix"):
        if shutil.which(tool) is None:
            raise ResourceError(f"the tool {tool} is not on PATH; install it with: {TOOLS[tool].install}")
    with translate_disk_errors(folder):
        mark.unlink(missing_ok=True)
        data = simulate(folder, seed=seed)
        data = replace(data, known_sites=tuple(map(compress_sites, data.known_sites)))
        mark.write_text(json.dumps(_kept(data, seed), indent=2) + "\n", encoding="utf-8")
    return data


def _kept(data: SimulatedData, seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "reference": data.reference.name,
        "known_sites": [vcf.name for vcf in data.known_sites],
        "samples_file": data.samples_file.name,
        "samples": list(data.samples),
    }
