from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq import HEAD_BYTES, read_group_ids, read_head
from bioinfo_assets_tests.genomics.builders import gz, random_source, record

URI = "/reads/expt_FC1_L4_1.fastq.gz"


def test_the_records_of_a_file_are_parsed() -> None:
    head = read_head(URI, gz(record("r1", "ACGT") + record("r2", "ACGTN")), complete=True)
    assert [read.name for read in head.reads] == ["r1", "r2"]
    assert head.complete


def test_all_gzip_members_are_read() -> None:
    head = read_head(URI, gz(record("r1")) + gz(record("r2")), complete=True)
    assert [read.name for read in head.reads] == ["r1", "r2"]


def test_at_most_a_thousand_records_are_read() -> None:
    head = read_head(URI, gz("".join(record(f"r{number}") for number in range(1500))), complete=True)
    assert len(head.reads) == 1000
    assert not head.complete


@given(cut=st.integers(1, 2000))
def test_a_head_that_ends_anywhere_has_the_first_records(cut: int) -> None:
    names = [f"SIM:1:FC1:4:1101:{number * 7919 % 30000}:{number}" for number in range(200)]
    data = gz("".join(record(name, "ACGTTGCA" * 5) for name in names))
    try:
        head = read_head(URI, data[:cut])
    except InputError as error:
        message = str(error)
        assert "no record of four lines" in message or "not compressed" in message
        assert cut < 300
    else:
        assert [read.name for read in head.reads] == names[: len(head.reads)]


@given(cut=st.integers(1, 100))
def test_a_truncated_file_is_refused_if_it_was_read_to_its_end(cut: int) -> None:
    data = gz("".join(record(f"r{number}") for number in range(50)))
    with pytest.raises(InputError, match=r"not a complete gzip file: copy it again from its source|not compressed"):
        read_head(URI, data[: max(1, len(data) - cut)], complete=True)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", 4 * "\n", 5 * "\n", 6 * "\n", 10 * "\n"])
def test_blank_lines_after_the_last_record_are_ignored(end: str) -> None:
    assert len(read_head(URI, gz(record("r1") + record("r2").rstrip("\n") + end), complete=True).reads) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (gz(""), "holds no reads"),
        (gz("\n"), "not FASTQ"),
        (gz(4 * "\n"), "not FASTQ"),
        (gz(record() + "\n" + record("r2")), "line 5 should be '@'"),
        (record().encode(), "not compressed with gzip"),
        (b"BZh91AY&SY", "not compressed with gzip"),
        (gz(record())[:-8] + bytes(8), "damaged"),
        (gz(record()) + b"garbage", "has bytes after it: if it is complete, compress it again with `gzip"),
        (gz(">chr1\nACGT\n>chr2\nACGT\n"), "line 1 should be '@'"),
        (gz(record() + "r2\nACGT\n+\nIIII\n"), "line 5 should be '@'"),
        (gz("@\nACGT\n+\nIIII\n"), "line 1 should be '@'"),
        (gz(record() + "@r2\nACGT\n-\nIIII\n"), r"line 7 should begin with '\+'"),
        (gz(record() + record("r2", "ACGT", "III")), "line 8: 4 bases have 3 qualities"),
        (gz(record("r1", "")), "without bases at line 2: .*cutadapt -m 1"),
        (gz(record("r1", "AC GT")), "a character that is not a base at line 2: write unknown bases as N"),
        (gz(record("r1", "AC-GT")), "a character that is not a base at line 2"),
        (gz(record("r1", "ACGT", "II\tI")), "a character that is not a quality at line 4"),
        (gz(record("r" * 255)), "a read name of 255 characters at line 1, and a BAM can hold 254"),
        (gz(record().replace("\n", "\r\n")), "Windows line ends"),
        (gz(record() + "@r2\nACGT\n"), "ends within a record, at line 6"),
    ],
)
def test_a_malformed_fastq_is_refused_with_file_and_line(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_head(URI, data, complete=True)
    assert URI in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_incomplete_record_at_the_end_of_a_head_is_ignored() -> None:
    assert len(read_head(URI, gz(record("r1") + "@r2\nACGT\n+\nII")).reads) == 1


@pytest.mark.parametrize("quality", ["hhhhB", ";;;;^", "abcde"])
def test_phred_64_is_refused_with_the_command_that_converts_it(quality: str) -> None:
    with pytest.raises(InputError, match=r"Phred\+64 .*seqtk seq -Q64 -V"):
        read_head(URI, gz(record(quality=quality)))


@pytest.mark.parametrize("quality", ["KKKKK", "#hhhh", ":~~~~", "?5?5?", "!!!!!", "MNPSM", "{{{{{"])
def test_phred_33_is_accepted(quality: str) -> None:
    """AVITI's reads have Q44 to Q50 ('M' to 'S'), consensus reads up to Q90 ('{')."""
    assert len(read_head(URI, gz(record(quality=quality))).reads) == 1


def test_a_name_of_254_characters_is_accepted() -> None:
    assert len(read_head(URI, gz(record("r" * 254))).reads) == 1


@given(data=st.binary(max_size=200), complete=st.booleans())
def test_any_bytes_are_parsed_or_refused(*, data: bytes, complete: bool) -> None:
    with suppress(InputError):
        assert read_head(URI, data, complete=complete).reads


@given(text=st.text(alphabet="@+ACGTN!Ir \n\r", max_size=100), complete=st.booleans())
def test_any_text_is_parsed_or_refused(*, text: str, complete: bool) -> None:
    with suppress(InputError):
        assert read_head(URI, gz(text), complete=complete).reads


def test_a_head_holds_a_thousand_reads_of_usual_length() -> None:
    # Random bases and eight qualities, as of an older sequencer, compress worst.
    rng = random_source(1)
    reads = (
        record(
            f"SIM:1:FC1:4:1101:{number}:1", *("".join(rng.choices(letters, k=150)) for letters in ("ACGT", "#,2:<AFJ"))
        )
        for number in range(1500)
    )
    data = gz("".join(reads))
    assert len(read_head(URI, data[:HEAD_BYTES]).reads) == 1000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("r1\tRG:Z:FC1.4", "FC1.4"),
        ("r1 RG:Z:FC1.4", "FC1.4"),
        ("r1 BC:Z:ACGT\tRG:Z:FC1.4", "FC1.4"),
        ("r1", None),
        ("r1 1:N:0:ACGT", None),
        ("r1 BC:Z:ACGT", None),
        # `bwa mem -C` would copy these comments into the record, where they are not tags.
        ("r1 1:N:0:ACGT RG:Z:FC1.4", None),
        ("r1 1:N:0:ACGT\tRG:Z:FC1.4", None),
    ],
)
def test_a_read_group_is_parsed_from_a_comment_of_tags_only(header: str, expected: str | None) -> None:
    assert read_group_ids(gz(record(header)), records=1) == (expected,)


def test_read_groups_of_the_first_records_are_unique() -> None:
    data = gz("".join(record(f"r{number} RG:Z:{group}") for number, group in enumerate("aabbac")))
    assert read_group_ids(data, records=5) == ("a", "b")
    assert read_group_ids(data, records=6) == ("a", "b", "c")
