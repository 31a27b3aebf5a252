"""CMP's own framing over TCP, both styles, as pure functions: octets ⇄ Frame, and what a Frame means to an exchange.

    RFC 2510 §5.2      length(4)  flag(1)                      value     flags 0 to 6
    version 10         length(4)  10(1)  flags(1)  type(1)     value     draft-ietf-pkix-cmp-transport-protocols

`length` counts what follows it. The fifth octet tells them apart: a flag up to 6, or the version. Nothing in a frame
but the DER of a PKIMessage is authentic: an error or a reference steers the transport and proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Delayed, NotCmp, TransportError, Unanswered
from runner.transports.words import short
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

LENGTH = 4
"""Octets of the length that begins every frame."""
VERSION = 10
"""The version octet of the newer framing."""
PKI_REQ, POLL_REP, POLL_REQ, FIN_REP, PARTIAL_REP, PKI_REP, ERROR_REP = range(7)
"""Types of version 10; RFC 2510 has the same numbers (pkiMsg, …, partialMsgRep, finalMsgRep, errorMsgRep)."""
CHECK_AFTER = (1.0, 86_400.0)
"""A time to check back is taken into these bounds, in seconds."""

_CLOSING = 0x01
_REFERENCE = 4
_VERSION_NOT_SUPPORTED = 0x0101
_INVALID_POLL_ID = 0x0202
_TEN_YEARS = 10 * 366 * 86_400
_TOO_SHORT = "its frame is too short for what it announces"


@frozen
class Frame:
    """One frame. `old`: of RFC 2510's style; `closing`: its sender closes the connection behind it."""

    kind: int
    value: bytes
    old: bool = False
    closing: bool = False


def encode_frame(frame: Frame) -> bytes:
    """The octets of a frame, length included."""
    head = bytes([frame.kind]) if frame.old else bytes([VERSION, _CLOSING if frame.closing else 0, frame.kind])
    body = head + frame.value
    return len(body).to_bytes(LENGTH, "big") + body


def decode_frame(body: bytes) -> Frame:
    """What follows the length → Frame. ValueError says what is wrong with it."""
    if not body:
        raise ValueError("its frame is empty")
    if body[0] <= ERROR_REP:
        return Frame(body[0], body[1:], old=True, closing=True)
    if body[0] < VERSION:
        raise ValueError(f"its frame is of a style that is not known ({body[0]})")
    if len(body) < 3:  # noqa: PLR2004 - version, flags, type
        raise ValueError(_TOO_SHORT)
    return Frame(body[2], body[3:], closing=bool(body[1] & _CLOSING))


def poll_frame(reference: str, *, old: bool = False) -> Frame:
    """The frame that asks again with a reference of ours (`v10:0000002a`). ValueError where it is none.

    `old`: RFC 2510's framing is configured, for a reference that another tool was given (`tcp:0000002a`).
    """
    style, _, digits = reference.partition(":")
    value = bytes.fromhex(digits)
    if style not in ("v10", "old", "tcp") or len(value) != _REFERENCE:
        raise ValueError("that is no reference of CMP over TCP")
    return Frame(POLL_REQ, value, old=style == "old" or (old and style == "tcp"))


def message_in(frame: Frame, peer: str, now: datetime) -> bytes:
    """The octets of the PKIMessage in an answering frame of `peer`.

    Raises Delayed where the peer wants to be asked again, Unanswered and NotCmp where there is no message.
    """
    if frame.kind == PKI_REP:
        return frame.value
    if frame.kind == POLL_REP:
        raise _delayed(frame, peer, now)
    if frame.kind == PARTIAL_REP and len(frame.value) > 2 * _REFERENCE:
        return frame.value[2 * _REFERENCE :]  # the message; what else there is to poll for is not about it
    if frame.kind == FIN_REP:
        raise Unanswered(
            f"{peer} ended the exchange without a message",
            why="it sent finRep, which answers a confirmation alone",
            next_step="look at the CA's log",
            cause="empty",
        )
    if frame.kind == ERROR_REP:
        raise _peer_error(frame, peer)
    raise not_framed(peer, f"it answered with a frame of type {frame.kind}")


def not_framed(peer: str, why: str) -> NotCmp:
    """Words for a peer that does not speak CMP over TCP."""
    return NotCmp(
        f"{peer} does not speak CMP over TCP",
        why=why,
        next_step="check the scheme and the port in `url:`: the CA may want http:// or https://",
        cause="not-framed",
    )


def _delayed(frame: Frame, peer: str, now: datetime) -> TransportError:
    if len(frame.value) < 2 * _REFERENCE:
        return not_framed(peer, _TOO_SHORT)
    moment = int.from_bytes(frame.value[_REFERENCE : 2 * _REFERENCE], "big")
    absolute = frame.old or moment > _TEN_YEARS
    seconds = moment - now.timestamp() if absolute else float(moment)
    return Delayed(
        f"{peer} took the request and has no answer yet",
        reference=f"{'old' if frame.old else 'v10'}:{frame.value[:_REFERENCE].hex()}",
        seconds=min(max(seconds, CHECK_AFTER[0]), CHECK_AFTER[1]),
        next_step="run apply again later: it asks for the answer",
    )


def _peer_error(frame: Frame, peer: str) -> TransportError:
    """errorMsgRep: words for people; what becomes of the CMP operation does not follow from them."""
    code, text = (0, frame.value) if frame.old else _error_in(frame.value)
    said = short(text.decode("utf-8", "replace"))
    why = f"nothing proves that the CA says so: {said}" if said else f"its error code is {code:04x}"
    if code == _VERSION_NOT_SUPPORTED:
        next_step = "set `tcp: {framing: rfc2510}`"
        return NotCmp(f"{peer} wants another framing", why=why, next_step=next_step, cause="frame-version")
    if code == _INVALID_POLL_ID:
        next_step = "look at the CA's log for the request; --retry-unknown begins afresh"
        return NotCmp(
            f"{peer} knows nothing of our request any more", why=why, next_step=next_step, cause="poll-unknown"
        )
    next_step = "the same request is repeated; if this lasts, look at the CA's log"
    return Unanswered(f"{peer} reports an error instead of an answer", why=why, next_step=next_step, cause="peer-error")


def _error_in(value: bytes) -> tuple[int, bytes]:
    """An error type(2) ‖ data length(2) ‖ data ‖ text."""
    size = int.from_bytes(value[2:4], "big")
    return int.from_bytes(value[:2], "big"), value[4 + size :]
