"""What an HTTP answer means for CMP (RFC 9811 §3, RFC 6712 §3): the message in it, or which error it stands for.

Pure: a complete answer goes in. Whether the message itself is acceptable is left to the core, whatever the status:
an answer is judged by its protection. Of anything else only short pieces in printable characters become words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from runner.errors import Busy, NotCmp, TransportError, Unanswered

MEDIA_TYPES = frozenset({"application/pkixcmp", "application/x-pkixcmp"})
"""CMP's own media type, and what it was called before it was registered."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds: a peer cannot ask us to wait for longer."""

_SUCCESSES, _REDIRECTIONS, _SERVER_ERRORS = range(200, 300), range(300, 400), range(500, 600)
_SEQUENCE = 0x30
_LONG_LENGTH = 0x80
_LONGEST_PIECE = 80
_TITLE_WITHIN = 16 * 1024
_STATUS_HINTS = {  # what lasts until somebody changes something; other 5xx pass
    400: ("it finds fault with the request", "check that `url:` is the CMP address of this CA"),
    401: ("it wants credentials of HTTP", "CMP carries its own: ask for an address without HTTP authentication"),
    403: ("it needs credentials, or forbids this machine", "ask the CA's operator to let this machine in"),
    404: ("nothing is at that path", "check the path in `url:`"),
    405: ("that path takes no POST", "check the path in `url:`"),
    407: ("a proxy wants credentials", "check the proxy on the way"),
    410: ("nothing is at that path any more", "check the path in `url:`"),
    413: ("the request is too large for it", "check that `url:` is the CMP address of this CA, and its limits"),
    415: ("it does not take application/pkixcmp", "check that `url:` is the CMP address of this CA"),
    501: ("it does not know POST", "check that `url:` is the CMP address of this CA"),
    505: ("it does not speak HTTP/1.1", "check that `url:` is the CMP address of this CA"),
}
_ELSEWHERE = ("it does not take CMP here", "check the host and path in `url:`")
_NOT_PROCESSED = frozenset({425, 429, 503})
"""Statuses by which a server says that it did not take the request up (RFC 9110 §15.6.4, RFC 6585 §4)."""
_TRANSIENT_CLIENT_ERRORS = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer: the status, the header fields that matter here (empty where absent), and the body."""

    status: int
    content_type: str
    location: str
    retry_after: str
    body: bytes


def cmp_body(answer: HttpAnswer, *, peer: str, now: datetime) -> bytes:
    """The octets of the CMP message in `answer` of `peer` (words for people); `now` dates a Retry-After.

    Raises Unanswered where the same request may fare better later, and NotCmp where it will not.
    """
    status = answer.status
    if status in _REDIRECTIONS:
        raise _redirected(answer, peer)
    if _holds_cmp(answer):
        return answer.body
    if status in _SUCCESSES:
        raise _not_cmp(answer, peer) if answer.body else _empty(status, peer)
    raise _refused(answer, peer, now)


def _holds_cmp(answer: HttpAnswer) -> bool:
    """By its media type, or by its first octets where a server labels it wrongly or not at all."""
    return bool(answer.body) and (_media_type(answer) in MEDIA_TYPES or _begins_as_der(answer.body))


def _begins_as_der(body: bytes) -> bool:
    """A SEQUENCE; the length tells it from a text that begins with the digit 0."""
    return len(body) > 1 and body[0] == _SEQUENCE and (body[1] >= _LONG_LENGTH or body[1] + 2 == len(body))


def missing_octets(body: bytes) -> int:
    """How many octets the DER value that begins in `body` still lacks; 0 where it is whole or is no DER."""
    if body[:1] != b"\x30":
        return 0
    if len(body) == 1:
        return 1
    if body[1] < _LONG_LENGTH:
        return max(0, body[1] + 2 - len(body))
    size = body[1] - _LONG_LENGTH
    return max(0, int.from_bytes(body[2 : 2 + size], "big") + 2 + size - len(body))


def _media_type(answer: HttpAnswer) -> str:
    return answer.content_type.partition(";")[0].strip().lower()


def _redirected(answer: HttpAnswer, peer: str) -> NotCmp:
    where = short(_without_query(answer.location))
    return NotCmp(
        f"{peer} points elsewhere (HTTP status {answer.status})",
        why=f"it names {where}; a redirect is never followed" if where else "a redirect is never followed",
        next_step="if that address is the CA's, write it as `url:`",
    )


def _without_query(location: str) -> str:
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else parts.path


def _empty(status: int, peer: str) -> Unanswered:
    return Unanswered(
        f"{peer} answered with nothing (HTTP status {status})",
        why="the body of the answer is empty",
        next_step="look at the CA's log; check the path in `url:`",
    )


def _not_cmp(answer: HttpAnswer, peer: str) -> NotCmp:
    return NotCmp(
        f"{peer} answered with something that is not CMP (HTTP status {answer.status})",
        why=_content(answer),
        next_step="check the host and path in `url:`; a proxy or a login page may have answered instead of the CA",
    )


def _refused(answer: HttpAnswer, peer: str, now: datetime) -> TransportError:
    status = answer.status
    if status in _TRANSIENT_CLIENT_ERRORS or (status in _SERVER_ERRORS and status not in _STATUS_HINTS):
        return (Busy if status in _NOT_PROCESSED else Unanswered)(
            f"{peer} is in trouble or busy (HTTP status {status})",
            why=_content(answer),
            next_step="the same request is repeated later; if this lasts, ask the CA's operator",
            retry_after=seconds_to_wait(answer.retry_after, now),
        )
    why, next_step = _STATUS_HINTS.get(status, _ELSEWHERE)
    why = f"{why}; {_content(answer)}" if answer.body else why
    return NotCmp(f"{peer} refused the request (HTTP status {status})", why=why, next_step=next_step)


def _content(answer: HttpAnswer) -> str:
    """What the body is, in a few words."""
    media_type = short(_media_type(answer))
    if not answer.body:
        return "its answer has no body"
    if media_type == "text/html" or answer.body.lstrip()[:1] == b"<":
        title = _title(answer.body)
        return f"its answer is a web page titled “{title}”" if title else "its answer is a web page"
    return f"its answer is of the media type {media_type}" if media_type else "its answer has no media type"


def _title(page: bytes) -> str:
    """The title of a web page, printable and short; empty where it has none."""
    head = page[:_TITLE_WITHIN]
    low = head.lower()
    opening = low.find(b"<title")
    begin = low.find(b">", opening) + 1
    end = low.find(b"</title", begin)
    if opening < 0 or begin == 0 or end < 0:
        return ""
    return short(head[begin:end].decode("utf-8", "replace"))


def short(text: str) -> str:
    """At most 80 printable characters on one line: what may be shown of a stranger's words."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= _LONGEST_PIECE else line[: _LONGEST_PIECE - 1] + "…"


def seconds_to_wait(retry_after: str, now: datetime) -> float | None:
    """Retry-After (RFC 9110 §10.2.3: seconds or a date) in seconds, 0 to 3600; None where there is none."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (9 ms, and hardly ever needed)

    try:
        when = parsedate_to_datetime(text)
        wait = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)
