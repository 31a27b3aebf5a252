"""Which proof-of-possession goes with a request (RFC 4211 §4, RFC 9810 §5.2.8).

The proofs themselves are in runner.pki; here is the choice. A key that cannot sign proves itself by opening its
certificate where nothing else is said. What the CA then encrypts is opened in unsealing.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.structures import Chosen
from runner.cmp.protection import MacProtection, sender_of
from runner.pki.macs import password_based_mac
from runner.pki.proofs import (
    input_with_mac,
    input_with_sender,
    prove_by_signature,
)

if TYPE_CHECKING:
    from runner.asn1.crmf import CertRequest, POPOSigningKeyInput
    from runner.cmp.dialogue import Parties
    from runner.cmp.request import Order
    from runner.pki.signing import Signer

SIGNATURE, SIGNATURE_WITH_INPUT, ENCRYPTION, CHALLENGE, RA_VERIFIED, NONE = (
    "signature",
    "signature-with-input",
    "encryption",
    "challenge",
    "ra-verified",
    "none",
)
OPENING = (ENCRYPTION, CHALLENGE)
"""Proofs of a key that opens what is encrypted to it."""


def proof_kind(order: Order, signer: Signer | None) -> str:
    """The proof that is asked for; where nothing is, what the key can do."""
    return order.proof or (SIGNATURE if signer is not None else ENCRYPTION)


def proof_for(request: CertRequest, order: Order, signer: Signer | None, parties: Parties | None) -> Chosen | None:
    """The ProofOfPossession of a request; None where the standard lets it out.

    ValueError where a signature is asked of a key that makes none.
    """
    kind = proof_kind(order, signer)
    if kind in (SIGNATURE, SIGNATURE_WITH_INPUT):
        if signer is None:
            raise ValueError("a signature is asked of a key that makes none")
        about = signing_input(order, parties) if parties and kind == SIGNATURE_WITH_INPUT else None
        return prove_by_signature(request, signer, about)
    if kind in OPENING:
        from runner.pki.decryption_proofs import prove_by_decryption  # noqa: PLC0415 - most keys sign

        return prove_by_decryption(order.public_key_info, by_challenge=kind == CHALLENGE)
    return Chosen("raVerified", None) if kind == RA_VERIFIED else None


def signing_input(order: Order, parties: Parties) -> POPOSigningKeyInput:
    """What is signed where the template names no subject (RFC 4211 §4.1).

    The sender, who is authenticated by his signature, or a MAC over the key under the shared secret; and the key.
    """
    ours = parties.protection
    if isinstance(ours, MacProtection):
        algorithm = password_based_mac(ours.salt, ours.parameters.iterations)
        return input_with_mac(ours.secret, algorithm, order.public_key_info)
    return input_with_sender(sender_of(ours), order.public_key_info)
