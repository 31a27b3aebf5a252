"""A dialogue between a requester and a CA that passes through the RA, message by message, sans IO (RFC 9483 §5.2).

`take` judges what a requester sends: an answer at once, or a Forward with the octets for the CA, whose answer goes to
relayed.give. What must survive between the two is a Relayed: it is to be durable before the octets in it go out.
Octets that came before get the same answer again, and go to the CA as the same octets.

    opening   ir cr kur p10cr rr genm   judged, forwarded; a Relayed begins
    follow-up certConf pollReq popdecr error   of the same holder, in a Relayed that is not over; forwarded
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import Malformed
from runner.ra.answering import P10_CERT_REQ_ID
from runner.ra.cases import examine, requester_of
from runner.ra.forwarding import marks_of, nested, replaced
from runner.ra.reading import OPENING, header_alone, read_pki_message
from runner.ra.refusal import Refusal
from runner.ra.relayed import Relayed, renumbered
from runner.ra.representing import refused
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.structures import Chosen
    from runner.ra.reading import Submission
    from runner.ra.relayed import Office
    from runner.ra.requesters import Requester

FOLLOWING = ("certConf", "pollReq", "popdecr", "error")
_KEPT_NONCES = 8


@frozen
class Forward:
    """`relayed.upstream` is to go to the CA, and its answer to `give`."""

    relayed: Relayed
    requester: Requester


@frozen
class Reply:
    """The answer is known. `refused`: a line for whoever runs the RA."""

    octets: bytes
    refused: str = ""


def take(
    octets: bytes,
    office: Office,
    known: Relayed | None,
    used: Collection[str],
    now: datetime,
    entropy: Entropy,
) -> Forward | Reply:
    """What becomes of a message. `known` is the transaction that has its transactionID, `used` as for `judge`."""
    requester: Requester | None = None
    submission: Submission | None = None
    try:
        submission = read_pki_message(octets)
        requester = requester_of(submission, office.policy, now)
        return forwarded(submission, requester, office, known, used, now)
    except Malformed as problem:
        refusal = Refusal("badDataFormat", f"not a request: {problem.what} {problem.why}".strip())
    except Refusal as problem:
        refusal = problem
    return Reply(_refused(octets, submission, requester, refusal, office, now, entropy), refusal.what)


def transaction_id_in(octets: bytes) -> bytes:
    """The transactionID of a message; empty where there is none to be read."""
    header = header_alone(octets)
    return (header.transaction_id or b"") if header is not None else b""


def _refused(
    octets: bytes,
    submission: Submission | None,
    requester: Requester | None,
    refusal: Refusal,
    office: Office,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """A refusal for whoever it is: a rejection in kind to those who are known, an error message to others."""
    inmost = submission.innermost if submission is not None else None
    header, kind = (inmost.header, inmost.kind) if inmost else (header_alone(octets), "")
    return refused(header, kind, requester, refusal, office, now, entropy)


def unavailable(
    relayed: Relayed, office: Office, requester: Requester, words: str, now: datetime, entropy: Entropy
) -> bytes:
    """The answer while the CA gives none: the same message may come again, and will go on as the same octets."""
    header = read_pki_message(relayed.request).innermost.header
    return refused(header, "", requester, Refusal("systemUnavail", words), office, now, entropy)


def forwarded(
    submission: Submission,
    requester: Requester,
    office: Office,
    known: Relayed | None,
    used: Collection[str],
    now: datetime,
) -> Forward | Reply:
    """What becomes of a message whose sender is known. Refusal where it does not go on."""
    if known is not None and known.holder == requester.holder and known.request == submission.octets:
        return Forward(known, requester) if known.is_open else Reply(known.answer)
    if submission.kind in FOLLOWING:
        return Forward(_followed(submission, requester, office, known, now), requester)
    if known is not None:
        raise Refusal("transactionIdInUse", "another request has this transactionID")
    return Forward(_opened(submission, requester, office, used, now), requester)


def _opened(
    submission: Submission, requester: Requester, office: Office, used: Collection[str], now: datetime
) -> Relayed:
    if submission.kind == "genm":
        body, keep = submission.body, office.policy.nested or submission.inner is not None
    elif submission.kind in OPENING:
        case = examine(submission, office.policy, used, now)
        body, keep = case.body, case.keep
    else:
        raise Refusal("badRequest", f"{submission.kind} is not taken here")
    header = submission.innermost.header
    begun = Relayed(
        transaction_id=(header.transaction_id or b"") if header else b"",
        holder=requester.holder,
        kind=submission.kind,
        request=submission.octets,
        keep=keep,
        converted=submission.kind == "p10cr" and body.name != "p10cr",
        nonces=_nonces(submission),
    )
    return replace(begun, upstream=_upstream(submission, body, begun, office, now))


def _followed(
    submission: Submission, requester: Requester, office: Office, known: Relayed | None, now: datetime
) -> Relayed:
    if known is None:
        raise Refusal("badRequest", f"there is no transaction that this {submission.kind} belongs to")
    if known.holder != requester.holder:
        raise Refusal("notAuthorized", "somebody else opened this transaction")
    if known.over or known.is_open:
        words = "is over" if known.over else "still waits for the answer to its last message"
        raise Refusal("badRequest", f"the transaction {words}")
    nonces = (*_nonces(submission), *known.nonces)[:_KEPT_NONCES]
    going = replace(known, request=submission.octets, answer=b"", nonces=nonces)
    return replace(going, upstream=_upstream(submission, submission.body, going, office, now))


def _nonces(submission: Submission) -> tuple[bytes, ...]:
    header = submission.innermost.header
    return (header.sender_nonce,) if header is not None and header.sender_nonce else ()


def _upstream(submission: Submission, body: Chosen, relayed: Relayed, office: Office, now: datetime) -> bytes:
    if relayed.keep:
        return nested(submission, office.parties, now)
    header = submission.header
    if header is None:
        raise ValueError("what is relayed is a PKIMessage")
    return replaced(
        marks_of(header),
        renumbered(body, P10_CERT_REQ_ID, 0) if relayed.converted else body,
        office.parties,
        now,
        general_info=header.general_info,
        original=submission.octets if office.original else None,
    )
