import pytest

from bioinfo_assets.genomics.fastq_comment import read_group_ids
from bioinfo_assets_tests.genomics.builders import gz, record


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("r1\tRG:Z:FC1.4", "FC1.4"),
        ("r1 RG:Z:FC1.4", "FC1.4"),
        ("r1 BC:Z:ACGT\tRG:Z:FC1.4", "FC1.4"),
        ("r1", None),
        ("r1 1:N:0:ACGT", None),
        ("r1 BC:Z:ACGT", None),
        # `bwa mem -C` would write this comment into the record as it is, where it is no tag.
        ("r1 1:N:0:ACGT RG:Z:FC1.4", None),
        ("r1 1:N:0:ACGT\tRG:Z:FC1.4", None),
    ],
)
def test_a_comment_tells_the_read_group_if_all_of_it_is_tags(header: str, expected: str | None):
    assert read_group_ids(gz(record(header)), records=1) == (expected,)


def test_each_group_is_told_once_and_only_the_records_that_were_asked_for_are_looked_at():
    data = gz("".join(record(f"r{number} RG:Z:{group}") for number, group in enumerate("aabbac")))
    assert read_group_ids(data, records=5) == ("a", "b")
    assert read_group_ids(data, records=6) == ("a", "b", "c")
