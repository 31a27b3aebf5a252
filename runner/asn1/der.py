"""Tag, length, value: the octets under every structure (X.690 §8.1, §10.1).

Writes DER only. Reads definite lengths under limits: a length in more octets than needed is BER that servers do
send, an indefinite length or a tag above 30 is nothing that CMP uses and is refused. Types are in primitives.py
and structures.py.
"""

from __future__ import annotations

from functools import cache

from runner.errors import Malformed

SEQUENCE_TAG = 0x30
LONG_FORM = 0x80
"""The bit of a length's first octet that says: so many octets of length follow."""
HIGH_TAG = 0x1F
"""The bits of an identifier octet that say, all set: the tag is above 30 and takes more octets."""
_MAX_LENGTH_OCTETS = 4
_IN_ONE_OCTET, _IN_TWO_OCTETS = LONG_FORM | 1, LONG_FORM | 2


@cache
def short_headers(*tags: int) -> tuple[bytes, ...]:
    """Identifier octets and lengths of elements that stand one right inside the other, the outermost first.

    By the length of what the innermost holds, as far as every length is below 128.
    """
    outermost, more = tags[0], 2 * (len(tags) - 1)
    inside = short_headers(*tags[1:]) if more else (b"",) * LONG_FORM
    return tuple(bytes((outermost, size + more)) + inside[size] for size in range(LONG_FORM - more))


def tlv(tag: int, body: bytes) -> bytes:
    """One element in DER: the identifier octet `tag`, the shortest length, `body`."""
    size = len(body)
    if size < LONG_FORM:
        return short_headers(tag)[size] + body
    high = size >> 8
    if high <= 0xFF:  # noqa: PLR2004 - an octet
        head = (tag, _IN_TWO_OCTETS, high, size & 0xFF) if high else (tag, _IN_ONE_OCTET, size)
        return bytes(head) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, LONG_FORM | len(length))) + length + body


def read_header(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """The element at `at`, which may reach to `end`: (identifier octet, start of its body, end of its body)."""
    start = at + 2
    if start > end:
        raise Malformed("an ASN.1 element is cut short", why=f"at octet {at}")
    tag, size = octets[at], octets[at + 1]
    if size >= LONG_FORM:
        if size == _IN_TWO_OCTETS and start + 2 <= end:  # most messages and certificates
            size = octets[start] << 8 | octets[start + 1]
            start += 2
        else:
            start, size = _long_length(octets, start, size & 0x7F, end)
    if tag & HIGH_TAG == HIGH_TAG:
        raise Malformed("an ASN.1 tag above 30 stands where CMP has none", why=f"at octet {at}")
    stop = start + size
    if stop > end:
        raise Malformed("an ASN.1 element is longer than what holds it", why=f"at octet {at}")
    return tag, start, stop


def _long_length(octets: bytes, at: int, count: int, end: int) -> tuple[int, int]:
    if count == 0:
        raise Malformed("an ASN.1 element has an indefinite length", why=f"at octet {at}")
    if count > end - at:
        raise Malformed("an ASN.1 length is cut short", why=f"at octet {at}")
    size = int.from_bytes(octets[at : at + count], "big")
    if size >> (8 * _MAX_LENGTH_OCTETS):
        raise Malformed("an ASN.1 length is absurd", why=f"at octet {at}")
    return at + count, size


def elements(octets: bytes, start: int, stop: int, limit: int) -> list[bytes]:
    """The whole elements, one after the other, that fill octets[start:stop]; at most `limit` of them."""
    found: list[bytes] = []
    while start < stop:
        if len(found) == limit:
            raise Malformed(f"more than {limit} elements stand where fewer belong")
        _, _, after = read_header(octets, start, stop)
        found.append(octets[start:after])
        start = after
    return found


def open_sequence(octets: bytes) -> tuple[int, int]:
    """Start and end of the body of the one SEQUENCE that `octets` are; Malformed where they are anything else."""
    tag, start, stop = read_header(octets, 0, len(octets))
    if tag != SEQUENCE_TAG or stop != len(octets):
        raise Malformed("not one ASN.1 SEQUENCE from the first octet to the last")
    return start, stop
