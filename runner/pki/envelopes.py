"""Envelopes opened and sealed: EnvelopedData and AuthEnvelopedData (RFC 5652 §6, RFC 5083).

An envelope that we open has one recipient. One that we seal suits the recipient's key: RSA by key transport, EC,
X25519 and X448 by an ephemeral key agreement, ML-KEM by encapsulation, a shared secret by PBKDF2.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x448, x25519

from runner.asn1.algorithms import DER_NULL, MGF1, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.cms import (
    ATTRIBUTES,
    ORI_KEM,
    AuthEnvelopedData,
    EncryptedContentInfo,
    EnvelopedData,
    IssuerAndSerialNumber,
    KEMRecipientInfo,
    KeyAgreeRecipientInfo,
    KeyTransRecipientInfo,
    OriginatorPublicKey,
    OtherRecipientInfo,
    PasswordRecipientInfo,
    RecipientEncryptedKey,
    RecipientKeyIdentifier,
)
from runner.asn1.parameters import PBKDF2, RSAES_OAEP, PBKDF2Params, RSAESOAEPParams
from runner.asn1.structures import Chosen, decode, encode
from runner.asn1.x509 import NULL_DN, SubjectPublicKeyInfo
from runner.errors import ProtocolError
from runner.pki.ciphers import CIPHERS, decrypt, encrypt, key_octets, wrap
from runner.pki.extensions import subject_key_identifier_in
from runner.pki.kems import encapsulate
from runner.pki.opening import PrivateKeyDecrypter, rsa_padding
from runner.pki.recipients import Opener, agreement_keys, content_key, kem_wrap_key
from runner.pki.signing import load_public_key
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.ambient import Entropy
    from runner.pki.certificates import Certificate
    from runner.pki.macs import SharedSecret

_AES256_WRAP = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.1.45")
_WRAP_KEY_OCTETS = 32
_SHA256 = AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1", parameters=DER_NULL)
_OAEP = AlgorithmIdentifier(
    algorithm=RSAES_OAEP,
    parameters=encode(
        RSAESOAEPParams(
            hash_func=_SHA256, mask_gen_func=AlgorithmIdentifier(algorithm=MGF1, parameters=encode(_SHA256))
        )
    ),
)
_PKCS1 = AlgorithmIdentifier(algorithm=RSA_ENCRYPTION, parameters=DER_NULL)
_HKDF_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.1.9.16.3.28")
_HMAC_SHA256 = AlgorithmIdentifier(algorithm="1.2.840.113549.2.9", parameters=DER_NULL)
_SCHEMES = {"secp384r1": "1.3.132.1.11.2", "secp521r1": "1.3.132.1.11.3"}
_DEFAULT_SCHEME = "1.3.132.1.11.1"
_X25519_SCHEME = "1.2.840.113549.1.9.16.3.19"
_X448_SCHEME = "1.2.840.113549.1.9.16.3.21"
_SALT_OCTETS = 16
SEALING_ITERATIONS = 10_000
"""PBKDF2 iterations that we ask of the other side: what all servers accept."""


@frozen
class KeyRecipient:
    """Somebody with a private key: the public one (SubjectPublicKeyInfo, DER), and how the envelope calls him."""

    public_key_info: bytes = field(repr=False)
    rid: Chosen
    """RecipientIdentifier."""


@frozen
class SecretRecipient:
    """Somebody who knows a shared secret."""

    secret: SharedSecret
    iterations: int = SEALING_ITERATIONS


Recipient = KeyRecipient | SecretRecipient


@frozen
class Sealing:
    """How to seal: a cipher of CIPHERS, and for RSA keys `oaep` or `pkcs1`."""

    cipher: str = "aes256-cbc"
    key_transport: str = "oaep"


def recipient_of(certificate: Certificate) -> KeyRecipient:
    """The holder of a certificate, by its SubjectKeyIdentifier or else by issuer and serial number."""
    identifier = subject_key_identifier_in(certificate.extensions)
    if identifier is not None:
        return KeyRecipient(certificate.public_key_info, Chosen("subjectKeyIdentifier", identifier))
    name = IssuerAndSerialNumber(issuer=certificate.issuer.der, serial_number=certificate.serial)
    return KeyRecipient(certificate.public_key_info, Chosen("issuerAndSerialNumber", name))


def recipient_of_request(public_key_info: bytes, cert_req_id: int) -> KeyRecipient:
    """The holder of a key that has no certificate yet: NULL-DN and certReqId (RFC 9810 §5.2.8.3.3)."""
    name = IssuerAndSerialNumber(issuer=NULL_DN, serial_number=cert_req_id)
    return KeyRecipient(public_key_info, Chosen("issuerAndSerialNumber", name))


def open_envelope(
    envelope: EnvelopedData | AuthEnvelopedData, opener: Opener, originators: Iterable[Certificate] = ()
) -> bytes:
    """The content. `originators` are certificates that a static key agreement may point at.

    Unauthentic or ProtocolError with a reason where the envelope is not for us or in an unknown manner; one and the
    same ProtocolError for everything that fails once a key is in play.
    """
    if len(envelope.recipient_infos) != 1:
        raise ProtocolError("an envelope for us has one recipient", why=f"it has {len(envelope.recipient_infos)}")
    if isinstance(envelope, EnvelopedData):
        inside, tag, aad = envelope.encrypted_content_info, None, b""
    else:
        inside, tag = envelope.auth_encrypted_content_info, envelope.mac
        aad = ATTRIBUTES.encode(envelope.auth_attrs) if envelope.auth_attrs else b""
    if inside.encrypted_content is None:
        raise ProtocolError("an envelope is empty")
    key = content_key(envelope.recipient_infos[0], opener, inside.content_encryption_algorithm, originators)
    return decrypt(inside.content_encryption_algorithm, key, inside.encrypted_content, tag, aad)


def seal_envelope(
    content_type: str, content: bytes, recipient: Recipient, entropy: Entropy, sealing: Sealing = Sealing()
) -> EnvelopedData:
    """`content` (an object identifier says of which type) sealed for one recipient.

    ProtocolError where the recipient's key is of no kind that can be encrypted to.
    """
    algorithm = AlgorithmIdentifier(algorithm=CIPHERS[sealing.cipher])
    key = entropy.octets(key_octets(algorithm))
    algorithm, encrypted = encrypt(sealing.cipher, key, content, entropy)
    info = EncryptedContentInfo(
        content_type=content_type, content_encryption_algorithm=algorithm, encrypted_content=encrypted
    )
    if isinstance(recipient, SecretRecipient):
        to = _for_secret(recipient, key, entropy)
    else:
        to = _for_key(recipient, key, sealing)
    return EnvelopedData(version=_version(to), recipient_infos=(to,), encrypted_content_info=info)


def _version(recipient: Chosen) -> int:
    """RFC 5652 §6.1."""
    if recipient.name in ("pwri", "ori"):
        return 3
    return 0 if recipient.value.version == 0 else 2


def _for_key(recipient: KeyRecipient, key: bytes, sealing: Sealing) -> Chosen:
    public = load_public_key(recipient.public_key_info)
    if isinstance(public, rsa.RSAPublicKey):
        return _transport(recipient, public, key, sealing)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return _agreement(recipient, ec.generate_private_key(public.curve), key)
    if isinstance(public, x25519.X25519PublicKey):
        return _agreement(recipient, x25519.X25519PrivateKey.generate(), key)
    if isinstance(public, x448.X448PublicKey):
        return _agreement(recipient, x448.X448PrivateKey.generate(), key)
    if isinstance(public, mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey):
        return _encapsulation(recipient, key)
    raise ProtocolError("the recipient's key only signs: nothing can be encrypted to it")


def key_transport(public: rsa.RSAPublicKey, key: bytes, manner: str) -> tuple[AlgorithmIdentifier, bytes]:
    """A symmetric key under an RSA key, `oaep` (SHA-256) or `pkcs1`: (the algorithm, the encrypted key)."""
    algorithm = _OAEP if manner == "oaep" else _PKCS1
    return algorithm, public.encrypt(key, rsa_padding(algorithm))


def _transport(recipient: KeyRecipient, public: rsa.RSAPublicKey, key: bytes, sealing: Sealing) -> Chosen:
    algorithm, encrypted = key_transport(public, key, sealing.key_transport)
    version = 2 if recipient.rid.name == "subjectKeyIdentifier" else 0
    return Chosen(
        "ktri",
        KeyTransRecipientInfo(
            version=version, rid=recipient.rid, key_encryption_algorithm=algorithm, encrypted_key=encrypted
        ),
    )


def _agreement(
    recipient: KeyRecipient,
    fresh: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey,
    key: bytes,
) -> Chosen:
    scheme, ours = _scheme(fresh), PrivateKeyDecrypter(fresh)
    kek = agreement_keys(scheme, _AES256_WRAP, None)(ours.agree(recipient.public_key_info))[0]
    rid = recipient.rid
    if rid.name == "subjectKeyIdentifier":
        rid = Chosen("rKeyId", RecipientKeyIdentifier(subject_key_identifier=rid.value))
    public = decode(SubjectPublicKeyInfo, ours.public_key_info)
    return Chosen(
        "kari",
        KeyAgreeRecipientInfo(
            version=3,
            originator=Chosen(
                "originatorKey", OriginatorPublicKey(algorithm=public.algorithm, public_key=public.subject_public_key)
            ),
            key_encryption_algorithm=AlgorithmIdentifier(algorithm=scheme, parameters=encode(_AES256_WRAP)),
            recipient_encrypted_keys=(RecipientEncryptedKey(rid=rid, encrypted_key=wrap(_AES256_WRAP, kek, key)),),
        ),
    )


def _scheme(key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _SCHEMES.get(key.curve.name, _DEFAULT_SCHEME)
    return _X25519_SCHEME if isinstance(key, x25519.X25519PrivateKey) else _X448_SCHEME


def _encapsulation(recipient: KeyRecipient, key: bytes) -> Chosen:
    secret, ciphertext = encapsulate(recipient.public_key_info)
    kek = kem_wrap_key(_HKDF_SHA256, _AES256_WRAP, None, secret)
    info = KEMRecipientInfo(
        version=0,
        rid=recipient.rid,
        kem=ciphertext.kem,
        kemct=ciphertext.ct,
        kdf=_HKDF_SHA256,
        kek_length=_WRAP_KEY_OCTETS,
        wrap=_AES256_WRAP,
        encrypted_key=wrap(_AES256_WRAP, kek, key),
    )
    return Chosen("ori", OtherRecipientInfo(ori_type=ORI_KEM, ori_value=encode(info)))


def _for_secret(recipient: SecretRecipient, key: bytes, entropy: Entropy) -> Chosen:
    """PBKDF2 with a salt of its own and AES Key Wrap, as RFC 9483 §4.1.6.3 has it."""
    parameters = PBKDF2Params(
        salt=entropy.octets(_SALT_OCTETS),
        iteration_count=recipient.iterations,
        key_length=_WRAP_KEY_OCTETS,
        prf=_HMAC_SHA256,
    )
    kek = recipient.secret.pbkdf2_key(parameters, _WRAP_KEY_OCTETS)
    return Chosen(
        "pwri",
        PasswordRecipientInfo(
            version=0,
            key_derivation_algorithm=AlgorithmIdentifier(algorithm=PBKDF2, parameters=encode(parameters)),
            key_encryption_algorithm=_AES256_WRAP,
            encrypted_key=wrap(_AES256_WRAP, kek, key),
        ),
    )
