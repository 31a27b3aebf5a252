"""Private keys on their way: made by the CA, recovered from it, or backed up at it, always as an EncryptedKey.

RFC 9483 §4.1.6, RFC 4211 §4.2 and §6.4, RFC 9810 §5.3.8. To whom a backup goes is decided by
the caller: only to a certificate from the configuration or from an authenticated answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.archive import ENCRYPTED_KEY, PKI_ARCHIVE_OPTIONS
from runner.asn1.cms import ENC_KEY_WITH_ID, SIGNED_DATA
from runner.asn1.crmf import Control
from runner.asn1.signed import ASYMMETRIC_KEY_PACKAGE, EncKeyWithID, OneAsymmetricKey
from runner.asn1.structures import Chosen, decode, encode
from runner.errors import Malformed, ProtocolError, Unauthentic
from runner.pki.encrypted_values import first_object, open_encrypted_value, seal_encrypted_value
from runner.pki.envelopes import KeyRecipient, Sealing, open_envelope, recipient_of, seal_envelope
from runner.pki.key_packages import KeyPackage, make_key_package, open_key_package, open_one_key, private_and_public
from runner.pki.macs import SharedSecret
from runner.pki.opening import cannot_open
from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from runner.ambient import Entropy
    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.asn1.archive import EncryptedValue
    from runner.asn1.cms import EnvelopedData
    from runner.pki.certificates import Certificate
    from runner.pki.envelopes import Recipient
    from runner.pki.recipients import Opener
    from runner.pki.signing import Signer

PKI_ARCHIVE_OPTIONS_CONTROL = "1.3.6.1.5.5.7.5.1.4"
_V3 = Sealing()


@frozen
class Judgement:
    """How a key that came is judged.

    `anchors` are for the key generation authority's signature, None where the message was protected by a MAC; `known`
    are certificates that came along, never trusted by themselves. `unsigned` accepts keys that nobody signed for: those
    of a key history, and of CAs that leave the signature out.
    """

    now: datetime
    anchors: tuple[Certificate, ...] | None = None
    known: tuple[Certificate, ...] = ()
    unsigned: bool = False


def open_private_key(encrypted_key: bytes, opener: Opener, judgement: Judgement) -> KeyPackage:
    """The private key in an EncryptedKey (DER): privateKey of a CertifiedKeyPair, encryptedPrivKey of a backup.

    ProtocolError where it does not open, Unauthentic where nobody rightful signed for it. That the key belongs to the
    certificate beside it is for the caller to check by `public_key_info`.
    """
    encrypted = ENCRYPTED_KEY.decode(encrypted_key)
    if encrypted.name == "encryptedValue":
        return _from_value(encrypted.value, opener)
    return _from_envelope(encrypted.value, opener, judgement)


def _from_value(value: EncryptedValue, opener: Opener) -> KeyPackage:
    """CMP v1 and v2 know no signature here: the message's protection vouches for the key."""
    if isinstance(opener, SharedSecret):
        raise ProtocolError("an EncryptedValue needs a private key to open it")
    content = open_encrypted_value(value, opener).content
    try:
        return KeyPackage(*private_and_public(decode(OneAsymmetricKey, content)))
    except Malformed:
        raise cannot_open() from None


def _from_envelope(envelope: EnvelopedData, opener: Opener, judgement: Judgement) -> KeyPackage:
    kind = envelope.encrypted_content_info.content_type
    content = open_envelope(envelope, opener, judgement.known)
    try:
        if kind == SIGNED_DATA:
            return open_key_package(content, judgement.anchors, judgement.now, judgement.known)
        if not judgement.unsigned:
            raise Unauthentic("nobody signed for the private key that came", why=f"its content type is {kind}")
        if kind == ASYMMETRIC_KEY_PACKAGE:
            return KeyPackage(*open_one_key(content))
        if kind == ENC_KEY_WITH_ID:
            return KeyPackage(*private_and_public(decode(EncKeyWithID, content).private_key))
        return KeyPackage(*private_and_public(decode(OneAsymmetricKey, first_object(content))))
    except Malformed:
        raise cannot_open() from None


def seal_private_key(
    private_key_info: bytes,
    recipient: Recipient,
    entropy: Entropy,
    signer: Signer,
    chain: tuple[Certificate, ...],
    sealing: Sealing = _V3,
) -> bytes:
    """The EncryptedKey (DER) with a key that we made for somebody, signed for by the authority of `chain` (CMP v3)."""
    package = make_key_package(private_key_info, signer, chain)
    envelope = seal_envelope(SIGNED_DATA, package, recipient, entropy, sealing)
    return ENCRYPTED_KEY.encode(Chosen("envelopedData", envelope))


def seal_private_key_v2(private_key_info: bytes, public_key_info: bytes, entropy: Entropy) -> bytes:
    """The same as an EncryptedValue, for CMP v1 and v2: RSA recipients only (ProtocolError)."""
    value = seal_encrypted_value(private_key_info, public_key_info, entropy, intended=_algorithm(private_key_info))
    return ENCRYPTED_KEY.encode(Chosen("encryptedValue", value))


def backup_control(
    private_key_info: bytes, ca: Certificate, entropy: Entropy, *, identifier: bytes | None, enveloped: bool
) -> Control:
    """The pkiArchiveOptions control with our private key for the CA's encryption certificate.

    `enveloped` is CMP v3's way, with `identifier` (UTF8String or GeneralName, DER) saying whose key it is; otherwise an
    EncryptedValue. ProtocolError where the CA's key cannot be encrypted to in that way.
    """
    if enveloped:
        key = EncKeyWithID(private_key=decode(OneAsymmetricKey, private_key_info), identifier=identifier)
        recipient: KeyRecipient = recipient_of(ca)
        sealed = Chosen("envelopedData", seal_envelope(ENC_KEY_WITH_ID, encode(key), recipient, entropy))
    else:
        value = seal_encrypted_value(
            private_key_info, ca.public_key_info, entropy, intended=_algorithm(private_key_info)
        )
        sealed = Chosen("encryptedValue", value)
    return Control(
        type=PKI_ARCHIVE_OPTIONS_CONTROL, value=PKI_ARCHIVE_OPTIONS.encode(Chosen("encryptedPrivKey", sealed))
    )


def _algorithm(private_key_info: bytes) -> AlgorithmIdentifier:
    return decode(OneAsymmetricKey, private_key_info).private_key_algorithm
