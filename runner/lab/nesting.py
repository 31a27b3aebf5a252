"""Messages inside a message: `nested`, as an RA sends it (RFC 9810 §5.1.3.5, RFC 9483 §5.2.2).

One message under the marks of its own transaction: an RA added its protection, and the answer is that to the inner
message. Otherwise a batch: each message is answered by itself, and the answers come back in a nested message.
Whoever nests vouches for nothing: the inner message is judged by its own protection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, read_header, tlv
from runner.errors import Malformed
from runner.lab.answers import Answer
from runner.lab.received import header_alone
from runner.lab.rules import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.lab.office import Office
    from runner.lab.received import Request

DEEPEST = 4
"""Levels of nested messages that are opened."""
_MOST = 64
"""Messages in one batch."""
_INTEGER_TAG = 0x02


def messages_inside(office: Office, request: Request, depth: int) -> tuple[bytes, ...]:
    """The messages in a nested one that lies `depth` levels deep. Raises Rejection where that is too deep, or none."""
    if depth >= DEEPEST:
        raise Rejection("badRequest", f"messages are nested deeper than {DEEPEST} levels")
    try:
        found = _messages(request.content)
    except Malformed as problem:
        raise Rejection("badDataFormat", f"not a nested message: {problem.what}") from problem
    if not found or (len(found) > 1 and not office.rules.batches):
        raise Rejection("badRequest", f"{len(found)} messages in a nested one; one is taken")
    return found


def _messages(content: bytes) -> tuple[bytes, ...]:
    """SEQUENCE OF PKIMessage; in CMP v1 it is one PKIMessage, and begins with a header."""
    found = elements(content, *open_sequence(content), _MOST)
    if found and _is_header(found[0]):
        return (content,)
    return tuple(found)


def _is_header(element: bytes) -> bool:
    start, stop = open_sequence(element)
    return start < stop and read_header(element, start, stop)[0] == _INTEGER_TAG


def adds_protection(request: Request, messages: tuple[bytes, ...]) -> bool:
    """Whether the outer message has the marks of the only one inside."""
    inner = header_alone(messages[0]) if len(messages) == 1 else None
    return inner is not None and inner.transaction_id == request.header.transaction_id


def batch(office: Office, found: Iterable[bytes]) -> Answer:
    """The answer to a batch."""
    answers = list(found)
    if office.rules.reordered:
        answers.reverse()
    if office.rules.withheld and len(answers) > 1:
        answers.pop()
    return Answer("nested", tlv(SEQUENCE_TAG, b"".join(answers)))
