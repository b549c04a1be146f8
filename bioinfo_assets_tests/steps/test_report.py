import shutil
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.steps.bench import Bench, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, somewhere
from bioinfo_assets_tests.steps.chain import Chain


def copied_metrics(chain: Chain, folder: Path, sample: str) -> list[StoredFile]:
    """The metrics files of the chain's sample, copied under the name of another one."""
    files = []
    for step, key in (("marked_bam", "metrics"), ("alignment_metrics", "metrics"), ("depth", "summary")):
        file = chain.results[step].path(key)
        copy = folder / file.name.replace("NA12878", sample)
        shutil.copy(file, copy)
        files.append(stored(copy))
    return files


def test_the_table_has_one_row_for_each_sample(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    """MultiQC removes suffixes to guess names; a sample may have such a suffix in its name."""
    files = {name: copied_metrics(chain, tmp_path, name) for name in ("NA12878", "b.recalib_1.bam")}
    result = bench.run(multiqc(files, OutputLayout(str(tmp_path / "out"))))
    rows = result.path("table").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["Sample", "NA12878", "b.recalib_1.bam"]
    assert result.path("report").read_text().count("NA12878") > 1
    assert result.files["report"].uri == str(tmp_path / "out/multiqc/multiqc_report.html")


def test_quality_control_of_many_samples_is_a_table(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    """By default MultiQC draws what more than 500 samples have, without their names."""
    quality = {f"sample{number}": {"overall": "fail" if number == 7 else "pass"} for number in range(501)}
    files = {"sample7": copied_metrics(chain, tmp_path, "sample7")}
    page = bench.run(multiqc(files, OutputLayout(str(tmp_path / "out")), quality)).path("report").read_text()
    assert 'data-sorting-val="sample500"' in page or ">sample500<" in page


def test_the_report_has_mean_depth_and_fraction_of_duplicates(chain: Chain) -> None:
    names, values = (
        line.split("\t") for line in chain.results["multiqc_report"].path("table").read_text().splitlines()
    )
    row = dict(zip(names, values, strict=True))
    mean_depth = float(chain.results["depth"].report.facts["mean_depth"])
    assert float(row["mosdepth-mean_coverage"]) == pytest.approx(mean_depth, abs=0.01)
    assert 0 < float(row["picard_mark_duplicates-PERCENT_DUPLICATION"]) < 100


def test_the_order_of_samples_makes_no_difference() -> None:
    samples = {name: [somewhere(f"/results/{name}/{name}.depth.txt")] for name in ("b", "a")}
    assert multiqc(samples, LAYOUT) == multiqc(dict(sorted(samples.items())), LAYOUT)


def test_a_report_without_samples_is_refused() -> None:
    with pytest.raises(InputError, match="no sample to report on"):
        multiqc({}, LAYOUT)
