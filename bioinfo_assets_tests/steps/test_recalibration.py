import hashlib
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets_tests.steps.bench import TOOL_PATH, samtools
from bioinfo_assets_tests.steps.builders import LAYOUT, bam, reference, sites
from bioinfo_assets_tests.steps.chain import LANES, SAMPLE


@pytest.fixture(scope="module")
def recalibrated(chain):
    return chain.made["recalibrated_bam"]


def test_qualities_are_the_quantized_ones_and_those_that_are_too_low_to_correct(recalibrated):
    """ApplyBQSR leaves qualities below 6 as they are, and writes 10, 20 and 30."""
    lines = samtools("view", str(recalibrated.path("bam")))
    assert {ord(sign) - 33 for line in lines for sign in line.split("\t")[10]} <= {*range(6), 10, 20, 30}


def test_only_the_qualities_changed(chain, recalibrated):
    def without_qualities(path: Path) -> list[list[str]]:
        return [
            fields[:10] + sorted(fields[11:]) for fields in (line.split("\t") for line in samtools("view", str(path)))
        ]

    assert without_qualities(recalibrated.path("bam")) == without_qualities(Path(chain.marked.bam.uri))


def test_each_lane_has_its_row_of_observed_bases(recalibrated):
    facts = recalibrated.report.facts
    each = [int(facts[f"observed_bases.{flowcell}.{number}"]) for flowcell, number in LANES]
    assert facts["recalibrated"] == "yes"
    assert sum(each) == int(facts["observed_bases"])
    assert min(each) > 1000


def test_too_few_observed_bases_are_warned_of_in_one_sentence(recalibrated):
    facts = recalibrated.report.facts
    groups = [f"{flowcell}.{number}" for flowcell, number in LANES]
    fewest = min(groups, key=lambda group: int(facts[f"observed_bases.{group}"]))
    (warning,) = recalibrated.report.warnings
    assert warning == (
        f"{SAMPLE}: 4 read groups have fewer than 100 million observed bases, the fewest {fewest} with "
        f"{facts[f'observed_bases.{fewest}']}: their recalibrated qualities are rough"
    )


def test_index_and_md5_belong_to_it(recalibrated):
    digest = hashlib.md5(recalibrated.path("bam").read_bytes()).hexdigest()  # noqa: S324 - GATK's
    assert recalibrated.path("md5").read_text() == digest
    assert samtools("idxstats", str(recalibrated.path("bam")))[0].startswith("chrM\t16569\t")


def test_picard_finds_no_error_in_it(chain, recalibrated):
    command = [TOOL_PATH[0] / "picard", "ValidateSamFile", "-I", recalibrated.path("bam"), "-MODE", "SUMMARY"]
    told = subprocess.run([*command, "-R", chain.reference.fasta.uri], capture_output=True, check=False, text=True)
    assert told.stdout.strip().endswith("No errors found"), told.stdout


def test_without_known_sites_the_marked_bam_is_handed_on(chain, bench, tmp_path):
    made = bench.run(recalibrate(SAMPLE, chain.marked, chain.reference, Recalibration(), Layout(str(tmp_path / "out"))))
    assert set(made.files) == {"bam", "bai", "md5"}
    assert made.path("bam").read_bytes() == Path(chain.marked.bam.uri).read_bytes()
    assert made.files["bam"].content == chain.marked.bam.content
    assert made.path("md5").read_text() == chain.made["marked_bam"].path("md5").read_text()
    assert made.report.facts["recalibrated"] == "no"


def test_every_file_of_known_sites_and_every_quality_reaches_gatk():
    recalibration = Recalibration((sites("a.vcf.gz"), sites("b.vcf.gz")), quantized_quals=(12, 25))
    job = recalibrate("expt", bam(), reference(), recalibration, LAYOUT)
    assert "known_sites=(--known-sites a.vcf.gz --known-sites b.vcf.gz)" in job.script
    assert "quantized=(--static-quantized-quals 12 --static-quantized-quals 25)" in job.script
    assert {item.local for item in job.inputs} >= {"a.vcf.gz", "a.vcf.gz.tbi", "b.vcf.gz", "b.vcf.gz.tbi"}


@pytest.mark.parametrize("qualities", [(0,), (10, 94), (-1,)])
def test_qualities_that_no_bam_can_hold_are_refused(qualities):
    with pytest.raises(InputError, match="give numbers from 1 to 93"):
        Recalibration((), qualities)
