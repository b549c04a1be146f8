"""Dagster's machinery: the step launcher, the executor, the order of a step's results, partitions, provenance tags.

Any Dagster project can use what is named here; nothing of it is about genomes:

    rows = FileSource(name="rows", uri="/data/rows.csv")
    ordered = ScriptAsset("ordered", script="sort rows.csv >out.csv", inputs={"rows.csv": rows}, outputs=["out.csv"])
    launcher = job_launcher("/data/results", BackendConfig())
    defs = dg.Definitions(
        assets=job_assets("jobs", launcher, [rows, ordered]),
        executor=one_process_executor,
        resources={"launcher": launcher},
    )

Each name keeps its meaning within a minor version of bioinfo-assets; other names of this package may change at any
time. The guide `docs/guides/any-project.md` has the details, and `examples/weather` is a project.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioinfo_assets.launch.backend_config import BackendConfig
    from bioinfo_assets.launch.batch.config import BatchConfig
    from bioinfo_assets.launch.job import JobOptions, Resources
    from bioinfo_assets.orchestration.executor import one_process_executor
    from bioinfo_assets.orchestration.file_source import FileSource
    from bioinfo_assets.orchestration.job_asset import JobAsset, OutputFile, ScriptAsset
    from bioinfo_assets.orchestration.job_op import job_assets
    from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
    from bioinfo_assets.orchestration.python_asset import PythonAsset

__all__ = [
    "BackendConfig",
    "BatchConfig",
    "FileSource",
    "JobAsset",
    "JobLauncher",
    "JobOptions",
    "OutputFile",
    "PythonAsset",
    "Resources",
    "ScriptAsset",
    "job_assets",
    "job_launcher",
    "one_process_executor",
]

_MODULES = {
    "BackendConfig": "launch.backend_config",
    "BatchConfig": "launch.batch.config",
    "FileSource": "orchestration.file_source",
    "JobAsset": "orchestration.job_asset",
    "JobLauncher": "orchestration.launcher",
    "JobOptions": "launch.job",
    "OutputFile": "orchestration.job_asset",
    "PythonAsset": "orchestration.python_asset",
    "Resources": "launch.job",
    "ScriptAsset": "orchestration.job_asset",
    "job_assets": "orchestration.job_op",
    "job_launcher": "orchestration.launcher",
    "one_process_executor": "orchestration.executor",
}


def __getattr__(name: str) -> object:
    """Import a name when it is used: commands that need no Dagster import modules of this package too."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bioinfo_assets.{_MODULES[name]}"), name)
