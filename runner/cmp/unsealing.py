"""What comes encrypted to our key: certificates and challenges (RFC 9810 §5.2.8; dossier §3.8).

The message's protection was verified before anything here is called. Nothing that was decrypted leaves us, but a
certificate of our own key, and a number under the name of the CA: we are nobody's decryption oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2021
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL, POPO_DEC_KEY_RESP
from runner.asn1.structures import Chosen
from runner.cmp.dialogue import Challenged, GivenUp
from runner.errors import Malformed, Mismatch, ProtocolError
from runner.pki.proofs import answer_challenge, open_encrypted_certificate

if TYPE_CHECKING:
    from runner.asn1.cmp import CertifiedKeyPair
    from runner.cmp.dialogue import Parties
    from runner.cmp.message import Verified


def certificate_in(pair: CertifiedKeyPair, parties: Parties) -> bytes:
    """The certificate; one that came encrypted is opened with its own key, which proves that we have it."""
    if pair.cert_or_enc_cert.name == "certificate":
        return bytes(pair.cert_or_enc_cert.value)
    if parties.opener is None:
        raise Malformed("the certificate came encrypted, and its key cannot open it")
    return open_encrypted_certificate(pair.cert_or_enc_cert, parties.opener)


def challenged(verified: Verified, parties: Parties) -> Challenged | GivenUp:
    """popdecc: the number that it asks for; or why nothing is answered, and then the operation is over.

    Mismatch where another challenge was to be expected.
    """
    challenges = POPO_DEC_KEY_CHALL.decode(verified.message.body.value)
    if len(challenges) != 1:
        raise Mismatch("the challenges are not for our one request", why=f"{len(challenges)} came")
    if (challenges[0].encrypted_rand is not None) != (parties.pvno >= CMP_2021):
        raise Mismatch("the challenge is of another protocol version", why=f"pvno {parties.pvno} is spoken")
    if parties.opener is None:
        raise Mismatch("the CA sends a challenge", why="our key opens nothing")
    try:
        return Challenged((answer_challenge(challenges[0], parties.opener, verified.message.header.sender),))
    except ProtocolError as problem:
        return GivenUp(problem)


def response_body(numbers: tuple[int, ...]) -> Chosen:
    """The body of popdecr: the numbers, in the order of their challenges."""
    return Chosen("popdecr", POPO_DEC_KEY_RESP.encode(numbers))
