"""The primitive types of ASN.1 as codecs: a Python value to octets and back (X.690 §8).

A Codec knows its tag and the octets inside; tagging and composition are in structures.py. Reading is tolerant
only where real servers need it: non-minimal BIT STRINGs, fractional times, other character strings for UTF8String.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from re import compile as regex
from typing import Generic, TypeVar

from runner.asn1.der import LONG_FORM, read_header, tlv
from runner.errors import Malformed

T = TypeVar("T")
MAX_INTEGER_OCTETS = 1024
"""More than any number in a message needs, and few enough digits for Python to print."""


class Codec(Generic[T]):
    """One ASN.1 type: `body` and `parse` are about the octets inside, `encode` and `read` about the whole element."""

    tag: int
    """The identifier octet that is written."""
    tags: frozenset[int] | None
    """The identifier octets that are read; None: any."""
    whole = False
    """Whether its value is the whole element as it stands."""

    def __init__(self, tag: int, *also: int) -> None:
        self.tag = tag
        self.tags = frozenset((tag, *also))

    def body(self, value: T) -> bytes:
        """The octets inside for a value."""
        raise NotImplementedError

    def parse(self, octets: bytes, start: int, stop: int) -> T:
        """The value of the octets inside, octets[start:stop]."""
        raise NotImplementedError

    def encode(self, value: T) -> bytes:
        """The whole element."""
        return tlv(self.tag, self.body(value))

    def read(self, octets: bytes, at: int, end: int) -> tuple[T, int]:
        """The value of the element at `at`, and where the next one begins."""
        start = at + 2
        if start <= end and octets[at] == self.tag and octets[at + 1] < LONG_FORM:  # most are this short
            stop = start + octets[at + 1]
            if stop <= end:
                return self.parse(octets, start, stop), stop
        tag, start, stop = read_header(octets, at, end)
        if self.tags is not None and tag not in self.tags:
            raise Malformed("an unexpected ASN.1 element", why=f"tag {tag:02x} at octet {at}, not {self.tag:02x}")
        return self.parse(octets, start, stop), stop

    def decode(self, octets: bytes) -> T:
        """The value of `octets`, which must be exactly one element."""
        value, after = self.read(octets, 0, len(octets))
        if after != len(octets):
            raise Malformed("octets stand behind the end", why=f"{len(octets) - after} of them")
        return value


class _Boolean(Codec[bool]):
    def body(self, value: bool) -> bytes:  # noqa: FBT001 - the value to encode
        return b"\xff" if value else b"\x00"

    def parse(self, octets: bytes, start: int, stop: int) -> bool:
        if stop - start != 1:
            raise Malformed("a BOOLEAN that is not one octet")
        return octets[start] != 0


class _Integer(Codec[int]):
    def body(self, value: int) -> bytes:
        return value.to_bytes(((value + (value < 0)).bit_length() + 8) // 8, "big", signed=True)

    def parse(self, octets: bytes, start: int, stop: int) -> int:
        if not 0 < stop - start <= MAX_INTEGER_OCTETS:
            raise Malformed("an INTEGER of a length that nothing needs", why=f"{stop - start} octets")
        return int.from_bytes(octets[start:stop], "big", signed=True)


class _OctetString(Codec[bytes]):
    def body(self, value: bytes) -> bytes:
        return value

    def parse(self, octets: bytes, start: int, stop: int) -> bytes:
        return octets[start:stop]


class _BitString(Codec[bytes]):
    """A BIT STRING that holds whole octets (keys, signatures, MACs)."""

    def body(self, value: bytes) -> bytes:
        return b"\x00" + value

    def parse(self, octets: bytes, start: int, stop: int) -> bytes:
        if start == stop or octets[start] != 0:
            raise Malformed("a BIT STRING that does not hold whole octets")
        return octets[start + 1 : stop]


class _NamedBits(Codec[frozenset[int]]):
    """A BIT STRING of flags: the numbers of the bits that are set. Written without trailing zeros (X.690 §11.2.2)."""

    def body(self, value: frozenset[int]) -> bytes:
        if not value:
            return b"\x00"
        size = max(value) // 8 + 1
        bits = sum(1 << (size * 8 - 1 - bit) for bit in value)
        return bytes((size * 8 - 1 - max(value),)) + bits.to_bytes(size, "big")

    def parse(self, octets: bytes, start: int, stop: int) -> frozenset[int]:
        if start == stop or octets[start] > 7 or (octets[start] and stop - start == 1):  # noqa: PLR2004
            raise Malformed("a BIT STRING with an impossible count of unused bits")
        if stop - start > 64:  # noqa: PLR2004 - no flags of PKIX reach a tenth of it
            raise Malformed("a BIT STRING of flags that is absurdly long")
        size = (stop - start - 1) * 8
        bits = int.from_bytes(octets[start + 1 : stop], "big")
        return frozenset(n for n in range(size - octets[start]) if bits >> (size - 1 - n) & 1)


class _Null(Codec[None]):
    def body(self, value: None) -> bytes:  # noqa: ARG002 - NULL has one value
        return b""

    def parse(self, octets: bytes, start: int, stop: int) -> None:  # noqa: ARG002
        if start != stop:
            raise Malformed("a NULL that is not empty")


class _ObjectIdentifier(Codec[str]):
    """OBJECT IDENTIFIER as dotted decimal text."""

    def body(self, value: str) -> bytes:
        return _oid_octets(value)

    def parse(self, octets: bytes, start: int, stop: int) -> str:
        if not 0 < stop - start <= _MAX_OID_OCTETS:
            raise Malformed("an OBJECT IDENTIFIER of an absurd length")
        return _oid_text(octets[start:stop])


_MAX_OID_OCTETS = 64
"""The longest in use take some thirty."""
_ARC = r"(?:0|[1-9][0-9]{0,134})"
_OID = regex(rf"(?:[01]\.[1-3]?[0-9]|2\.{_ARC})(?:\.{_ARC}){{0,{_MAX_OID_OCTETS}}}")
"""Below 0 and 1 there are forty arcs each, because the first two share a number (X.690 §8.19.4)."""


@lru_cache(maxsize=512)
def _oid_octets(text: str) -> bytes:
    first, second, *rest = map(int, text.split(".")) if _OID.fullmatch(text) else (0, 0)
    octets = b"".join(_base128(arc) for arc in (first * 40 + second, *rest))
    if not _OID.fullmatch(text) or len(octets) > _MAX_OID_OCTETS:
        raise Malformed(f"not an OBJECT IDENTIFIER: {text!r}")
    return octets


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


@lru_cache(maxsize=512)
def _oid_text(octets: bytes) -> str:
    if octets[-1] & 0x80:
        raise Malformed("an OBJECT IDENTIFIER is cut short")
    arcs, number = [], 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(number)
            number = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - first * 40, *arcs[1:]))


class _Text(Codec[str]):
    """A character string: written with its own tag, read from any of those that servers put in its place."""

    def body(self, value: str) -> bytes:
        return value.encode()

    def parse(self, octets: bytes, start: int, stop: int) -> str:
        return octets[start:stop].decode("utf-8", "replace")


_UTC_TIME = 0x17
_TIME = regex(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,](\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3])([0-5]\d))")


class _GeneralizedTime(Codec[datetime]):
    """GeneralizedTime, written as YYYYMMDDHHMMSSZ; fractions and offsets are read too (Bouncy Castle sends them)."""

    def body(self, value: datetime) -> bytes:
        return _time_octets(value.astimezone(UTC).replace(microsecond=0))

    def parse(self, octets: bytes, start: int, stop: int) -> datetime:
        if stop - start > _MAX_TIME_OCTETS:
            raise Malformed("a GeneralizedTime that is absurdly long")
        return _moment(octets[start:stop])


_MAX_TIME_OCTETS = 31


@lru_cache(maxsize=64)
def _time_octets(moment: datetime) -> bytes:
    return b"%04d%02d%02d%02d%02d%02dZ" % moment.timetuple()[:6]


@lru_cache(maxsize=64)
def _moment(octets: bytes) -> datetime:
    """The messages of one second have the same time, and so have their certificates."""
    match = _TIME.fullmatch(octets)
    if match is None:
        raise Malformed("a GeneralizedTime in no form that PKIX uses")
    *calendar, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == b"-" else 1)
    parts = timedelta(microseconds=int((fraction or b"0").ljust(6, b"0")[:6]))
    try:
        return datetime(*map(int, calendar), tzinfo=UTC) - offset + parts  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError) as problem:
        raise Malformed("a GeneralizedTime that no calendar has") from problem


class _Time(_GeneralizedTime):
    """Time ::= CHOICE { utcTime, generalTime }: UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5)."""

    def encode(self, value: datetime) -> bytes:
        whole = self.body(value)
        return tlv(_UTC_TIME, whole[2:]) if b"1950" <= whole[:4] < b"2050" else tlv(self.tag, whole)

    def read(self, octets: bytes, at: int, end: int) -> tuple[datetime, int]:
        tag, start, stop = read_header(octets, at, end)
        if tag != _UTC_TIME:
            return super().read(octets, at, end)
        century = b"19" if octets[start : start + 2] >= b"50" else b"20"
        whole = century + octets[start:stop]
        return self.parse(whole, 0, len(whole)), stop


class _Opaque(Codec[bytes]):
    """An element kept as its whole octets, tag and length included: what must be copied or hashed as it came."""

    whole = True

    def encode(self, value: bytes) -> bytes:
        return value

    def body(self, value: bytes) -> bytes:
        _, start, stop = read_header(value, 0, len(value))
        return value[start:stop]

    def parse(self, octets: bytes, start: int, stop: int) -> bytes:
        return tlv(self.tag, octets[start:stop])

    def read(self, octets: bytes, at: int, end: int) -> tuple[bytes, int]:
        tag, _, stop = read_header(octets, at, end)
        if self.tags is not None and tag not in self.tags:
            raise Malformed("an unexpected ASN.1 element", why=f"tag {tag:02x} at octet {at}, not {self.tag:02x}")
        return octets[at:stop], stop


class _Any(_Opaque):
    """ANY: whichever element stands there, whole."""

    def __init__(self) -> None:
        super().__init__(0)
        self.tags = None


BOOLEAN = _Boolean(0x01)
INTEGER = _Integer(0x02)
BIT_STRING = _BitString(0x03)
NAMED_BITS = _NamedBits(0x03)
OCTET_STRING = _OctetString(0x04)
NULL = _Null(0x05)
OBJECT_IDENTIFIER = _ObjectIdentifier(0x06)
ENUMERATED = _Integer(0x0A)
UTF8_STRING = _Text(0x0C, 0x13, 0x14, 0x16, 0x1A)
"""UTF8String; PrintableString, T61String, IA5String and VisibleString are read in its place."""
IA5_STRING = _Text(0x16)
GENERALIZED_TIME = _GeneralizedTime(0x18)
TIME = _Time(0x18, _UTC_TIME)
ANY = _Any()
OPAQUE_SEQUENCE = _Opaque(0x30)
"""A SEQUENCE kept whole: Name, SubjectPublicKeyInfo, Certificate, …"""
OPAQUE_SET = _Opaque(0x31)
"""A SET OF kept whole: attributes that were signed."""
