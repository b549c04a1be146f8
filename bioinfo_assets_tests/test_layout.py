import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.layout import OutputLayout


@pytest.mark.parametrize("output_path", ["/data/out", "/data/out/", "/data/out//"])
def test_trailing_slashes_are_removed(output_path: str) -> None:
    assert OutputLayout(output_path).sample("expt", "recalib.bam") == "/data/out/expt/expt.recalib.bam"


@pytest.mark.parametrize("output_path", ["out", "./out", "", "https://example.org/out", "ftp://x/y"])
def test_an_output_path_that_cannot_be_written_is_refused(output_path: str) -> None:
    with pytest.raises(InputError, match="cannot be the output path: give an absolute folder, or s3://"):
        OutputLayout(output_path)
