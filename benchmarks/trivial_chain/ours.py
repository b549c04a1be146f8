"""Our command line with trivial steps in place of the pipeline's: `python -m benchmarks.trivial_chain.ours run …`.

All else is the product's: settings, samples, dry run, Dagster's definitions and instance, launcher, records.
"""

import json
import sys
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.job import Input, Job, Output, Resources, StoredFile
from bioinfo_assets.pipeline import graph
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.result_key import RAW_READS, ResultKey
from bioinfo_assets.storage.store import Store

SCRIPTS: Final = "scripts.json"
"""In the working folder: the script of each step, by its name, in their order."""

SMALL: Final = Resources(cpus=1, memory_mib=16)


def replace_pipeline(scripts: dict[str, str]) -> None:
    """Replace the rows of the graph; nothing else may have been imported that reads them."""
    names = tuple(scripts)
    specs = {
        name: AssetSpec(
            name=name,
            description="A trivial step.",
            group="trivial",
            kinds=frozenset(),
            version="1",
            build=lambda upstream, sample, number=number: job_of(upstream, sample, names, number, scripts),  # type: ignore[misc]
            upstream=(names[number - 1],) if number else (),
        )
        for number, name in enumerate(names)
    }
    shared = {name: graph.SHARED_SCOPES_BY_ASSET[name] for name in graph.SOURCES if name != RAW_READS}
    vars(graph).update(
        GRAPH=specs,
        ASSETS=names,
        SHARED=(),
        PER_SAMPLE=names,
        OVER_SAMPLES=(),
        PARTITIONED=frozenset({RAW_READS, *names}),
        SHARED_SCOPES_BY_ASSET=shared,
        REPORT_FILES={},
    )


def job_of(upstream: Upstream, sample: str, names: tuple[str, ...], number: int, scripts: dict[str, str]) -> Job:
    """The job of one step of a sample, which reads the file of the step before, or the sample's own."""
    name = names[number]
    source = upstream.records[names[number - 1]].of(sample).file("text") if number else _own_file(sample)
    uri = f"{upstream.project.settings.output_path}/{sample}/{sample}.{name}.txt"
    return Job(
        key=ResultKey(name, sample),
        version="1",
        script=scripts[name],
        inputs=(Input("input.txt", source),),
        outputs=(Output("text", "output.txt", uri),),
        resources=SMALL,
    )


def _own_file(sample: str) -> StoredFile:
    store, path = Store(), str(Path.cwd() / "data" / f"{sample}.txt")
    stat = store.stat(path)
    return StoredFile(path, stat.size, store.digest(path), stat.stamp)


if __name__ == "__main__":
    replace_pipeline(json.loads(Path(SCRIPTS).read_bytes()))
    from bioinfo_assets.cli.main import app

    sys.argv[0] = "bioinfo-assets"
    app()
