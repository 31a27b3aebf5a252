"""How a request goes to the CA: with its protection replaced, or whole inside a message of ours (RFC 9483 §5.2).

Replaced: transactionID and both nonces stay, so that the requester recognises the answer; sender, senderKID and
protection are ours. Nested: the header repeats the transactionID and senderNonce of the one message inside, whose
answer is not nested; a batch has marks of its own, and its answer is nested, too (§5.2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL
from runner.asn1.bodies import nested_content
from runner.asn1.cmp import IMPLICIT_CONFIRM, InfoTypeAndValue, PKIHeader
from runner.asn1.der import SEQUENCE_TAG, elements, open_sequence, tlv
from runner.asn1.infotypes import INFO_TYPES
from runner.asn1.structures import Chosen
from runner.asn1.x509 import NULL_DN
from runner.cmp.message import read_message
from runner.cmp.protection import protect, sender_kid_of, sender_of
from runner.cmp.transaction import NONCE
from runner.pki.names import directory_name
from runner.ra.asked import Asked
from runner.ra.proof import Proof
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.cmp import PKIMessage
    from runner.cmp.dialogue import Parties
    from runner.ra.reading import Submission
    from runner.ra.requesters import Requester

ORIG_PKI_MESSAGE = INFO_TYPES["origPKIMessage"]


def must_keep_protection(kind: str, asked: object, proof: Proof | None, requester: Requester) -> bool:
    """Whether the CA has to see the requester's own protection (RFC 9483 §5.2.3.2).

    A kur is authorised by the certificate that signed it; a key made by the CA is encrypted for whoever protected the
    request; a challenge names the CA, whose name an answer that the RA signs cannot have.
    """
    signed_challenge = proof is Proof.CHALLENGED and requester.secret is None
    return kind == "kur" or signed_challenge or (isinstance(asked, Asked) and proof is Proof.NONE)


@frozen
class Marks:
    """What is the requester's own in a message that goes on under our protection."""

    transaction_id: bytes
    sender_nonce: bytes
    recip_nonce: bytes | None = None
    pvno: int = 2


def fresh_marks(pvno: int, entropy: Entropy) -> Marks:
    """Marks of our own: for a request that came without, as PKCS #10 does."""
    return Marks(entropy.octets(NONCE), entropy.octets(NONCE), None, pvno)


def marks_of(header: PKIHeader) -> Marks:
    """The marks of a message as it came."""
    return Marks(header.transaction_id or b"", header.sender_nonce or b"", header.recip_nonce, header.pvno)


def our_header(marks: Marks, parties: Parties, now: datetime) -> PKIHeader:
    """The header of a message of ours to the CA."""
    recipient = parties.recipient.der if parties.recipient else NULL_DN
    return PKIHeader(
        pvno=marks.pvno,
        sender=sender_of(parties.protection),
        recipient=directory_name(recipient),
        message_time=now,
        sender_kid=sender_kid_of(parties.protection),
        transaction_id=marks.transaction_id,
        sender_nonce=marks.sender_nonce,
        recip_nonce=marks.recip_nonce,
    )


def replaced(
    marks: Marks,
    body: Chosen,
    parties: Parties,
    now: datetime,
    *,
    general_info: Iterable[InfoTypeAndValue] = (),
    implicit_confirm: bool = False,
    original: bytes | None = None,
) -> bytes:
    """The message under our protection. `original` goes along in origPKIMessage (RFC 9810 §5.1.1.3)."""
    items = list(general_info)
    if implicit_confirm and all(item.info_type != IMPLICIT_CONFIRM for item in items):
        items.append(InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL))
    if original is not None:
        value = tlv(SEQUENCE_TAG, original)
        items.append(InfoTypeAndValue(info_type=ORIG_PKI_MESSAGE, info_value=value))
    header = replace(our_header(marks, parties, now), general_info=tuple(items))
    return protect(header, body, parties.protection)


def nested(message: Submission, parties: Parties, now: datetime) -> bytes:
    """A message as it is, inside one of ours: added protection (RFC 9483 §5.2.2.1)."""
    header = message.header
    if header is None:
        raise ValueError("only a PKIMessage can be nested")
    marks = replace(marks_of(header), recip_nonce=None)
    return protect(our_header(marks, parties, now), _holding((message.octets,)), parties.protection)


def batch(messages: Sequence[bytes], marks: Marks, parties: Parties, now: datetime) -> bytes:
    """Several messages as they are, inside one of ours (RFC 9483 §5.2.2.2). `marks` are fresh."""
    return protect(our_header(marks, parties, now), _holding(messages), parties.protection)


def _holding(messages: Sequence[bytes]) -> Chosen:
    return Chosen("nested", nested_content(tuple(messages)))


def answers_in(message: PKIMessage, wanted: Iterable[bytes], limit: int = 64) -> dict[bytes, bytes]:
    """TransactionID → answer, of a nested answer to a batch; answers that nobody waits for are dropped."""
    waiting = set(wanted)
    found: dict[bytes, bytes] = {}
    for octets in elements(message.body.value, *open_sequence(message.body.value), limit):
        header = read_message(octets).message.header
        if header.transaction_id in waiting:
            found.setdefault(header.transaction_id or b"", octets)
    return found
