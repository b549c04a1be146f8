"""An equivalent rerun has the same contents, so that no downstream result becomes stale."""

import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets_tests.steps.chain import Chain, run_chain


@pytest.fixture(scope="module")
def rerun(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The chain with the other engine, other scratch folders, threads and memory."""
    return run_chain(tmp_path_factory.mktemp("again"), Engine.NATIVE, Resources(cpus=2, memory_mib=3500))


def test_contents_do_not_depend_on_engine_threads_memory_and_scratch(chain: Chain, rerun: Chain) -> None:
    assert rerun.contents == chain.contents


def test_only_derived_files_have_no_content(chain: Chain) -> None:
    derived = {
        f"{step}.{key}" for step, files in chain.contents.items() for key, content in files.items() if not content
    }
    assert derived == {
        "known_sites.mt.sites.vcf.gz.tbi",
        "marked_bam.bai",
        "marked_bam.md5",
        "recalibrated_bam.bai",
        "recalibrated_bam.md5",
        "read_quality.html",
        "recalibrated_cram.crai",
        "recalibrated_cram.md5",
        "depth.tbi",
        "multiqc_report.report",
        "multiqc_report.data",
    }
