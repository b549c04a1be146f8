"""The session of all final alignments for IGV."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from bioinfo_assets.cli.igv import igv
from bioinfo_assets.settings import save
from bioinfo_assets_tests.cli.small_project import call_command, parse_json
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> FakeProject:
    """Two samples with BAM and CRAM, and one without results."""
    fake = open_fake_project(tmp_path_factory.mktemp("igv"), "a", "b", "c")
    fake.settings |= {"cram": "embedded"}
    fake.run(samples=["a", "b"])
    save(fake.project.settings, Path(fake.project.layout.home))
    return fake


def session_of(project: FakeProject) -> ET.Element:
    return ET.parse(project.folder / "out" / "igv_session.xml").getroot()  # noqa: S314 - of our own making


def test_a_session_has_the_genome_and_the_final_alignments(project: FakeProject) -> None:
    output = project.folder / "out"
    result = call_command(igv, "--output-path", str(output))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == f"{output}/igv_session.xml: 2 alignments; 1 samples have none yet"
    session = session_of(project)
    assert (session.tag, session.attrib["genome"]) == ("Session", "references/genome.fa")
    resources = [resource.attrib for resource in session.iterfind("Resources/Resource")]
    assert resources == [{"name": name, "path": f"{name}/{name}.recalib.bam"} for name in ("a", "b")]
    for path in (session.attrib["genome"], *(resource["path"] for resource in resources)):
        assert (output / path).is_file()
        assert (output / f"{path}.{'fai' if path.endswith('.fa') else 'bai'}").is_file()  # where IGV looks for an index


def test_the_link_names_the_session(project: FakeProject) -> None:
    shown = parse_json(call_command(igv, "--output-path", str(project.folder / "out"), "--json"))
    link = urlsplit(shown["link"])
    assert (link.netloc, link.path) == ("localhost:60151", "/load")
    assert parse_qs(link.query) == {"file": [shown["session"]]}
    assert [track["sample"] for track in shown["tracks"]] == ["a", "b"]


def test_a_session_of_chosen_samples(project: FakeProject) -> None:
    assert call_command(igv, "--output-path", str(project.folder / "out"), "--samples", "b").exit_code == 0
    assert [resource.attrib["name"] for resource in session_of(project).iter("Resource")] == ["b"]


def test_a_released_bam_is_replaced_by_its_cram(project: FakeProject) -> None:
    project_record = project.record("recalibrated_bam", "a")
    outputs = tuple(
        replace(file, released=project_record.finished) if file.key == "bam" else file
        for file in project_record.outputs
    )
    ledger = project.project.ledger
    ledger.write(project_record.model_copy(update={"outputs": outputs}))
    try:
        assert call_command(igv, "--output-path", str(project.folder / "out")).exit_code == 0
    finally:
        ledger.write(project_record)
    paths = [resource.attrib["path"] for resource in session_of(project).iter("Resource")]
    assert paths == ["a/a.recalib.cram", "b/b.recalib.bam"]


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (("nobody",), "there is no sample nobody: the samples are a, b, c"),
        (("c",), "there is no final alignment in {output} yet: run the pipeline first"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(project: FakeProject, samples: tuple[str, ...], sentence: str) -> None:
    output = project.folder / "out"
    words = [word for sample in samples for word in ("--samples", sample)]
    result = call_command(igv, "--output-path", str(output), *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"bioinfo-assets: {sentence.format(output=output)}\n"
