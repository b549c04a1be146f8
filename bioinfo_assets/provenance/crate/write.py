"""Writes a crate: everything into a folder beside the target first, which is then put into its place whole."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.crate.contents import CrateRequest, describe
from bioinfo_assets.provenance.crate.entities import Entities
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.crate.jobs import jobs_of
from bioinfo_assets.records.ledger import Ledger


def write_crate(ledger: Ledger, wanted: CrateRequest, target: Path) -> int:
    """Writes a crate to a folder, or to a ZIP file where the target's name ends so; gives the number of its runs.

    Raises:
        InputError: a scope has no results, or the target is there already. Nothing was written.
    """
    if target.exists():
        raise InputError(f"{target} is there already: remove it, or give another name")
    jobs = jobs_of(ledger, wanted.scopes)
    with _built(target) as folder:
        entities = Entities(folder)
        describe(entities, Files(entities, ledger, copied=wanted.with_small_files), jobs, wanted)
    return len(jobs)


@contextmanager
def _built(target: Path) -> Iterator[Path]:
    """A folder to build in; it becomes the target once it is complete.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}): give another place") from error
    try:
        folder = temporary / "crate"
        folder.mkdir()
        yield folder
        if target.suffix == ".zip":
            folder = _zipped(folder, temporary / "crate.zip")
        folder.rename(target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary)


def _zipped(folder: Path, target: Path) -> Path:
    """A ZIP file of a folder, the same bytes for the same files: times are left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
    return target
