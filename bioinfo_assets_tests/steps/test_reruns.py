"""A rerun that means the same has the same contents, so that nothing downstream becomes stale."""

import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets_tests.steps.chain import run_chain


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The chain in another scratch folder, with other threads and memory."""
    return run_chain(tmp_path_factory.mktemp("again"), Resources(cpus=2, memory_mib=3500))


def test_every_step_has_the_same_contents_with_other_threads_memory_and_scratch(chain, again):
    assert again.contents == chain.contents


def test_every_file_with_a_finding_has_a_content(chain):
    silent = {f"{step}.{key}" for step, made in chain.contents.items() for key, content in made.items() if not content}
    assert silent == {
        "known_sites.mt.sites.vcf.gz.tbi",
        "marked_bam.bai",
        "marked_bam.md5",
        "recalibrated_bam.bai",
        "recalibrated_bam.md5",
        "depth.tbi",
        "multiqc_report.report",
        "multiqc_report.data",
    }
