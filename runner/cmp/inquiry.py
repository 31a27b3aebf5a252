"""A question to the CA and its answer: one genm, one genp (RFC 9810 §5.3.19, §5.3.20; RFC 9483 §4.3), sans IO.

Nothing is issued and nothing is kept, so that there is no transaction to continue: an Inquiry goes out, and what comes
back is believed only as far as `answer_to` verifies it. Also the batch of questions that shows whether an entity takes
nested messages (RFC 9810 §5.1.3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL
from runner.asn1.bodies import nested_content
from runner.asn1.cmp import CMP_2000, IMPLICIT_CONFIRM, InfoTypeAndValue, PKIHeader, PKIMessage
from runner.asn1.structures import Chosen, encode
from runner.asn1.x509 import NULL_DN
from runner.cmp.protection import protect, sender_kid_of, sender_of
from runner.cmp.validation import Expectation, verify_message
from runner.pki.names import directory_name
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.cmp.dialogue import Parties
    from runner.cmp.message import Verified

NONCE = 16
"""Octets of a transactionID and of a senderNonce."""
CA_CERTIFICATES = "1.3.6.1.5.5.7.4.17"
"""id-it-caCerts: the question that every CA of our days can answer (RFC 9483 §4.3.1)."""


@frozen
class Inquiry:
    """A question that was asked: its octets, and what its answer must repeat."""

    request: bytes
    transaction_id: bytes
    nonce: bytes
    pvno: int


def inquire(
    parties: Parties | None,
    now: datetime,
    entropy: Entropy,
    *,
    implicit_confirm: bool = False,
    about: str = CA_CERTIFICATES,
) -> Inquiry:
    """A genm with one id-it item and no value, `about` (else the CA's certificates).

    Without `parties` it is unprotected and addressed to nobody.
    """
    header = _header(parties, now, entropy)
    if implicit_confirm:
        header = replace(header, general_info=(InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL),))
    return _inquiry(header, Chosen("genm", (InfoTypeAndValue(info_type=about),)), parties)


def inquire_together(parties: Parties, inquiries: Sequence[Inquiry], now: datetime, entropy: Entropy) -> Inquiry:
    """Several questions in one nested message."""
    messages = nested_content(tuple(inquiry.request for inquiry in inquiries))
    return _inquiry(_header(parties, now, entropy), Chosen("nested", messages), parties)


def _inquiry(header: PKIHeader, body: Chosen, parties: Parties | None) -> Inquiry:
    if parties is None:
        request = encode(PKIMessage(header=header, body=body))
    else:
        request = protect(header, body, parties.protection)
    return Inquiry(request, header.transaction_id or b"", header.sender_nonce or b"", header.pvno)


def _header(parties: Parties | None, now: datetime, entropy: Entropy) -> PKIHeader:
    nobody = directory_name(NULL_DN)
    known = parties is not None and parties.recipient is not None
    return PKIHeader(
        pvno=parties.pvno if parties else CMP_2000,
        sender=sender_of(parties.protection) if parties else nobody,
        recipient=directory_name(parties.recipient.der) if known and parties and parties.recipient else nobody,
        message_time=now,
        sender_kid=sender_kid_of(parties.protection) if parties else None,
        transaction_id=entropy.octets(NONCE),
        sender_nonce=entropy.octets(NONCE),
    )


def answer_to(inquiry: Inquiry, octets: bytes, parties: Parties, now: datetime, *, awaited: str = "genp") -> Verified:
    """The verified answer. Raises ProtocolError: Claimed where it says no, and nothing proves that the CA does."""
    awaits = frozenset({awaited, "error"})
    marks = inquiry.pvno, inquiry.transaction_id, (inquiry.nonce,)
    expectation = Expectation(*marks, awaits, parties.peer.tolerates, request=inquiry.request)
    return verify_message(octets, expectation, parties.peer, (), now)
