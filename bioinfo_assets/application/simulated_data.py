"""Simulated data in a folder: for the demo, and for the examples that `prepare-samples` uploads."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.genomics.simulation import SimulatedData, compress_sites, simulate
from bioinfo_assets.launch.tools import TOOLS
from bioinfo_assets.storage.atomic import translate_disk_errors

MANIFEST: Final = "simulated.json"
"""Describes the data in its folder; written last, so that it exists only if they are complete."""


def provide_simulated_data(folder: Path, seed: int) -> SimulatedData:
    """Return the simulated data of a seed, with bgzipped known sites; they are simulated unless the folder holds them.

    Raises:
        ResourceError: bgzip or tabix is missing, or the disk is full.
        InputError: the folder cannot be written to.
    """
    manifest = folder / MANIFEST
    if manifest.exists():
        values = json.loads(manifest.read_text(encoding="utf-8"))
        if values["seed"] == seed:
            return SimulatedData(
                folder / values["reference"],
                tuple(folder / name for name in values["known_sites"]),
                folder / values["samples_file"],
                tuple(values["samples"]),
            )
    for tool in ("bgzip", "tabix"):
        if shutil.which(tool) is None:
            raise ResourceError(f"the tool {tool} is not on PATH; install it with: {TOOLS[tool].install}")
    with translate_disk_errors(folder):
        manifest.unlink(missing_ok=True)
        data = simulate(folder, seed=seed)
        data = replace(data, known_sites=tuple(map(compress_sites, data.known_sites)))
        values = {
            "seed": seed,
            "reference": data.reference.name,
            "known_sites": [vcf.name for vcf in data.known_sites],
            "samples_file": data.samples_file.name,
            "samples": list(data.samples),
        }
        manifest.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return data
