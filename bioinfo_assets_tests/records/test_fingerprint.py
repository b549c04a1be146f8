"""Jobs have the same fingerprint exactly if they produce the same result."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.launch.job import Input, Job, Output, Resources, StoredFile
from bioinfo_assets.records.reuse import fingerprint_of
from bioinfo_assets.result_key import ResultKey

JOB = Job(
    key=ResultKey("depth", "expt"),
    version="1",
    script="samtools depth a.bam > depth.txt",
    inputs=(
        Input("a.bam", StoredFile("/x/a.bam", 10, "sha256:aa")),
        Input("a.bam.bai", StoredFile("/x/a.bam.bai", 5, None)),
    ),
    outputs=(Output("depth", "depth.txt", "/x/depth.txt"),),
    parameters={"plain": True},
)
TOOLS = {"samtools": "1.16.1"}
FINGERPRINT = fingerprint_of(JOB, TOOLS)


def test_it_is_a_sha256_digest() -> None:
    assert len(bytes.fromhex(FINGERPRINT)) == 32


def test_another_tool_version_changes_it() -> None:
    assert fingerprint_of(JOB, {"samtools": "1.17"}) != FINGERPRINT


def test_another_canonical_form_changes_it() -> None:
    outputs = (replace(JOB.outputs[0], canonical="sort"),)
    assert fingerprint_of(replace(JOB, outputs=outputs), TOOLS) != FINGERPRINT


def test_another_local_name_changes_it() -> None:
    inputs = (replace(JOB.inputs[0], local="b.bam"), JOB.inputs[1])
    assert fingerprint_of(replace(JOB, inputs=inputs), TOOLS) != FINGERPRINT


def test_a_derived_input_does_not_change_it() -> None:
    inputs = (JOB.inputs[0], replace(JOB.inputs[1], file=StoredFile("/x/a.bam.bai", 6, None)))
    assert fingerprint_of(replace(JOB, inputs=inputs), TOOLS) == FINGERPRINT


@given(cpus=st.integers(1, 64), memory_mib=st.integers(1, 10**6), folder=st.text("abc/", min_size=1))
def test_resources_and_addresses_do_not_change_it(cpus: int, memory_mib: int, folder: str) -> None:
    moved = replace(
        JOB,
        resources=Resources(cpus, memory_mib),
        inputs=tuple(replace(item, file=replace(item.file, uri=folder)) for item in JOB.inputs),
        outputs=tuple(replace(item, uri=folder) for item in JOB.outputs),
    )
    assert fingerprint_of(moved, TOOLS) == FINGERPRINT


@given(st.text(min_size=1))
def test_any_other_script_changes_it(script: str) -> None:
    changed = fingerprint_of(replace(JOB, script=script), TOOLS)
    assert (changed == FINGERPRINT) == (script == JOB.script)
