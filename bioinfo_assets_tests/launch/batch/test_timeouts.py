"""How long an attempt may take."""

import pytest

from bioinfo_assets.launch.batch.timeouts import default_timeout_s
from bioinfo_assets.launch.job import Input, StoredFile
from bioinfo_assets_tests.launch.contract import job

HOUR = 3600
GIGABYTE = 10**9


@pytest.mark.parametrize(
    ("sizes", "expected_s"),
    [
        ((), 2 * HOUR),
        ((GIGABYTE,), 2 * HOUR + 2000),
        ((GIGABYTE, 3 * GIGABYTE), 2 * HOUR + 8000),
        # 30-fold human reads: half a day at the speed of the slowest step, of which this is a multiple.
        ((45 * GIGABYTE, 45 * GIGABYTE), 2 * HOUR + 50 * HOUR),
        ((1000 * GIGABYTE,), 72 * HOUR),
    ],
)
def test_it_grows_with_what_is_read_up_to_three_days(sizes, expected_s) -> None:
    inputs = tuple(Input(f"x{n}", StoredFile(f"s3://b/x{n}", size, None)) for n, size in enumerate(sizes))
    assert default_timeout_s(job("prints", inputs=inputs)) == expected_s
