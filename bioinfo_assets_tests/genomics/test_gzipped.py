import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.genomics.gzipped import inflate, is_bgzf, is_gzip
from bioinfo_assets_tests.genomics.builders import bgzip

# The empty block that ends every BGZF file, as the SAM specification prints it in section 4.1.2.
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_members_are_joined(parts: list[bytes]):
    data = b"".join(gzip.compress(part) for part in parts)
    inflated = inflate(data, most=1000)
    assert inflated.data == b"".join(parts)
    assert inflated.ended


@given(text=st.binary(min_size=1, max_size=500), cut=st.integers(1, 400))
def test_a_stream_that_is_cut_gives_its_beginning(text: bytes, cut: int):
    whole = gzip.compress(text)
    inflated = inflate(whole[: max(1, len(whole) - cut)], most=1000)
    assert text.startswith(inflated.data)
    assert not inflated.ended


def test_no_more_is_inflated_than_was_asked_for():
    assert inflate(gzip.compress(bytes(10_000_000)), most=5_000).data == bytes(5_000)


def test_zeros_behind_a_stream_are_passed_over():
    assert inflate(gzip.compress(b"x") + bytes(512), most=10).ended


@pytest.mark.parametrize(
    "data", [b"not gzip at all", gzip.compress(b"x", mtime=0) + b"more", b"\x1f\x8b\x08" + b"\xff" * 20]
)
def test_damage_is_an_error(data: bytes):
    with pytest.raises(zlib.error):
        inflate(data, most=100)


def test_blocked_gzip_is_told_from_plain_gzip():
    assert is_bgzf(EOF_BLOCK)
    assert is_bgzf(bgzip("text"))
    assert is_gzip(gzip.compress(b"text"))
    assert not is_bgzf(gzip.compress(b"text"))


def test_the_block_field_may_stand_behind_another():
    other_field = b"XX\x03\x00abc"
    header = EOF_BLOCK[:10] + (6 + len(other_field)).to_bytes(2, "little")
    assert is_bgzf(header + other_field + EOF_BLOCK[12:])
    assert not is_bgzf(EOF_BLOCK[:10] + len(other_field).to_bytes(2, "little") + other_field)


@given(st.binary(max_size=40))
def test_any_bytes_are_looked_at(data: bytes):
    assert is_gzip(data) or not is_bgzf(data)
