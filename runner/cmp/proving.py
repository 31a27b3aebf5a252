"""Which proof-of-possession goes with a request, and the answer to challenges (RFC 4211 §4, RFC 9810 §5.2.8).

The proofs themselves are in runner.pki.proofs; here is the choice. A key that cannot sign proves itself by opening its
certificate where nothing else is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2021
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP
from runner.asn1.structures import Chosen
from runner.cmp.protection import MacProtection, sender_of
from runner.errors import Mismatch
from runner.pki.macs import password_based_mac
from runner.pki.proofs import (
    answer_challenge,
    input_with_mac,
    input_with_sender,
    prove_by_decryption,
    prove_by_signature,
)

if TYPE_CHECKING:
    from runner.asn1.crmf import CertRequest, POPOSigningKeyInput
    from runner.cmp.dialogue import Parties
    from runner.cmp.message import Verified
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


def answers_to(verified: Verified, order: Order, parties: Parties) -> tuple[int, ...]:
    """The numbers that a popdecc asks for. Mismatch where nobody asked to be challenged.

    Whatever does not open, or names another sender, is one and the same ProtocolError: nothing that was decrypted
    leaves us unless it is a number under the name of the CA (dossier §3.8).
    """
    if order.proof != CHALLENGE or parties.opener is None:
        raise Mismatch("the CA sends a challenge", why="another proof-of-possession was offered")
    challenges = POPO_DEC_KEY_CHALL.decode(verified.message.body.value)
    if len(challenges) != 1:
        raise Mismatch("the challenges are not for our one request", why=f"{len(challenges)} came")
    enveloped = challenges[0].encrypted_rand is not None
    if enveloped != (parties.pvno >= CMP_2021):
        raise Mismatch("the challenge is of another protocol version", why=f"pvno {parties.pvno} is spoken")
    return (answer_challenge(challenges[0], parties.opener, verified.message.header.sender),)


def response_body(numbers: tuple[int, ...]) -> Chosen:
    """The body of popdecr: the numbers, in the order of their challenges."""
    return Chosen("popdecr", POPO_DEC_KEY_RESP.encode(numbers))
