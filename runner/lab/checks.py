"""What a message has to be before its content is looked at: short rules in order, each with its PKIFailureInfo.

RFC 9810 §5.1.1 (header), §5.1.3 (protection), §8; the transaction's rules are of §5.1.1 and RFC 9483 §3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.lab.records import State
from runner.lab.rules import Rejection
from runner.lab.senders import CertificateSender, Stranger

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lab.office import Office
    from runner.lab.received import Request
    from runner.lab.records import Transaction

_LONGEST_MARK = 64
"""Octets of a transactionID or nonce; 16 are usual."""
_SHORTEST_NONCE = 16


def version(office: Office, request: Request) -> None:
    """The pvno is one that the lab speaks."""
    if request.header.pvno not in office.rules.versions:
        spoken = ", ".join(map(str, office.rules.versions))
        raise Rejection("unsupportedVersion", f"pvno {request.header.pvno}; this CA speaks {spoken}")


def transaction_id(office: Office, request: Request) -> None:  # noqa: ARG001 - one shape for all
    """There is a transactionID."""
    if not 0 < len(request.identifier) <= _LONGEST_MARK:
        raise Rejection("badRequest", f"a transactionID of 1 to {_LONGEST_MARK} octets is needed")


def sender_nonce(office: Office, request: Request) -> None:  # noqa: ARG001 - one shape for all
    """There is a senderNonce of at least 128 bits."""
    if not _SHORTEST_NONCE <= len(request.header.sender_nonce or b"") <= _LONGEST_MARK:
        raise Rejection("badSenderNonce", f"a senderNonce of {_SHORTEST_NONCE} to {_LONGEST_MARK} octets is needed")


def protection(office: Office, request: Request) -> None:  # noqa: ARG001 - one shape for all
    """The message is protected by somebody whom the lab knows."""
    if isinstance(request.sender, Stranger):
        raise request.sender.rejection


EVERY_MESSAGE: tuple[Callable[[Office, Request], None], ...] = (version, transaction_id, sender_nonce, protection)
"""What every message is checked for, before it may be one that was answered already."""


def standing(office: Office, request: Request) -> None:
    """The signer's certificate is confirmed, not revoked, and within its validity."""
    if not isinstance(request.sender, CertificateSender):
        return
    certificate = request.sender.certificate
    known = office.ledger.certificate(certificate.serial)
    if known is None or known.state is State.UNCONFIRMED:
        raise Rejection("signerNotTrusted", "the signer's certificate was never confirmed")
    if known.state is State.REVOKED:
        raise Rejection("certRevoked", "the signer's certificate is revoked")
    if not certificate.not_before <= office.now() <= certificate.not_after:
        raise Rejection("signerNotTrusted", "the signer's certificate is not within its validity")


def opens(request: Request, transaction: Transaction | None) -> None:
    """The message may open a transaction: its ID is new, and it answers nothing, unless a KEM's secret came before."""
    if transaction is not None and transaction.theirs and transaction.kind == "genm":
        follows(request, transaction)
        return
    if transaction is not None:
        raise Rejection("transactionIdInUse", "another request has this transactionID")
    if request.header.recip_nonce is not None:
        raise Rejection("badRecipientNonce", "a first message has no recipNonce")


def follows(request: Request, transaction: Transaction | None) -> Transaction:
    """The transaction that the message goes on with: opened by the same, and it answers what we said last.

    A pollReq may lack recipNonce: who asks for a pending request by its number knows no more (ssh-cmpclient-g3).
    """
    if transaction is None:
        raise Rejection("badRequest", f"there is no transaction that this {request.kind} belongs to")
    if request.sender.holder != transaction.holder:
        raise Rejection("notAuthorized", "somebody else opened this transaction")
    by_number = request.kind == "pollReq" and request.header.recip_nonce is None
    if request.header.recip_nonce not in transaction.nonces and not by_number:
        raise Rejection("badRecipientNonce", "recipNonce is not the senderNonce of our answer")
    return transaction
