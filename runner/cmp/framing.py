"""What stands around the bodies of a transaction: headers, and the generalInfo of first messages (RFC 9810 §5.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import (
    CERT_PROFILE,
    CMP_1999,
    CMP_2021,
    IMPLICIT_CONFIRM,
    PKI_FREE_TEXT,
    InfoTypeAndValue,
    PKIHeader,
)
from runner.cmp.message import read_message
from runner.cmp.protection import sender_kid_of, sender_of
from runner.pki.certificate_hashes import signs_without_hash
from runner.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue, Parties


def general_info_of(parties: Parties, *, implicit: bool) -> tuple[InfoTypeAndValue, ...]:
    """GeneralInfo of a first message: implicitConfirm, certProfile (RFC 9810 §5.1.1.1, §5.1.1.4), free items."""
    items = [InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL)] if implicit else []
    if parties.cert_profile:
        profile = PKI_FREE_TEXT.encode((parties.cert_profile,))
        items.append(InfoTypeAndValue(info_type=CERT_PROFILE, info_value=profile))
    return (*items, *parties.general_info)


def enveloping(parties: Parties) -> int:
    """The pvno for a transaction that an EnvelopedData may come in: 3 by itself (RFC 9810 §7).

    Who was told to speak version 1 stays with it: what it has for the purpose is an EncryptedValue.
    """
    return parties.pvno if parties.pvno == CMP_1999 else max(parties.pvno, CMP_2021)


def hashing(parties: Parties) -> Parties:
    """Parties for a transaction in which certConf may have to say the hash (hashAlg): 3 by itself, too.

    That is where a certificate of the CA's is known whose key signs without a hash (RFC 9810 §5.3.18).
    """
    if not any(signs_without_hash(anchor.public_key_info) for anchor in parties.peer.anchors):
        return parties
    return replace(parties, pvno=enveloping(parties))


def as_begun(parties: Parties, dialogue: Dialogue) -> Parties:
    """Parties for a transaction that is continued: its version is that of its messages, whatever is said by now."""
    if not dialogue.request:
        return parties
    return replace(parties, pvno=read_message(dialogue.request).message.header.pvno)


def header_of(
    dialogue: Dialogue, nonce: bytes, parties: Parties, now: datetime, general_info: tuple[InfoTypeAndValue, ...] = ()
) -> PKIHeader:
    """The header of the next message, whose senderNonce is `nonce` (RFC 9810 §5.1.1)."""
    return PKIHeader(
        pvno=parties.pvno,
        sender=sender_of(parties.protection),
        recipient=dialogue.recipient,
        message_time=now if parties.message_time else None,
        sender_kid=sender_kid_of(parties.protection),
        transaction_id=dialogue.transaction_id,
        sender_nonce=nonce,
        recip_nonce=dialogue.peer_nonce or None,
        general_info=general_info,
    )
