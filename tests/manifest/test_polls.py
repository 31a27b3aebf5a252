"""The id of a request, as tools print it."""

from __future__ import annotations

import pytest

from runner.manifest.polls import parse_reference, parse_request_id


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("4711", "1267"),
        ("1", "01"),
        ("0x1267", "1267"),
        ("126", "7e"),
        ("0x126", "0126"),
        ("9f:86:d0", "9f86d0"),
        ("9F86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
        ("00ff", "00ff"),
    ],
)
def test_decimal_and_hexadecimal(text, octets):
    assert parse_request_id(text).hex() == octets


@pytest.mark.parametrize("text", ["", "0x", "12 34", "-1", "hello", "9f:8", "00" * 65, "1" * 200])
def test_what_is_no_id(text):
    with pytest.raises(ValueError, match="id"):
        parse_request_id(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("4711", 4711), ("0x1267", 0x1267), ("0XFFFFFFFF", 0xFFFFFFFF)])
def test_references(text, number):
    assert parse_reference(text) == number


@pytest.mark.parametrize("text", ["", "0x", "-1", "4294967296", "9f", "hello"])
def test_what_is_no_reference(text):
    with pytest.raises(ValueError, match="reference"):
        parse_reference(text)
