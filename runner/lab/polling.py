"""Delayed delivery: pollReq about certificates that wait, and about whole answers that are late.

RFC 9810 §5.3.22, RFC 9483 §4.4. Each part counts its own polls. Who polls again after the decision did
not get the answer, and gets it once more.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from runner.asn1.cmp import ErrorMsgContent, PollRep
from runner.lab.answers import Answer
from runner.lab.asked import asked_in
from runner.lab.challenges import numbers_in
from runner.lab.enrolment import issued, opening_of, proceed, refused, told, unfinished
from runner.lab.received import Request, read
from runner.lab.records import WHOLE, Part, Stage, Transaction, begun, moved
from runner.lab.rules import Rejection, status_info
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.lab.office import Office
    from runner.lab.records import IssuedCertificate

    Decision = tuple[Part, IssuedCertificate | None]
    Next = Callable[..., Decision]
    Handler = Callable[[Office, Request, Transaction | None], Answer]


def poll(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A pollReq: what has been decided of what it asks about; else pollRep, with the seconds that remain."""
    numbers = _asked_about(request, transaction)
    parts, certificates = list(transaction.parts), []
    for number in numbers:
        parts[number], certificate = _advanced(office, request, transaction, number)
        certificates += [certificate] if certificate else []
    kept = transaction.opening if unfinished(parts) else b""
    after = moved(transaction, request, parts=tuple(parts), opening=kept)
    office.ledger.record(*certificates, after)
    return _told(office, request, after, [parts[number] for number in numbers])


def _asked_about(request: Request, transaction: Transaction) -> list[int]:
    """The numbers of the parts that a pollReq is about; -1 is about all that wait, or have waited."""
    asked = [element.cert_req_id for element in request.content]
    by_identifier = {part.cert_req_id: number for number, part in enumerate(transaction.parts)}
    if asked == [WHOLE] and WHOLE not in by_identifier:
        waiting = [n for n, part in enumerate(transaction.parts) if part.stage is Stage.WAITING]
        return waiting or _that_waited(transaction, range(len(transaction.parts)))
    if not asked or len(set(asked)) != len(asked) or not by_identifier.keys() >= set(asked):
        raise Rejection("badRequest", "the pollReq is not about what was asked for")
    return _that_waited(transaction, [by_identifier[identifier] for identifier in asked])


def _that_waited(transaction: Transaction, numbers: Sequence[int]) -> list[int]:
    found = [n for n in numbers if transaction.parts[n].stage is Stage.WAITING or transaction.parts[n].polls]
    if not found:
        raise Rejection("badRequest", "nothing is waiting in this transaction")
    return found


def _advanced(office: Office, request: Request, transaction: Transaction, number: int) -> Decision:
    """A part after it was asked about: as it was, counted, or decided."""
    part = transaction.parts[number]
    if part.stage is not Stage.WAITING or _too_soon(office, part):
        return part, None
    most = office.rules.waiting_polls + (number if office.rules.staggered else 0)
    if part.polls < most:
        return _counted(office, part), None
    return _once_more(office, request, transaction, number, part, issued)


def _too_soon(office: Office, part: Part) -> bool:
    return part.next_poll is not None and office.now() < part.next_poll


def _counted(office: Office, part: Part) -> Part:
    return replace(part, polls=part.polls + 1, next_poll=office.now() + timedelta(seconds=office.rules.check_after))


def _told(office: Office, request: Request, transaction: Transaction, parts: Sequence[Part]) -> Answer:
    decided = [part for part in parts if part.stage is not Stage.WAITING]
    return told(office, request, transaction, decided) if decided else still_waiting(office, parts)


def still_waiting(office: Office, parts: Sequence[Part]) -> Answer:
    """A pollRep with the seconds that remain."""
    return Answer("pollRep", tuple(PollRep(cert_req_id=p.cert_req_id, check_after=_left(office, p)) for p in parts))


def _left(office: Office, part: Part) -> int:
    return max(ceil(((part.next_poll or office.now()) - office.now()).total_seconds()), 0)


def polled(office: Office, request: Request, transaction: Transaction) -> Answer:
    """The answer to a pollReq once more."""
    numbers = _asked_about(request, transaction)
    return _told(office, request, transaction, [transaction.parts[number] for number in numbers])


def respond_to_challenge(office: Office, request: Request, transaction: Transaction) -> Answer:
    """A popdecr: who has the numbers right goes on, who has not is rejected."""
    numbers = [n for n, part in enumerate(transaction.parts) if part.stage is Stage.CHALLENGED]
    answers = dict(zip(numbers, numbers_in(request, len(numbers)), strict=True))
    parts, certificates = list(transaction.parts), []
    for number, answer in answers.items():
        parts[number], certificate = _judged(office, request, transaction, number, answer)
        certificates += [certificate] if certificate else []
    kept = transaction.opening if unfinished(parts) else b""
    office.ledger.record(*certificates, moved(transaction, request, parts=tuple(parts), opening=kept))
    # what is told may need the opening message, which is kept no longer
    return told(office, request, replace(transaction, parts=tuple(parts)), parts)


def _judged(office: Office, request: Request, transaction: Transaction, number: int, answer: int) -> Decision:
    part = transaction.parts[number]
    if answer != part.number:
        return refused(part, Rejection("badPOP", "the challenge was not answered rightly")), None
    return _once_more(office, request, transaction, number, replace(part, challenge=b"", number=0), proceed)


def _once_more(
    office: Office, request: Request, transaction: Transaction, number: int, part: Part, go_on: Next
) -> Decision:
    """The request is judged again, as it came, and goes on; or is rejected."""
    opening = opening_of(request, transaction)
    try:
        asked = asked_in(office, opening, number)
    except Rejection as rejection:
        return refused(part, rejection), None
    return go_on(office, opening, number, part, asked, implicit=transaction.implicit)


def keep_back(office: Office, request: Request, transaction: Transaction | None) -> Answer:
    """The answer to this message will be late: an error of status `waiting` says so."""
    late = {"whole": Part(WHOLE, Stage.WAITING), "delayed": request.received.octets}
    after = begun(request, **late) if transaction is None else moved(transaction, request, **late)
    office.ledger.record(after)
    return kept_back()


def kept_back() -> Answer:
    """The same once more."""
    return Answer("error", ErrorMsgContent(pki_status_info=status_info("waiting")))


def about_the_whole(request: Request, transaction: Transaction) -> bool:
    """Whether a message is a pollReq about an answer as a whole."""
    late = transaction.whole is not None and request.kind == "pollReq"
    return late and [element.cert_req_id for element in request.content] == [WHOLE]


def poll_whole(office: Office, request: Request, transaction: Transaction, whole: Part, handle: Handler) -> Answer:
    """A pollReq about a whole answer: pollRep, or the answer, which `handle` makes."""
    if whole.stage is not Stage.WAITING:
        raise Rejection("badRequest", "the answer was given")
    if not _too_soon(office, whole) and whole.polls >= office.rules.delay_polls:
        return _at_last(office, kept_message(request, transaction), transaction, handle)
    counted = whole if _too_soon(office, whole) else _counted(office, whole)
    office.ledger.record(moved(transaction, request, whole=counted))
    return still_waiting(office, (counted,))


def kept_message(request: Request, transaction: Transaction) -> Request:
    """The message whose answer was kept back, to be answered as the answer to this pollReq."""
    octets, late = transaction.delayed, transaction.whole
    return replace(request, received=read(octets), answering=request.digest, late=late)


def _at_last(office: Office, message: Request, transaction: Transaction, handle: Handler) -> Answer:
    opening = transaction.opened_by == message.digest
    try:
        answer = handle(office, message, None if opening else transaction)
    except Rejection:
        office.ledger.record(moved(transaction, message))
        raise
    after = office.ledger.transaction(transaction.identifier)
    if after is None or after.whole == transaction.whole:  # it leaves no trace of its own
        office.ledger.record(moved(transaction, message))
    return answer
