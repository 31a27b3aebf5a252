"""Proof by signature that a requester holds the private key (RFC 4211 §4.1, RFC 9810 §5.2.8). Both ends are here.

Keys that cannot sign prove themselves by opening something: decryption_proofs.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.crmf import CertRequest, PKMACValue, POPOSigningKey, POPOSigningKeyInput
from runner.asn1.der import read_header, tlv
from runner.asn1.structures import Chosen, decode, encode, explicit_element
from runner.errors import Unauthentic
from runner.pki.macs import SharedSecret, compute_mac, verify_mac
from runner.pki.signing import verify_signature

if TYPE_CHECKING:
    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.pki.signing import Signer

_SENDER_TAG, _TAGGED_MAC_TAG, _SEQUENCE_TAG = 0xA0, 0xA1, 0x30


def input_with_sender(sender: bytes, public_key_info: bytes) -> POPOSigningKeyInput:
    """What is signed where the requester is known by name: `sender` (GeneralName, DER) and the key."""
    return POPOSigningKeyInput(auth_info=explicit_element(0, sender), public_key=public_key_info)


def input_with_mac(secret: SharedSecret, algorithm: AlgorithmIdentifier, public_key_info: bytes) -> POPOSigningKeyInput:
    """What is signed where the requester has a shared secret only: a PasswordBasedMac over the key, and the key."""
    value = PKMACValue(alg_id=algorithm, value=compute_mac(secret, algorithm, public_key_info))
    return POPOSigningKeyInput(auth_info=encode(value), public_key=public_key_info)


def prove_by_signature(request: CertRequest, signer: Signer, about: POPOSigningKeyInput | None = None) -> Chosen:
    """The ProofOfPossession `signature` over the request, or over `about` where that is given."""
    data = encode(request) if about is None else encode(about)
    return Chosen(
        "signature",
        POPOSigningKey(poposk_input=about, algorithm=signer.algorithm, signature=signer.sign(data)),
    )


def check_signature_proof(
    proof: POPOSigningKey, request: bytes, public_key_info: bytes, *, sender: bytes, secret: SharedSecret | None
) -> None:
    """Unauthentic where a POPOSigningKey does not prove possession of the key.

    `request` is the CertRequest as it came, `sender` the message's (GeneralName, DER), `secret` what its publicKeyMAC
    is judged by.
    """
    data = request
    if proof.poposk_input is not None:
        _check_input(proof.poposk_input, public_key_info, sender, secret)
        data = encode(proof.poposk_input)
    if not verify_signature(public_key_info, proof.algorithm, proof.signature, data):
        raise Unauthentic("the proof of possession is not by the private key of the public key")


def _check_input(
    about: POPOSigningKeyInput, public_key_info: bytes, sender: bytes, secret: SharedSecret | None
) -> None:
    if about.public_key != public_key_info:
        raise Unauthentic("the proof of possession is about another public key")
    tag, start, stop = read_header(about.auth_info, 0, len(about.auth_info))
    if tag == _SENDER_TAG:
        if about.auth_info[start:stop] != sender:
            raise Unauthentic("the sender in the proof of possession is not that of the message")
        return
    if secret is None:
        raise Unauthentic("the proof of possession has a MAC, and there is no shared secret to judge it by")
    value = about.auth_info
    if tag == _TAGGED_MAC_TAG:  # as the text of RFC 2511 has it, against its module
        value = tlv(_SEQUENCE_TAG, value[start:stop])
    mac = decode(PKMACValue, value)
    if not verify_mac(secret, mac.alg_id, mac.value, public_key_info):
        raise Unauthentic("the MAC in the proof of possession is wrong")
