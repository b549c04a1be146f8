import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.genomics.gzipped import inflate, is_bgzf, is_gzip
from bioinfo_assets_tests.genomics.builders import bgzip

# The empty block at the end of every BGZF file (SAM specification, section 4.1.2).
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_members_are_joined(parts: list[bytes]) -> None:
    data = b"".join(gzip.compress(part) for part in parts)
    inflated = inflate(data, max_bytes=1000)
    assert inflated.data == b"".join(parts)
    assert inflated.ended


@given(text=st.binary(min_size=1, max_size=500), cut=st.integers(1, 400))
def test_a_truncated_stream_is_decompressed_up_to_its_end(text: bytes, cut: int) -> None:
    data = gzip.compress(text)
    inflated = inflate(data[: max(1, len(data) - cut)], max_bytes=1000)
    assert text.startswith(inflated.data)
    assert not inflated.ended


def test_no_more_than_the_maximum_is_decompressed() -> None:
    assert inflate(gzip.compress(bytes(10_000_000)), max_bytes=5_000).data == bytes(5_000)


def test_zeros_after_a_stream_are_ignored() -> None:
    assert inflate(gzip.compress(b"x") + bytes(512), max_bytes=10).ended


@pytest.mark.parametrize(
    "data", [b"not gzip at all", gzip.compress(b"x", mtime=0) + b"more", b"\x1f\x8b\x08" + b"\xff" * 20]
)
def test_damage_is_an_error(data: bytes) -> None:
    with pytest.raises(zlib.error):
        inflate(data, max_bytes=100)


def test_bgzf_is_distinguished_from_plain_gzip() -> None:
    assert is_bgzf(EOF_BLOCK)
    assert is_bgzf(bgzip("text"))
    assert is_gzip(gzip.compress(b"text"))
    assert not is_bgzf(gzip.compress(b"text"))


def test_the_bgzf_field_may_follow_another_extra_field() -> None:
    other_field = b"XX\x03\x00abc"
    header = EOF_BLOCK[:10] + (6 + len(other_field)).to_bytes(2, "little")
    assert is_bgzf(header + other_field + EOF_BLOCK[12:])
    assert not is_bgzf(EOF_BLOCK[:10] + len(other_field).to_bytes(2, "little") + other_field)


@given(st.binary(max_size=40))
def test_bgzf_is_always_gzip(data: bytes) -> None:
    assert is_gzip(data) or not is_bgzf(data)
