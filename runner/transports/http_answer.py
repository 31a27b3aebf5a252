"""An HTTP/1.1 answer out of octets as they come (RFC 9112): status, header fields, body. Sans-IO.

Strict where two readers could differ on where an answer ends: fields are of the grammar, lengths are digits and agree,
`chunked` is the only transfer coding. An answer that breaks these rules raises BrokenAnswerError, and its connection
is lost. What a status or a field means for CMP is in answers.py.
"""

from __future__ import annotations

from functools import lru_cache
from re import compile as regex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_HEAD = 16 * 1024
"""Octets of status and header fields, interim answers before them and trailers included; and of a chunk's line."""
_STATUS = regex(rb"HTTP/([0-9])\.([0-9]) ([0-9]{3})(?: [^\x00\x7f\r\n\v\f]*)?")
_SHOWN = rb"[^\x00\x7f\s]"
_FIELD = regex(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:" + _SHOWN + rb"(?:[^\x00\x7f\r\n\v\f]*" + _SHOWN + rb")?)?)[ \t]*"
)
_LENGTH = regex(rb"[0-9]{1,20}")
_CHUNK = regex(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_EMPTY_LINE = regex(rb"\n\r?\n")
"""The end of a line and an empty one; a lone LF ends a line, too (RFC 9112 §2.2)."""
_INTERIM, _SWITCHING = range(100, 200), 101
_NO_BODY = frozenset({204, 304})


class BrokenAnswerError(Exception):
    """What came is not HTTP, or breaks off."""


class TooLargeError(Exception):
    """The body is larger than was allowed."""


class AnswerReader:
    """Reads one answer whose body has at most `limit` octets: `feed` until it is `complete`.

    `status` is None until the header fields, in `fields` by lower-case name, have come whole.
    """

    def __init__(self, limit: int) -> None:
        self.status: int | None = None
        self.fields: Mapping[str, str] = {}
        self.complete = False
        self.keeps = False
        """Whether the peer lets the connection be used again, and showed where its answer ends."""
        self.framed = False
        """Whether it said where its body ends; else the body ends with the connection."""
        self._limit = limit
        self._octets = bytearray()
        self._body = bytearray()
        self._left = 0
        self._heads = 0
        self._step: Callable[[AnswerReader], bool] = AnswerReader._head
        """What reads on. Not bound: it would hold the reader, which holds it, until garbage is collected."""

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return bytes(self._body)

    def feed(self, octets: bytes) -> None:
        """Take what came. Raises BrokenAnswerError and TooLargeError."""
        self._octets += octets
        while not self.complete and self._step(self):
            pass
        if self.complete and self._octets:
            self.keeps = False  # more than was asked for

    def end(self) -> None:
        """The connection ended: so does a body that has no other end. BrokenAnswerError for every other answer."""
        if self.complete or self.status is None or self.framed:
            raise BrokenAnswerError("it breaks off")
        self.complete = True

    def _head(self) -> bool:
        """Status line and fields, once they are there whole; False where more has to come."""
        octets = self._up_to_empty_line()
        if octets is None:
            return False
        head = _read_head(octets)
        if head is not None:
            self.status, self.fields, body = head
            _, self.framed, self._left, self.keeps = body
            self._bounded(self._left)
            self._step = self._first_step(body)
        return True

    @staticmethod
    def _first_step(body: _Body) -> Callable[[AnswerReader], bool]:
        if body.chunked:
            return AnswerReader._chunk
        return AnswerReader._counted if body.framed else AnswerReader._unbounded

    def _up_to_empty_line(self) -> bytes | None:
        """The octets up to an empty line, both taken away."""
        octets = self._octets
        found = _EMPTY_LINE.search(octets)
        at = found.start() if found else len(octets)
        if self._heads + at > LONGEST_HEAD:
            raise BrokenAnswerError("its head is too long")
        if found is None:
            return None
        self._heads += at
        head = bytes(octets[:at])
        del octets[: found.end()]
        return head

    def _bounded(self, more: int) -> None:
        if len(self._body) + more > self._limit:
            raise TooLargeError

    def _take(self) -> None:
        """Move what belongs to the body there."""
        self._body += self._octets[: self._left]
        taken = min(self._left, len(self._octets))
        del self._octets[:taken]
        self._left -= taken

    def _counted(self) -> bool:
        self._take()
        self.complete = not self._left
        return False

    def _unbounded(self) -> bool:
        self._bounded(len(self._octets))
        self._body += self._octets
        self._octets.clear()
        return False

    def _line(self) -> bytes | None:
        """One line that ends with CRLF, as those between chunks must; None where more has to come."""
        at = self._octets.find(b"\r\n")
        if at > LONGEST_HEAD or (at < 0 and len(self._octets) > LONGEST_HEAD):
            raise BrokenAnswerError("a line of a chunk is too long")
        if at < 0:
            return None
        line = bytes(self._octets[:at])
        del self._octets[: at + 2]
        return line

    def _chunk(self) -> bool:
        line = self._line()
        if line is None:
            return False
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise BrokenAnswerError("no chunk where one should be")
        self._left = int(size[1], 16)
        self._bounded(self._left)
        self._step = AnswerReader._chunk_data if self._left else AnswerReader._trailer
        return True

    def _chunk_data(self) -> bool:
        self._take()
        if self._left or len(self._octets) < 2:  # noqa: PLR2004 - CRLF
            return False
        if self._line() != b"":
            raise BrokenAnswerError("a chunk is longer than it said")
        self._step = AnswerReader._chunk
        return True

    def _trailer(self) -> bool:
        """Fields behind the last chunk; nothing is made of them."""
        line = self._line()
        if line:
            self._heads += len(line)
            if self._heads > LONGEST_HEAD:
                raise BrokenAnswerError("its trailer is too long")
            _fields([line])
        self.complete = line == b""
        return bool(line)


class _Body(NamedTuple):
    """How a body ends, and whether the connection may live on. `length`: its octets, where it is counted."""

    chunked: bool
    framed: bool
    length: int
    keeps: bool


class _Head(NamedTuple):
    status: int
    fields: Mapping[str, str]
    body: _Body


@lru_cache(maxsize=64)
def _read_head(octets: bytes) -> _Head | None:
    """What a head says, line by line; None where another follows. Within a second a server says the same again."""
    first, *rest = (line.removesuffix(b"\r") for line in octets.split(b"\n"))
    start = _STATUS.fullmatch(first)
    if start is None:
        raise BrokenAnswerError("no status line")
    status, fields = int(start[3]), _fields(rest)
    if status == _SWITCHING:
        raise BrokenAnswerError("it goes on in another protocol")
    if status in _INTERIM:
        return None
    said = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}
    return _Head(status, said, _body((int(start[1]), int(start[2])), status, fields))


def _body(version: tuple[int, int], status: int, fields: Mapping[bytes, bytes]) -> _Body:
    """How the body ends (RFC 9112 §6.3), and whether the connection may live on (§9.3)."""
    length, chunked = _length(fields), _is_chunked(fields)
    options = _list(fields, b"connection")
    keeps = b"close" not in options
    if version < (1, 1):  # an old peer announces it, and must tell the length
        keeps = keeps and b"keep-alive" in options and length is not None
    if status in _NO_BODY:
        chunked, length = False, 0
    if chunked:  # RFC 9112 §6.1: where there is a length, too, somebody on the way may have read it otherwise
        keeps = keeps and length is None
    framed = chunked or length is not None
    return _Body(chunked, framed, 0 if chunked else length or 0, keeps and framed)


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    """Header fields by lower-case name, those of one name joined by commas (RFC 9110 §5.3)."""
    fields: dict[bytes, bytes] = {}
    last = b""
    for line in lines:
        if line[:1] in (b" ", b"\t") and last:  # a folded line (RFC 9112 §5.2)
            fields[last] += b" " + _value(line)
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BrokenAnswerError("no header field")
        last = match[1].lower()
        fields[last] = fields[last] + b", " + match[2] if last in fields else match[2]
    return fields


def _value(line: bytes) -> bytes:
    match = _FIELD.fullmatch(b"X:" + line)
    if match is None:
        raise BrokenAnswerError("no header field")
    return match[2]


def _length(fields: Mapping[bytes, bytes]) -> int | None:
    """Content-Length, which may be said more than once, but not otherwise."""
    lengths = _list(fields, b"content-length")
    if lengths and (len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0])):
        raise BrokenAnswerError("no Content-Length")
    return int(lengths[0]) if lengths else None


def _is_chunked(fields: Mapping[bytes, bytes]) -> bool:
    codings = [coding for coding in _list(fields, b"transfer-encoding") if coding]
    if codings not in ([], [b"chunked"]):
        raise BrokenAnswerError("an unknown transfer coding")
    return bool(codings)


def _list(fields: Mapping[bytes, bytes], name: bytes) -> list[bytes]:
    """The elements of a field that is a list, in lower case; those that are empty, too."""
    value = fields.get(name)
    return [] if value is None else [element.strip().lower() for element in value.split(b",")]
