"""The responder: a request's octets to an answer's octets, whatever they are.

The order is that of RFC 9810: read, see who it is, check the header, give an answer again to octets that were
answered before, check the sender's standing, and hand over to one handler per body type (the tables below). Trouble
with a message as a whole becomes an error message; trouble with what it asks for, a rejection in its own answer.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.lab.answers import NOBODY, PKICONF, Answer, error, seal
from runner.lab.checks import EVERY_MESSAGE, follows, opens, standing
from runner.lab.enrolment import abandon, confirm, enrol, enrolled, poll, still_waiting
from runner.lab.ledger import Stage, Transaction
from runner.lab.received import Request, header_alone, read
from runner.lab.revocation import inform, revoke, revoked
from runner.lab.rules import Rejection
from runner.lab.senders import Stranger, identify

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lab.office import Office

    Opening = Callable[[Office, Request], Answer]
    Following = Callable[[Office, Request, Transaction], Answer]

NONCE_OCTETS = 16
_KEPT_NONCES = 7


def _polled(office: Office, request: Request, transaction: Transaction) -> Answer:
    if transaction.stage is Stage.WAITING:
        return still_waiting(office, transaction)
    return enrolled(office, request, transaction)


def _concluded(office: Office, request: Request, transaction: Transaction) -> Answer:  # noqa: ARG001 - nothing to tell
    return PKICONF


_OPENING: dict[str, Opening] = {
    "ir": enrol,
    "cr": enrol,
    "kur": enrol,
    "p10cr": enrol,
    "rr": revoke,
    "genm": inform,
}
"""Messages that begin a transaction."""
_FOLLOWING: dict[str, Following] = {
    "certConf": confirm,
    "pollReq": poll,
    "error": abandon,
}
"""Messages that go on with one."""
_AGAIN: dict[str, Following] = {
    "ir": enrolled,
    "cr": enrolled,
    "kur": enrolled,
    "p10cr": enrolled,
    "rr": revoked,
    "pollReq": _polled,
    "certConf": _concluded,
    "error": _concluded,
}
"""The answers to octets that were answered already."""


def respond(office: Office, octets: bytes) -> bytes:
    """The answer to a message, or to what should have been one. Raises only what is a fault of the lab's own."""
    nonce = office.entropy.octets(NONCE_OCTETS)
    try:
        received = read(octets)
    except Malformed as problem:
        rejection = Rejection("badDataFormat", f"not a PKIMessage: {problem.what} {problem.why}".strip())
        return seal(office, header_alone(octets) or NOBODY, Stranger(rejection), nonce, error(rejection))
    request = Request(received, identify(office, received), nonce)
    try:
        answer = _answer(office, request)
    except Rejection as rejection:
        answer = error(rejection)
    return seal(office, request.header, request.sender, nonce, answer)


def respond_failure(office: Office, octets: bytes, problem: Exception) -> bytes:
    """The answer where the lab itself failed; it names the kind of failure and nothing else."""
    rejection = Rejection("systemFailure", f"the lab failed: {type(problem).__name__}")
    header = NOBODY
    with suppress(Exception):  # what failed may be the reading of it
        header = header_alone(octets) or NOBODY
    return seal(office, header, Stranger(rejection), office.entropy.octets(NONCE_OCTETS), error(rejection))


def _answer(office: Office, request: Request) -> Answer:
    for check in EVERY_MESSAGE:
        check(request)
    transaction = office.ledger.transaction(request.identifier)
    if transaction is not None and request.digest in (transaction.opened_by, transaction.latest):
        return _again(office, request, transaction)
    standing(office, request)
    if request.kind in _OPENING:
        opens(request, transaction)
        return _OPENING[request.kind](office, request)
    if request.kind not in _FOLLOWING:
        raise Rejection("badRequest", f"{request.kind} is not taken here")
    if request.kind == "error" and transaction is None:
        return PKICONF
    return _FOLLOWING[request.kind](office, request, follows(request, transaction))


def _again(office: Office, request: Request, transaction: Transaction) -> Answer:
    """The answer to a message that was answered already: the same, under a senderNonce of its own."""
    answer = _AGAIN[request.kind](office, request, transaction)
    nonces = (*transaction.nonces[-_KEPT_NONCES:], request.nonce)
    office.ledger.record(replace(transaction, nonces=nonces))
    return answer
