"""What comes encrypted to us: certificates, challenges, and private keys that the CA made (RFC 9810 §5.2.8).

The message's protection was verified before anything here is called. Nothing that was decrypted leaves us, but a
certificate of our own key, a number under the name of the CA, and a key that is kept: we are nobody's decryption
oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.cmp import CMP_2021, CertifiedKeyPair
from runner.asn1.structures import Chosen
from runner.cmp.dialogue import Challenged, GivenUp
from runner.errors import BadCertificate, Malformed, Mismatch, ProtocolError
from runner.pki.keyspecs import key_spec_of
from runner.pki.opening import OpenedValue
from runner.pki.servers import Tolerance
from runner.values import replace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue, Parties
    from runner.cmp.message import Verified
    from runner.cmp.request import Order
    from runner.pki.certificates import Certificate
    from runner.pki.key_packages import KeyPackage


def certificate_in(pair: CertifiedKeyPair, parties: Parties) -> OpenedValue:
    """The certificate; one that came encrypted is opened with its own key, which proves that we have it.

    Along with it comes the symmetric key of an EncryptedValue, from which RFC 2510 makes the MAC of conf.
    """
    if pair.cert_or_enc_cert.name == "certificate":
        return OpenedValue(bytes(pair.cert_or_enc_cert.value), b"")
    if parties.opener is None:
        raise Malformed("the certificate came encrypted, and its key cannot open it")
    from runner.pki.decryption_proofs import open_encrypted_certificate  # noqa: PLC0415 - little comes encrypted

    return open_encrypted_certificate(pair.cert_or_enc_cert, parties.opener)


def opened_again(dialogue: Dialogue, parties: Parties) -> Dialogue:
    """With the symmetric key of a certificate that came encrypted: a journal has it only as the CA sent it.

    Raises ProtocolError where it does not open: without that key there is no conf (RFC 2510 §3.3).
    """
    if not dialogue.encrypted or dialogue.symmetric_key:
        return dialogue
    sent = CertifiedKeyPair(cert_or_enc_cert=Chosen("encryptedCert", dialogue.encrypted))
    return replace(dialogue, symmetric_key=certificate_in(sent, parties).key)


def challenged(verified: Verified, parties: Parties) -> Challenged | GivenUp:
    """popdecc: the number that it asks for; or why nothing is answered, and then the operation is over.

    Mismatch where another challenge was to be expected.
    """
    from runner.asn1.infotypes import POPO_DEC_KEY_CHALL  # noqa: PLC0415 - little comes encrypted
    from runner.pki.decryption_proofs import answer_challenge  # noqa: PLC0415 - the same

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


def made_key(
    dialogue: Dialogue, order: Order, parties: Parties, known: tuple[Certificate, ...], now: datetime
) -> KeyPackage:
    """The private key that the CA made (RFC 9483 §4.1.6); BadCertificate where it is absent, or not to be believed.

    Who made it is judged by our anchors where the message was signed; a MAC's owner may give us any key.
    """
    from runner.pki.private_keys import Judgement, open_private_key  # noqa: PLC0415 - little comes encrypted

    if not dialogue.private_key or parties.key_opener is None:
        raise BadCertificate("the CA was to make the key, and sends no private key", fail_info="incorrectData")
    anchors = parties.peer.anchors if dialogue.key_is_signed_for else None
    bare = Tolerance.BARE_PRIVATE_KEY in parties.peer.tolerates
    judgement = Judgement(now, anchors, known, unsigned=bare)
    try:
        package = open_private_key(dialogue.private_key, parties.key_opener, judgement)
        spec = key_spec_of(package.public_key_info)
    except ProtocolError as problem:
        raise BadCertificate(problem.what, why=problem.why, next_step=problem.next_step) from problem
    if not {str(spec), spec.kind} & set(order.made_by_ca):
        wanted = " or ".join(order.made_by_ca)
        raise BadCertificate("the CA made another kind of key", why=f"it is {spec}; {wanted} was asked for")
    return package


def response_body(numbers: tuple[int, ...]) -> Chosen:
    """The body of popdecr: the numbers, in the order of their challenges."""
    from runner.asn1.infotypes import POPO_DEC_KEY_RESP  # noqa: PLC0415 - little comes encrypted

    return Chosen("popdecr", POPO_DEC_KEY_RESP.encode(numbers))
