"""Short fields are read and written on the spot, by lines written out for each class: to the same end as by the codecs.

Beside each structure stands one of the same fields whose codecs all go the long way.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.der import short_headers, tlv
from runner.asn1.primitives import (
    ANY,
    INTEGER,
    NULL,
    OCTET_STRING,
    OPAQUE_SEQUENCE,
    UTF8_STRING,
    Codec,
)
from runner.asn1.structures import Explicit, Implicit, SequenceOf, codec_of, decode, encode, sequence
from runner.errors import Malformed


class Aside(Codec[Any]):
    """The codec inside, with ways of its own: nothing of it is written out."""

    def __init__(self, inner: Any) -> None:
        self.inner = codec_of(inner)
        super().__init__(self.inner.tag)
        self.tags = self.inner.tags

    def encode(self, value: Any) -> bytes:
        return self.inner.encode(value)

    def read(self, octets: bytes, at: int, end: int) -> tuple[Any, int]:
        return self.inner.read(octets, at, end)


@sequence
class Quick:
    number: Annotated[int, INTEGER]
    element: Annotated[bytes, ANY]
    whole: Annotated[bytes | None, OPAQUE_SEQUENCE] = None
    text: Annotated[str | None, UTF8_STRING] = None
    octets: Annotated[bytes | None, Explicit(0, OCTET_STRING)] = None
    anything: Annotated[bytes | None, Explicit(1, ANY)] = None
    name: Annotated[bytes | None, Explicit(2, OPAQUE_SEQUENCE)] = None
    words: Annotated[str | None, Explicit(3, UTF8_STRING)] = None
    many: Annotated[tuple[bytes, ...], Explicit(4, SequenceOf(OCTET_STRING, limit=3))] = ()
    twice: Annotated[int | None, Explicit(5, Explicit(6, INTEGER))] = None
    nothing: Annotated[str, Explicit(7, NULL)] = ""
    algorithm: Annotated[AlgorithmIdentifier | None, Explicit(8, AlgorithmIdentifier)] = None
    implicit: Annotated[bytes | None, Implicit(9, OPAQUE_SEQUENCE)] = None


@sequence
class Slow:
    number: Annotated[int, Aside(INTEGER)]
    element: Annotated[bytes, Aside(ANY)]
    whole: Annotated[bytes | None, Aside(OPAQUE_SEQUENCE)] = None
    text: Annotated[str | None, Aside(UTF8_STRING)] = None
    octets: Annotated[bytes | None, Aside(Explicit(0, OCTET_STRING))] = None
    anything: Annotated[bytes | None, Aside(Explicit(1, ANY))] = None
    name: Annotated[bytes | None, Aside(Explicit(2, OPAQUE_SEQUENCE))] = None
    words: Annotated[str | None, Aside(Explicit(3, UTF8_STRING))] = None
    many: Annotated[tuple[bytes, ...], Aside(Explicit(4, SequenceOf(OCTET_STRING, limit=3)))] = ()
    twice: Annotated[int | None, Aside(Explicit(5, Explicit(6, INTEGER)))] = None
    nothing: Annotated[str, Aside(Explicit(7, NULL))] = ""
    algorithm: Annotated[AlgorithmIdentifier | None, Aside(Explicit(8, AlgorithmIdentifier))] = None
    implicit: Annotated[bytes | None, Aside(Implicit(9, OPAQUE_SEQUENCE))] = None


FIELDS = tuple(Quick.__slots__)
FULL = {
    "number": 5,
    "element": b"\x13\x01a",
    "whole": b"\x30\x00",
    "text": "text",
    "octets": b"octets",
    "anything": b"\x04\x02ab",
    "name": b"\x30\x02\x05\x00",
    "words": "words",
    "many": (b"one", b""),
    "twice": 256,
    "nothing": None,
    "algorithm": AlgorithmIdentifier(algorithm="1.3.101.112"),
    "implicit": b"\x30\x03\x02\x01\x01",
}


def read(cls, octets):
    """The values of all fields, or why there are none."""
    try:
        made = decode(cls, octets)
    except Malformed as problem:
        return problem.what.replace(cls.__name__, "")
    return [getattr(made, name) for name in FIELDS]


def test_a_full_one_is_written_alike():
    octets = encode(Quick(**FULL))
    assert octets == encode(Slow(**FULL))
    assert read(Quick, octets) == read(Slow, octets) == list(FULL.values())


@pytest.mark.parametrize("name", ["octets", "words", "name", "anything", "whole", "implicit"])
@pytest.mark.parametrize("size", [0, 1, 121, 122, 123, 124, 125, 126, 127, 128, 129, 255, 256, 300])
def test_of_every_length_around_the_short_form(name, size):
    value = {"octets": bytes(size), "words": "w" * size}.get(name, tlv(0x30, bytes(size)))
    octets = encode(Quick(number=1, element=b"\x05\x00", **{name: value}))
    assert octets == encode(Slow(number=1, element=b"\x05\x00", **{name: value}))
    assert read(Quick, octets) == read(Slow, octets)
    assert getattr(decode(Quick, octets), name) == value


def test_every_octet_changed_to_everything():
    octets = encode(Quick(**FULL))
    for at in range(len(octets)):
        for octet in range(256):
            changed = octets[:at] + bytes((octet,)) + octets[at + 1 :]
            assert read(Quick, changed) == read(Slow, changed), (at, octet)


def test_every_octet_left_out_or_doubled():
    octets = encode(Quick(**FULL))[2:]
    for at in range(len(octets)):
        for body in (octets[:at] + octets[at + 1 :], octets[:at] + octets[at : at + 1] + octets[at:], octets[:at]):
            assert read(Quick, tlv(0x30, body)) == read(Slow, tlv(0x30, body)), at


@given(st.binary(max_size=40))
def test_anything_behind_the_first(octets):
    whole = tlv(0x30, b"\x02\x01\x05" + octets)
    assert read(Quick, whole) == read(Slow, whole)


def test_the_headers_of_elements_inside_each_other():
    assert short_headers(0x04)[3] == bytes.fromhex("0403")
    assert len(short_headers(0x04)) == 128
    assert short_headers(0xA0, 0x04)[3] == bytes.fromhex("a0050403")
    assert len(short_headers(0xA0, 0x04)) == 126
    assert short_headers(0xA0, 0xA1, 0x04)[3] == bytes.fromhex("a007a1050403")
