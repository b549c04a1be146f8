"""One fingerprint, one result."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.launch.job import Input, Job, Output, Resources, StoredFile
from bioinfo_assets.records.fingerprint import fingerprint_of
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


def test_another_tool_version_is_another_result() -> None:
    assert fingerprint_of(JOB, {"samtools": "1.17"}) != FINGERPRINT


def test_another_canonical_form_is_another_result() -> None:
    outputs = (replace(JOB.outputs[0], canonical="sort"),)
    assert fingerprint_of(replace(JOB, outputs=outputs), TOOLS) != FINGERPRINT


def test_another_local_name_is_another_result() -> None:
    inputs = (replace(JOB.inputs[0], local="b.bam"), JOB.inputs[1])
    assert fingerprint_of(replace(JOB, inputs=inputs), TOOLS) != FINGERPRINT


def test_a_file_that_follows_from_others_says_nothing() -> None:
    inputs = (JOB.inputs[0], replace(JOB.inputs[1], file=StoredFile("/x/a.bam.bai", 6, None)))
    assert fingerprint_of(replace(JOB, inputs=inputs), TOOLS) == FINGERPRINT


@given(cpus=st.integers(1, 64), memory_mib=st.integers(1, 10**6), folder=st.text("abc/", min_size=1))
def test_means_and_places_are_not_in_it(cpus: int, memory_mib: int, folder: str) -> None:
    elsewhere = replace(
        JOB,
        resources=Resources(cpus, memory_mib),
        inputs=tuple(replace(item, file=replace(item.file, uri=folder)) for item in JOB.inputs),
        outputs=tuple(replace(item, uri=folder) for item in JOB.outputs),
    )
    assert fingerprint_of(elsewhere, TOOLS) == FINGERPRINT


@given(st.text(min_size=1))
def test_any_other_script_is_another_result(script: str) -> None:
    changed = fingerprint_of(replace(JOB, script=script), TOOLS)
    assert (changed == FINGERPRINT) == (script == JOB.script)
