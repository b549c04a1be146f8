"""The workflow of a crate: its steps, the tools that carry them out, and their formal parameters."""

from collections.abc import Iterable
from typing import Final

from bioinfo_assets.launch.job import Parameter
from bioinfo_assets.provenance.crate.entities import Entities, Ref, local_id
from bioinfo_assets.records.record import Record

_HTSLIB: Final = "https://www.htslib.org/"

_PAGES: Final = {
    "Rscript": "https://www.r-project.org/",
    "bgzip": _HTSLIB,
    "bwa": "https://github.com/lh3/bwa",
    "bwa-mem2": "https://github.com/bwa-mem2/bwa-mem2",
    "bwa-mem3": "https://github.com/fg-labs/bwa-mem3-rs",
    "cutadapt": "https://cutadapt.readthedocs.io/",
    "fastp": "https://github.com/OpenGene/fastp",
    "gatk": "https://gatk.broadinstitute.org/",
    "mosdepth": "https://github.com/brentp/mosdepth",
    "multiqc": "https://multiqc.info/",
    "picard": "https://broadinstitute.github.io/picard/",
    "samtools": _HTSLIB,
    "tabix": _HTSLIB,
}
"""The home page of each tool."""


def tool_id(record: Record) -> str:
    """The identifier of what carried out a step: the step's version with the versions of its tools."""
    tools = (f"{tool}-{version}" for tool, version in sorted(record.tools.items()))
    return local_id(record.asset, record.version, *tools)


def step_id(step: str) -> str:
    """The identifier of a step of the workflow."""
    return local_id(step)


def describe_steps(entities: Entities, records: Iterable[Record]) -> dict[str, object]:
    """Describe the steps of these records, in this order.

    Returns:
        The properties of the workflow that refer to them.
    """
    records = tuple(records)
    steps = {asset: position for position, asset in enumerate(dict.fromkeys(record.asset for record in records))}
    for record in records:
        _describe_tool(entities, record)
    for step, position in steps.items():
        tools = {tool_id(record): record for record in records if record.asset == step}
        properties = {"name": step, "position": str(position), "workExample": [{"@id": tool} for tool in tools]}
        entities.describe(step_id(step), "HowToStep", properties)
    return {
        "step": [{"@id": step_id(step)} for step in steps],
        "hasPart": [{"@id": tool} for tool in {tool_id(record): None for record in records}],
        "output": _distinct(ref for record in records for ref in _describe_outputs(entities, record)),
    }


def _describe_tool(entities: Entities, record: Record) -> None:
    implementation = "files that were imported" if record.imported else "one bash script"
    properties = {
        "name": record.asset,
        "description": f"The step {record.asset} of bioinfo-assets: {implementation}.",
        "version": record.version,
        "softwareRequirements": [_describe_software(entities, *tool) for tool in sorted(record.tools.items())],
        "input": [_describe_parameter(entities, record.asset, *item) for item in sorted(record.parameters.items())],
        "output": _describe_outputs(entities, record),
    }
    entities.describe(tool_id(record), "SoftwareApplication", properties)


def _describe_software(entities: Entities, tool: str, version: str) -> Ref:
    properties = {"name": tool, "version": version, "url": _PAGES.get(tool)}
    return entities.describe(local_id("tools", tool, version), "SoftwareApplication", properties)


def _describe_parameter(entities: Entities, step: str, name: str, value: Parameter) -> Ref:
    properties = {"name": name, "additionalType": _type_of(value)}
    return entities.describe(parameter_id(step, name), "FormalParameter", properties)


def parameter_id(step: str, name: str) -> str:
    """The identifier of a step's parameter, for all its values."""
    return local_id(step, "parameters", name)


def _describe_outputs(entities: Entities, record: Record) -> list[Ref]:
    return [
        entities.describe(
            local_id(record.asset, "outputs", file.key), "FormalParameter", {"name": file.key, "additionalType": "File"}
        )
        for file in record.outputs
    ]


def _type_of(value: Parameter) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Float"
        case _:
            return "Text"


def _distinct(refs: Iterable[Ref]) -> list[Ref]:
    return [{"@id": id_} for id_ in {ref["@id"]: None for ref in refs}]
