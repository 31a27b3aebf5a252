"""The proof-of-possession in a request, verified by the RA (RFC 4211 §4).

What only the CA can verify, because the key will have to open something, is left to it. Nothing is ever decrypted
here: an RA has no key that a requester could have it use (RFC 9810 §8.1).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from runner.asn1.archive import CHALLENGE_RESP, POPO_PRIV_KEY
from runner.asn1.der import read_header
from runner.asn1.structures import decode
from runner.asn1.x509 import Signed
from runner.errors import Malformed, Unauthentic
from runner.pki.proofs import check_signature_proof
from runner.pki.signing import verify_signature
from runner.ra.asked import Asked, made_by_ca, only_request
from runner.ra.refusal import Refusal

if TYPE_CHECKING:
    from runner.ra.reading import Submission
    from runner.ra.requesters import Requester


class Proof(Enum):
    """What is known about the private key."""

    SIGNED = "signature"
    """The CA can verify the very same signature again, whoever protects the message."""
    SIGNED_TO_US = "signature over poposkInput"
    """It names the requester, or is bound by the secret that we share: only we can verify it."""
    VOUCHED = "raVerified"
    """An RA before us has verified it."""
    LATER = "by decryption"
    """The certificate comes encrypted: the CA will see."""
    CHALLENGED = "by challenge"
    """The CA will send a challenge in its own name."""
    NONE = "none"
    """The CA makes the key."""


def check_proof(submission: Submission, asked: Asked, requester: Requester) -> Proof:
    """How possession is proved. Refusal (badPOP) where it is not."""
    request = submission.innermost
    try:
        if request.body.name == "p10cr":
            return _of_pkcs10(request.body.value, asked)
        return _of_template(submission, asked, requester)
    except (Unauthentic, Malformed) as problem:
        raise Refusal("badPOP", problem.what) from problem


def _of_pkcs10(der: bytes, asked: Asked) -> Proof:
    signed = decode(Signed, der)
    if not verify_signature(asked.public_key_info, signed.signature_algorithm, signed.signature, signed.tbs):
        raise Refusal("badPOP", "the PKCS #10 request is not signed by the private key of its public key")
    return Proof.SIGNED


def _of_template(submission: Submission, asked: Asked, requester: Requester) -> Proof:
    message, request = only_request(submission), submission.innermost
    popo = message.popo
    if popo is None:
        if made_by_ca(asked.public_key_info):
            return Proof.NONE
        raise Refusal("badPOP", "there is no proof of possession")
    if popo.name == "signature":
        sender = request.header.sender if request.header is not None else b""
        octets = request_octets(request.body_octets)
        check_signature_proof(popo.value, octets, asked.public_key_info, sender=sender, secret=requester.secret)
        return Proof.SIGNED if popo.value.poposk_input is None else Proof.SIGNED_TO_US
    if popo.name == "raVerified":
        if requester.is_ra:
            return Proof.VOUCHED
        raise Refusal("badPOP", "raVerified is an RA's word, and the sender's certificate is no RA's (cmcRA)")
    by_key = POPO_PRIV_KEY.decode(popo.value)
    if by_key.name == "subsequentMessage":
        return Proof.CHALLENGED if by_key.value == CHALLENGE_RESP else Proof.LATER
    raise Refusal("badPOP", f"this kind of {popo.name} is not accepted here")


def request_octets(body: bytes) -> bytes:
    """The CertRequest as it came: body [n] → CertReqMessages → CertReqMsg → certReq."""
    for _ in range(3):
        _, start, stop = read_header(body, 0, len(body))
        _, _, stop = read_header(body, start, stop)
        body = body[start:stop]
    return body
