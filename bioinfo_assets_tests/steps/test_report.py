import shutil

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.steps.bench import stored
from bioinfo_assets_tests.steps.builders import LAYOUT, somewhere


def test_one_row_a_sample_whatever_its_name_looks_like(bench, chain, tmp_path):
    """MultiQC guesses names by cutting endings off; a sample may be named as one."""
    files = {}
    for sample in ("NA12878", "b.recalib_1.bam"):
        files[sample] = []
        for step, key in (("marked_bam", "metrics"), ("alignment_metrics", "metrics"), ("depth", "summary")):
            made = chain.made[step].path(key)
            copy = tmp_path / made.name.replace("NA12878", sample)
            shutil.copy(made, copy)
            files[sample].append(stored(copy))
    made = bench.run(multiqc(files, Layout(str(tmp_path / "out"))))
    rows = made.path("table").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["Sample", "NA12878", "b.recalib_1.bam"]
    assert made.path("report").read_text().count("NA12878") > 1
    assert made.files["report"].uri == str(tmp_path / "out/multiqc/multiqc_report.html")


def test_the_report_holds_the_mean_depth_and_the_share_of_duplicates(chain):
    names, values = (line.split("\t") for line in chain.made["multiqc_report"].path("table").read_text().splitlines())
    row = dict(zip(names, values, strict=True))
    told = float(chain.made["depth"].report.facts["mean_depth"])
    assert float(row["mosdepth-mean_coverage"]) == pytest.approx(told, abs=0.01)
    assert 0 < float(row["picard_mark_duplicates-PERCENT_DUPLICATION"]) < 100


def test_the_order_of_samples_makes_no_difference():
    samples = {name: [somewhere(f"/results/{name}/{name}.depth.txt")] for name in ("b", "a")}
    assert multiqc(samples, LAYOUT) == multiqc(dict(sorted(samples.items())), LAYOUT)


def test_no_sample_is_refused():
    with pytest.raises(InputError, match="no sample to report on"):
        multiqc({}, LAYOUT)
