import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.steps.layout import Layout


@pytest.mark.parametrize("output_path", ["/data/out", "/data/out/", "/data/out//"])
def test_a_trailing_slash_makes_no_other_place(output_path):
    assert Layout(output_path).sample("expt", "recalib.bam") == "/data/out/expt/expt.recalib.bam"


@pytest.mark.parametrize("output_path", ["out", "./out", "", "https://example.org/out", "ftp://x/y"])
def test_a_place_that_cannot_be_written_is_refused(output_path):
    with pytest.raises(InputError, match="cannot be the output path: give an absolute folder, or s3://"):
        Layout(output_path)
