"""What an HTTP answer means for CMP (RFC 9811 §3, RFC 6712 §3): the message in it, or which error it stands for.

Pure: a complete answer goes in. Whether the message itself is acceptable is left to the core, whatever the status:
an answer is judged by its protection. Of anything else only short pieces in printable characters become words.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from runner.errors import Busy, NotCmp, TransportError, Unanswered
from runner.transports.frames import LENGTH, VERSION, decode_frame, message_in, not_framed
from runner.transports.words import short
from runner.values import frozen

MEDIA_TYPES = frozenset({"application/pkixcmp", "application/x-pkixcmp"})
"""CMP's own media type, and what it was called before it was registered."""
POLL_TYPES = frozenset({"application/pkixcmp-poll", "application/x-pkixcmp-poll"})
"""Bodies in the framing of CMP over TCP, among them references to be asked again with (an older style of polling)."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds: a peer cannot ask us to wait for longer."""

_SUCCESSES, _REDIRECTIONS, _SERVER_ERRORS = range(200, 300), range(300, 400), range(500, 600)
_UNAUTHORIZED = 401
_SEQUENCE = 0x30
_LONG_LENGTH = 0x80
_TITLE_WITHIN = 16 * 1024
_CHECK_URL = "check that `url:` is the CMP address of this CA"
_STATUS_HINTS = {  # what lasts until somebody changes something; other 5xx pass
    400: ("bad-request", "it finds fault with the request", _CHECK_URL),
    401: ("unauthorized", "it wants a user name and a password", "give it one with `http: {credential: …}`"),
    403: ("forbidden", "it needs credentials, or forbids this machine", "ask the CA's operator to let this machine in"),
    404: ("not-found", "nothing is at that path", "check the path in `url:`"),
    405: ("method", "that path takes no POST", "check the path in `url:`"),
    407: ("proxy-credentials", "a proxy wants credentials", "check the user and password of `proxy:`"),
    410: ("not-found", "nothing is at that path any more", "check the path in `url:`"),
    411: ("http-version", "it does not understand our request", "try `http: {version: 1.0}`"),
    413: ("request-size", "the request is too large for it", f"{_CHECK_URL}, and its limits"),
    415: ("media-type", "it does not take application/pkixcmp", _CHECK_URL),
    417: ("http-version", "it expects something that we never send", _CHECK_URL),
    426: ("http-version", "it wants another protocol", "check the scheme in `url:`"),
    501: ("method", "it does not know POST", _CHECK_URL),
    505: ("http-version", "it does not speak HTTP/1.1", "set `http: {version: 1.0}`"),
}
_ELSEWHERE = ("not-found", "it does not take CMP here", "check the host and path in `url:`")
_NOT_PROCESSED = frozenset({425, 429, 503})
"""Statuses by which a server says that it did not take the request up (RFC 9110 §15.6.4, RFC 6585 §4)."""
_TRANSIENT_CLIENT_ERRORS = frozenset({408, 425, 429})
_GATEWAY_ERRORS = frozenset({502, 504})


@frozen
class HttpAnswer:
    """A complete answer: the status, the header fields that matter here (empty where absent), and the body."""

    status: int
    content_type: str
    location: str
    retry_after: str
    body: bytes
    challenge: str = ""
    """WWW-Authenticate, where it asks for credentials."""
    date: str = ""


def cmp_body(answer: HttpAnswer, *, peer: str, now: datetime) -> bytes:
    """The octets of the CMP message in `answer` of `peer` (words for people); `now` dates a Retry-After.

    Raises Unanswered where the same request may fare better later, NotCmp where it will not, and Delayed where the
    body is a reference to ask again with.
    """
    status = answer.status
    if status in _REDIRECTIONS:
        raise _redirected(answer, peer)
    if _is_framed(answer):
        return _unframed(answer.body, peer, now)
    if _holds_cmp(answer):
        return answer.body
    if status in _SUCCESSES:
        raise _not_cmp(answer, peer) if answer.body else _empty(status, peer)
    raise _refused(answer, peer, now)


def _holds_cmp(answer: HttpAnswer) -> bool:
    """By its media type, or by its first octets where a server labels it wrongly or not at all."""
    return bool(answer.body) and (_media_type(answer) in MEDIA_TYPES or _begins_as_der(answer.body))


def _is_framed(answer: HttpAnswer) -> bool:
    """Whether the body has the framing of TCP: by its media type, or because an old server leaves the header on."""
    body = answer.body
    if not body or _begins_as_der(body):
        return False
    marked = (
        len(body) > LENGTH and body[LENGTH] == VERSION and int.from_bytes(body[:LENGTH], "big") + LENGTH == len(body)
    )
    return marked or _media_type(answer) in POLL_TYPES


def _unframed(body: bytes, peer: str, now: datetime) -> bytes:
    try:
        frame = decode_frame(body[LENGTH:])
    except ValueError as error:
        raise not_framed(peer, str(error)) from error
    return message_in(frame, peer, now)


def wants_basic(answer: HttpAnswer) -> bool:
    """Whether the server asks for a user name and a password (RFC 7617)."""
    return answer.status == _UNAUTHORIZED and "basic" in answer.challenge.lower()


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
        cause="redirect",
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
        cause="empty",
    )


def _not_cmp(answer: HttpAnswer, peer: str) -> NotCmp:
    return NotCmp(
        f"{peer} answered with something that is not CMP (HTTP status {answer.status})",
        why=_content(answer),
        next_step="check the host and path in `url:`; a proxy or a login page may have answered instead of the CA",
        cause="web-page" if _is_page(answer) else "not-cmp",
    )


def _refused(answer: HttpAnswer, peer: str, now: datetime) -> TransportError:
    status = answer.status
    if status in _TRANSIENT_CLIENT_ERRORS or (status in _SERVER_ERRORS and status not in _STATUS_HINTS):
        return (Busy if status in _NOT_PROCESSED else Unanswered)(
            f"{peer} is in trouble or busy (HTTP status {status})",
            why=_content(answer),
            next_step="the same request is repeated later; if this lasts, ask the CA's operator",
            cause="gateway" if status in _GATEWAY_ERRORS else "busy" if status in _NOT_PROCESSED else "server-error",
            retry_after=seconds_to_wait(answer.retry_after, now),
        )
    cause, why, next_step = _STATUS_HINTS.get(status, _ELSEWHERE)
    why = f"{why}; {_content(answer)}" if answer.body else why
    return NotCmp(f"{peer} refused the request (HTTP status {status})", why=why, next_step=next_step, cause=cause)


def _content(answer: HttpAnswer) -> str:
    """What the body is, in a few words."""
    media_type = short(_media_type(answer))
    if not answer.body:
        return "its answer has no body"
    if _is_page(answer):
        title = _title(answer.body)
        return f"its answer is a web page titled “{title}”" if title else "its answer is a web page"
    return f"its answer is of the media type {media_type}" if media_type else "its answer has no media type"


def _is_page(answer: HttpAnswer) -> bool:
    return _media_type(answer) == "text/html" or answer.body.lstrip()[:1] == b"<"


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
