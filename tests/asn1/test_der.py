"""Tags and lengths: what is written is DER, what is read is bounded (X.690 §8.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.asn1.der import elements, open_sequence, read_header, tlv
from runner.errors import Malformed

LENGTHS = {0: "00", 1: "01", 127: "7f", 128: "8180", 255: "81ff", 256: "820100", 65535: "82ffff", 65536: "83010000"}


@pytest.mark.parametrize(("size", "written"), LENGTHS.items())
def test_the_length_is_the_shortest(size, written):
    assert tlv(0x04, bytes(size)) == bytes.fromhex("04" + written) + bytes(size)


@given(st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F), st.binary(max_size=300), st.binary(max_size=9))
def test_what_was_written_is_read(tag, body, behind):
    octets = tlv(tag, body) + behind
    found, start, stop = read_header(octets, 0, len(octets))
    assert (found, octets[start:stop], octets[stop:]) == (tag, body, behind)


@pytest.mark.parametrize("length", ["8103", "820003", "84000000 03", "8a 00000000000000000003"])
def test_a_length_in_more_octets_than_needed_is_read(length):
    octets = bytes.fromhex("04" + length.replace(" ", "")) + b"abc"
    _, start, stop = read_header(octets, 0, len(octets))
    assert octets[start:stop] == b"abc"


REFUSED = {
    "nothing": ("", "cut short"),
    "a tag alone": ("30", "cut short"),
    "an indefinite length": ("3080 0000", "indefinite length"),
    "a length without its octets": ("3082 01", "length is cut short"),
    "a length of 127 octets": ("30ff" + "01" * 126, "length is cut short"),
    "five octets of length": ("3085 0100000000", "absurd"),
    "a terabyte": ("308a 00000000010000000000", "absurd"),
    "four gigabytes": ("3084 ffffffff", "longer than what holds it"),
    "one octet too few": ("0403 6162", "longer than what holds it"),
    "a tag of two octets": ("1f81 01 00", "tag above 30"),
    "a constructed tag of two octets": ("bf21 00", "tag above 30"),
}


@pytest.mark.parametrize(("octets", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(octets, words):
    octets = bytes.fromhex(octets.replace(" ", ""))
    with pytest.raises(Malformed, match=words):
        read_header(octets, 0, len(octets))


def test_an_element_must_end_where_its_container_ends():
    octets = tlv(0x04, b"abc") + b"beyond"
    assert read_header(octets, 0, 5)[2] == 5
    with pytest.raises(Malformed, match="longer than what holds it"):
        read_header(octets, 0, 4)


def test_a_length_may_not_borrow_octets_from_behind_its_container():
    octets = bytes.fromhex("0482 0001 61".replace(" ", ""))
    with pytest.raises(Malformed, match="length is cut short"):
        read_header(octets, 0, 3)


@given(st.lists(st.binary(max_size=5), max_size=6))
def test_elements_are_taken_apart(bodies):
    whole = [tlv(0x04, body) for body in bodies]
    octets = b"xx" + b"".join(whole) + b"yy"
    assert elements(octets, 2, len(octets) - 2, 6) == whole


def test_elements_are_counted():
    assert len(elements(b"\x05\x00" * 4, 0, 8, 4)) == 4
    with pytest.raises(Malformed, match="more than 3 elements"):
        elements(b"\x05\x00" * 4, 0, 8, 3)


def test_a_sequence_fills_its_octets():
    assert open_sequence(b"\x30\x02\x05\x00") == (2, 4)


@pytest.mark.parametrize("octets", [b"\x31\x00", b"\x30\x00\x00", b"\x30\x02\x05\x00\x05\x00"])
def test_anything_but_one_sequence_is_refused(octets):
    with pytest.raises(Malformed, match="from the first octet to the last"):
        open_sequence(octets)
