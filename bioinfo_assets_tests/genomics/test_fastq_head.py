from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq import HEAD_BYTES, read_head
from bioinfo_assets_tests.genomics.builders import chance, gz, record

URI = "/reads/expt_FC1_L4_1.fastq.gz"


def test_the_records_of_a_file_are_read():
    head = read_head(URI, gz(record("r1", "ACGT") + record("r2", "ACGTN")), whole=True)
    assert [read.name for read in head.reads] == ["r1", "r2"]
    assert head.longest == 5
    assert head.whole


def test_lanes_that_were_joined_as_gzip_members_are_one_file():
    head = read_head(URI, gz(record("r1")) + gz(record("r2")), whole=True)
    assert [read.name for read in head.reads] == ["r1", "r2"]


def test_at_most_a_thousand_records_are_read():
    head = read_head(URI, gz("".join(record(f"r{number}") for number in range(1500))), whole=True)
    assert len(head.reads) == 1000
    assert not head.whole


@given(cut=st.integers(1, 2000))
def test_a_head_that_ends_anywhere_gives_the_first_records(cut: int):
    names = [f"SIM:1:FC1:4:1101:{number * 7919 % 30000}:{number}" for number in range(200)]
    data = gz("".join(record(name, "ACGTTGCA" * 5) for name in names))
    try:
        head = read_head(URI, data[:cut])
    except InputError as error:
        said = str(error)
        assert "no record of four lines" in said or "not compressed" in said
        assert cut < 300
    else:
        assert [read.name for read in head.reads] == names[: len(head.reads)]


@given(cut=st.integers(1, 100))
def test_a_file_that_is_cut_short_is_refused_when_all_of_it_was_read(cut: int):
    data = gz("".join(record(f"r{number}") for number in range(50)))
    with pytest.raises(InputError, match=r"cut short|not compressed"):
        read_head(URI, data[: max(1, len(data) - cut)], whole=True)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", 4 * "\n", 5 * "\n", 6 * "\n", 10 * "\n"])
def test_the_last_line_may_end_as_it_likes(end: str):
    assert len(read_head(URI, gz(record("r1") + record("r2").rstrip("\n") + end), whole=True).reads) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (gz(""), "holds no reads"),
        (gz("\n"), "not a FASTQ"),
        (gz(4 * "\n"), "not a FASTQ"),
        (gz(record() + "\n" + record("r2")), "line 5 should be '@'"),
        (record().encode(), "not compressed with gzip"),
        (b"BZh91AY&SY", "not compressed with gzip"),
        (gz(record())[:-8] + bytes(8), "damaged"),
        (gz(record()) + b"garbage", "damaged"),
        (gz(">chr1\nACGT\n>chr2\nACGT\n"), "line 1 should be '@'"),
        (gz(record() + "r2\nACGT\n+\nIIII\n"), "line 5 should be '@'"),
        (gz("@\nACGT\n+\nIIII\n"), "line 1 should be '@'"),
        (gz(record() + "@r2\nACGT\n-\nIIII\n"), r"line 7 should begin with '\+'"),
        (gz(record() + record("r2", "ACGT", "III")), "line 8: 4 bases have 3 qualities"),
        (gz(record("r1", "")), "without bases at line 2: .*cutadapt -m 1"),
        (gz(record("r1", "AC GT")), "line 2: a character"),
        (gz(record("r1", "ACGT", "II\tI")), "line 2: a character"),
        (gz(record().replace("\n", "\r\n")), "Windows line ends"),
        (gz(record() + "@r2\nACGT\n"), "ends within a record, at line 6"),
    ],
)
def test_what_is_no_fastq_is_refused_with_the_file_and_the_place(data: bytes, said: str):
    with pytest.raises(InputError, match=said) as caught:
        read_head(URI, data, whole=True)
    assert URI in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_that_the_head_cuts_is_left_out():
    assert len(read_head(URI, gz(record("r1") + "@r2\nACGT\n+\nII")).reads) == 1


@pytest.mark.parametrize("quality", ["hhhhB", ";;;;L", "abcde"])
def test_phred_64_is_refused_with_the_command_that_converts_it(quality: str):
    with pytest.raises(InputError, match=r"Phred\+64 .*seqtk seq -Q64 -V"):
        read_head(URI, gz(record(quality=quality)))


@pytest.mark.parametrize("quality", ["KKKKK", "#hhhh", ":~~~~", "?5?5?", "!!!!!"])
def test_phred_33_is_taken(quality: str):
    # Up to 'K' (Q42) nothing tells of an offset of 64, and below ';' there are no such qualities.
    assert read_head(URI, gz(record(quality=quality))).longest == 5


@given(data=st.binary(max_size=200), whole=st.booleans())
def test_any_bytes_are_read_or_refused(*, data: bytes, whole: bool):
    with suppress(InputError):
        assert read_head(URI, data, whole=whole).reads


@given(text=st.text(alphabet="@+ACGTN!Ir \n\r", max_size=100), whole=st.booleans())
def test_any_text_is_read_or_refused(*, text: str, whole: bool):
    with suppress(InputError):
        assert read_head(URI, gz(text), whole=whole).reads


def test_a_head_holds_a_thousand_usual_reads():
    # 150 bases and as many of the eight qualities of an older machine, drawn by chance: such text packs worst.
    rng = chance(1)
    reads = (
        record(f"SIM:1:FC1:4:1101:{number}:1", *("".join(rng.choices(of, k=150)) for of in ("ACGT", "#,2:<AFJ")))
        for number in range(1500)
    )
    data = gz("".join(reads))
    assert len(read_head(URI, data[:HEAD_BYTES]).reads) == 1000
