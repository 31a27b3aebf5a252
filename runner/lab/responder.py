"""The responder: a request's octets to an answer's octets, whatever they are.

The order is that of RFC 9810: read, see who it is, check the header, open what is nested, give an answer again to
octets that were answered before, check the sender's standing, keep back what the manners say is late, and hand over
to one handler per body type (the tables below). Trouble with a message as a whole becomes an error message; trouble
with what it asks for, a rejection in its own answer.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.lab.answers import NOBODY, PKICONF, SILENCE, Answer, error, seal
from runner.lab.checks import EVERY_MESSAGE, follows, opens, standing
from runner.lab.confirming import abandon, confirm, confirm_as_of_old
from runner.lab.enrolment import enrol, enrolled, refuse_cross_certification
from runner.lab.kems import announce, asks_for_ciphertext, give_ciphertext, secret_with_us
from runner.lab.nesting import adds_protection, batch, messages_inside
from runner.lab.polling import (
    about_the_whole,
    keep_back,
    kept_back,
    kept_message,
    poll,
    poll_whole,
    polled,
    respond_to_challenge,
    still_waiting,
)
from runner.lab.questions import inform
from runner.lab.received import Request, header_alone, read
from runner.lab.records import Stage, Transaction
from runner.lab.recovery import recover, recovered
from runner.lab.revocation import revoke, revoked
from runner.lab.rules import Rejection
from runner.lab.senders import Stranger, identify
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lab.office import Office

    Opening = Callable[[Office, Request], Answer]
    Following = Callable[[Office, Request, Transaction], Answer]

NONCE_OCTETS = 16
_KEPT_NONCES = 7


def _concluded(office: Office, request: Request, transaction: Transaction) -> Answer:  # noqa: ARG001 - nothing to tell
    return PKICONF


def _silent(office: Office, request: Request, transaction: Transaction) -> Answer:  # noqa: ARG001 - nothing to tell
    return SILENCE


_OPENING: dict[str, Opening] = {
    "ir": enrol,
    "cr": enrol,
    "kur": enrol,
    "p10cr": enrol,
    "rr": revoke,
    "genm": inform,
    "krr": recover,
    "ccr": refuse_cross_certification,
}
"""Messages that begin a transaction."""
_FOLLOWING: dict[str, Following] = {
    "certConf": confirm,
    "pollReq": poll,
    "popdecr": respond_to_challenge,
    "pkiconf": confirm_as_of_old,
    "error": abandon,
}
"""Messages that go on with one."""
_AGAIN: dict[str, Following] = {
    "ir": enrolled,
    "cr": enrolled,
    "kur": enrolled,
    "p10cr": enrolled,
    "rr": revoked,
    "krr": recovered,
    "pollReq": polled,
    "popdecr": enrolled,
    "pkiconf": _silent,
    "certConf": _concluded,
    "error": _concluded,
}
"""The answers to octets that were answered already."""


def respond(office: Office, octets: bytes, depth: int = 0) -> bytes:
    """The answer to a message, or to what should have been one. Raises only what is a fault of the lab's own.

    `depth` is the number of messages around it.
    """
    nonce = office.entropy.octets(NONCE_OCTETS)
    try:
        received = read(octets)
    except Malformed as problem:
        rejection = Rejection("badDataFormat", f"not a PKIMessage: {problem.what} {problem.why}".strip())
        return seal(office, header_alone(octets) or NOBODY, Stranger(rejection), nonce, error(rejection))
    request = Request(received, identify(office, received), nonce)
    try:
        if request.kind == "nested":
            return _opened(office, request, depth)
        request = replace(request, ours=secret_with_us(office, received))
        answer = _content(office, request)
    except Rejection as rejection:
        answer = error(rejection)
    return seal(office, request.header, request.sender, nonce, answer, request.ours)


def _opened(office: Office, request: Request, depth: int) -> bytes:
    """The answer to a nested message."""
    for check in EVERY_MESSAGE:
        check(office, request)
    standing(office, request)
    messages = messages_inside(office, request, depth)
    if adds_protection(request, messages):
        return respond(office, messages[0], depth + 1)
    answer = batch(office, (respond(office, message, depth + 1) for message in messages))
    return seal(office, request.header, request.sender, request.nonce, answer)


def respond_failure(office: Office, octets: bytes, problem: Exception) -> bytes:
    """The answer where the lab itself failed; it names the kind of failure and nothing else."""
    rejection = Rejection("systemFailure", f"the lab failed: {type(problem).__name__}")
    header = NOBODY
    with suppress(Exception):  # what failed may be the reading of it
        header = header_alone(octets) or NOBODY
    return seal(office, header, Stranger(rejection), office.entropy.octets(NONCE_OCTETS), error(rejection))


def _content(office: Office, request: Request) -> Answer:
    """The answer to a message that is not nested; a KEM's secrets come before everything else."""
    if asks_for_ciphertext(request.received):
        return give_ciphertext(office, request)
    for check in EVERY_MESSAGE:
        check(office, request)
    if office.rules.announce_kem and request.kind in _OPENING and not request.ours:
        return announce(office)
    return _answer(office, request)


def _answer(office: Office, request: Request) -> Answer:
    transaction = office.ledger.transaction(request.identifier)
    if transaction is not None and request.digest in (transaction.opened_by, transaction.latest):
        return _again(office, request, transaction)
    standing(office, request)
    if request.kind not in _OPENING and request.kind not in _FOLLOWING:
        raise Rejection("badRequest", f"{request.kind} is not taken here")
    if request.kind == "error" and transaction is None:
        return PKICONF
    if request.kind in _OPENING:
        opens(request, transaction)
        transaction = None
    else:
        transaction = follows(request, transaction)
    if request.kind in office.rules.delays:
        return keep_back(office, request, transaction)
    if transaction is not None and transaction.whole is not None and about_the_whole(request, transaction):
        return poll_whole(office, request, transaction, transaction.whole, _handled)
    return _handled(office, request, transaction)


def _handled(office: Office, request: Request, transaction: Transaction | None) -> Answer:
    """The answer of the handler for the body type; a transaction is given to those that go on with one."""
    if transaction is None:
        return _OPENING[request.kind](office, request)
    return _FOLLOWING[request.kind](office, request, transaction)


def _again(office: Office, request: Request, transaction: Transaction) -> Answer:
    """The answer to a message that was answered already: the same, under a senderNonce of its own."""
    answer = _told_again(office, request, transaction)
    latest = office.ledger.transaction(request.identifier) or transaction
    nonces = (*transaction.nonces[-_KEPT_NONCES:], request.nonce)
    office.ledger.record(replace(latest, nonces=nonces))
    return answer


def _told_again(office: Office, request: Request, transaction: Transaction) -> Answer:
    whole = transaction.whole
    if whole is not None and whole.stage is Stage.WAITING and _is_late(request, transaction):
        return still_waiting(office, (whole,)) if request.kind == "pollReq" else kept_back()
    if about_the_whole(request, transaction):
        request = kept_message(request, transaction)
    if request.kind in _OPENING and not transaction.parts:
        return _OPENING[request.kind](office, request)  # it left no trace
    return _AGAIN[request.kind](office, request, transaction)


def _is_late(request: Request, transaction: Transaction) -> bool:
    """Whether a message is the one that is kept back, or asks about it."""
    return request.digest == hashlib.sha256(transaction.delayed).digest() or about_the_whole(request, transaction)
