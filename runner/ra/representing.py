"""An RA that stands for the requester to the end: its own transaction from the requester's message (RFC 9483 §5.2.3).

Files cannot be asked back, so that the RA polls and confirms itself, and the requester gets the final answer, with
implicitConfirm: the CA awaits nothing more. A certConf that comes all the same is answered by the RA.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from runner.asn1.cmp import PKI_STATUS
from runner.asn1.structures import Chosen
from runner.cmp.dialogue import Dialogue, State
from runner.cmp.request import Order
from runner.pki.certificate_hashes import confirmation_hash
from runner.pki.names import directory_name
from runner.pki.profile import Profile
from runner.ra.answering import answer_header, implicitly_confirmed, info_of, refusal_body, seal, status_body
from runner.ra.asked import Asked
from runner.ra.forwarding import fresh_marks, marks_of, replaced
from runner.ra.refusal import Refusal
from runner.ra.relayed import Relayed
from runner.values import frozen, replace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.cmp import PKIHeader
    from runner.cmp.dialogue import Parties
    from runner.cmp.response import Status
    from runner.pki.certificates import Certificate
    from runner.ra.cases import Case, Seen
    from runner.ra.reading import Submission
    from runner.ra.relayed import Office
    from runner.ra.requesters import Requester


@frozen
class Represented:
    """A transaction of the RA's for somebody: its first message is in `dialogue`, what is asked in `order`."""

    dialogue: Dialogue
    order: Order
    parties: Parties
    relayed: Relayed


def represent(case: Case, office: Office, now: datetime, entropy: Entropy) -> Represented:
    """Open the transaction. What is asked for is the case's; the marks are the requester's, where it has any."""
    request = case.seen.submission
    header = request.header
    marks = fresh_marks(office.parties.pvno, entropy) if header is None else marks_of(header)
    parties = replace(office.parties, pvno=marks.pvno)
    octets = replaced(
        marks,
        case.body,
        parties,
        now,
        general_info=header.general_info if header is not None else (),
        implicit_confirm=parties.implicit_confirm and case.body.name != "rr",
        original=request.octets if office.original else None,
    )
    recipient = directory_name(parties.recipient.der) if parties.recipient else b""
    blank = Dialogue(
        case.body.name, State.REQUESTED, marks.transaction_id, octets, marks.sender_nonce, marks.sender_nonce
    )
    relayed = Relayed(
        transaction_id=marks.transaction_id,
        holder=case.requester.holder,
        kind=request.kind,
        request=request.octets,
        converted=request.kind == "p10cr" and case.body.name != "p10cr",
        over=True,
        represented=True,
    )
    return Represented(replace(blank, recipient=recipient), order_of(case.seen, case.body.name), parties, relayed)


def order_of(seen: Seen, kind: str) -> Order:
    """What an issued certificate is judged by."""
    asked = seen.asked
    if not isinstance(asked, Asked):
        return Order("rr", issuer=asked.issuer, serial=asked.serial)
    wanted = Profile(asked.subject, asked.alt_names, asked.key_usage, asked.extended_key_usage)
    return Order(kind, wanted, asked.public_key_info)


def granted(
    submission: Submission,
    requester: Requester | None,
    outcome: tuple[Status, Certificate | None, tuple[bytes, ...]],
    office: Office,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """The final answer of a transaction that ended well: `outcome` is status, certificate and CA certificates."""
    status, certificate, others = outcome
    header = answer_header(submission.innermost.header, office.parties.protection, now, entropy)
    if certificate is not None:
        header = implicitly_confirmed(header)
    body = status_body(submission.kind, info_of(status), certificate.der if certificate else b"")
    return seal(header, body, requester, office.parties.protection, others)


def rejected(
    submission: Submission | None,
    requester: Requester | None,
    status: Status,
    office: Office,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """The CA's refusal, as an answer to the requester."""
    header = answer_header(submission.innermost.header if submission else None, office.parties.protection, now, entropy)
    body = status_body(submission.kind if submission else "", info_of(status))
    return seal(header, body, requester, office.parties.protection)


def refused(
    header: PKIHeader | None,
    kind: str,
    requester: Requester | None,
    refusal: Refusal,
    office: Office,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """A refusal of the RA's own; an error message where it is not known who asks (`requester` None)."""
    answer = answer_header(header, office.parties.protection, now, entropy)
    body = refusal_body(kind if requester is not None else "", refusal)
    return seal(answer, body, requester, office.parties.protection)


def confirmed(
    submission: Submission,
    certificate: Certificate,
    requester: Requester,
    office: Office,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """The answer to a certConf after the RA has confirmed: pkiconf where it accepts the very certificate.

    Refusal where it is about another, or rejects it: for the CA it is confirmed, and has to be revoked.
    """
    statuses = submission.innermost.body.value
    digest, _ = confirmation_hash(certificate)
    if len(statuses) != 1 or not hmac.compare_digest(statuses[0].cert_hash, digest):
        raise Refusal("badCertId", "the certConf is not about the certificate that was issued")
    info = statuses[0].status_info
    if info is not None and info.status != PKI_STATUS.index("accepted"):
        raise Refusal("certConfirmed", f"the certificate is confirmed already; have {certificate.serial:x} revoked")
    header = answer_header(submission.innermost.header, office.parties.protection, now, entropy)
    return seal(header, Chosen("pkiconf", None), requester, office.parties.protection)
