"""One RecipientInfo opened: from our key or secret to the content-encryption key.

RFC 5652 §6.2 (ktri, kari, pwri), RFC 5753 and RFC 8418 (ECDH), RFC 9629 (KEM), RFC 9483 §4.1.6. Recipient identifiers
are not compared: CAs fill them with the certificate that does not exist yet. What is told about is public; what
fails with a key in play is the one error of opening.py. Sealing is in sealing.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runner.asn1.algorithms import RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.cms import (
    ORI_KEM,
    CMSORIforKEMOtherInfo,
    KEMRecipientInfo,
    KeyAgreeRecipientInfo,
    KeyTransRecipientInfo,
    OtherRecipientInfo,
    PasswordRecipientInfo,
)
from runner.asn1.infotypes import KemCiphertextInfo
from runner.asn1.parameters import ECCCMSSharedInfo
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import ProtocolError, Unauthentic
from runner.pki.ciphers import PWRI_KEK, key_octets, unwrap, unwrap_password, wrap_octets
from runner.pki.derivation import check_kdf, derive, hkdf, pbkdf2_parameters, x963
from runner.pki.extensions import subject_key_identifier_in
from runner.pki.kems import decapsulate, key_algorithm
from runner.pki.macs import SharedSecret
from runner.pki.opening import Decrypter, cannot_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runner.asn1.structures import Chosen
    from runner.pki.certificates import Certificate

Opener = Decrypter | SharedSecret
"""What opens an envelope: a private key, or a secret (pwri)."""
X963_SCHEMES = {
    "1.3.133.16.840.63.0.2": "sha1",
    "1.3.132.1.11.0": "sha224",
    "1.3.132.1.11.1": "sha256",
    "1.3.132.1.11.2": "sha384",
    "1.3.132.1.11.3": "sha512",
    "1.3.133.16.840.63.0.3": "sha1",
    "1.3.132.1.14.0": "sha224",
    "1.3.132.1.14.1": "sha256",
    "1.3.132.1.14.2": "sha384",
    "1.3.132.1.14.3": "sha512",
}
"""dhSinglePass-stdDH and -cofactorDH with the KDF of X9.63 (RFC 5753); on curves of cofactor 1 both are the same."""
HKDF_SCHEMES = {
    "1.2.840.113549.1.9.16.3.19": "sha256",
    "1.2.840.113549.1.9.16.3.20": "sha384",
    "1.2.840.113549.1.9.16.3.21": "sha512",
}
"""dhSinglePass-stdDH with HKDF (RFC 8418 §2.2)."""


def content_key(
    info: Chosen, opener: Opener, content_cipher: AlgorithmIdentifier, originators: Iterable[Certificate]
) -> bytes:
    """The content-encryption key for `opener`; ProtocolError where it cannot be had.

    `originators` are certificates that a static originator of a kari may point at.
    """
    size = key_octets(content_cipher)
    if isinstance(opener, SharedSecret):
        if info.name != "pwri":
            raise _unfit("it is for a key, and we have a shared secret")
        key = _by_password(info.value, opener)
    elif info.name == "ktri":
        key = _transported(info.value, opener, size)
    elif info.name == "kari":
        key = _agreed(info.value, opener, originators)
    elif info.name == "ori":
        key = _encapsulated(info.value, opener)
    else:
        raise _unfit("it is for holders of a shared secret, and we have a key")
    if len(key) != size:
        raise cannot_open()
    return key


def _unfit(why: str) -> ProtocolError:
    return ProtocolError("what was encrypted is not for us", why=why)


def transported_key(opener: Decrypter, algorithm: AlgorithmIdentifier, encrypted: bytes, size: int) -> bytes:
    """A symmetric key of `size` octets under an RSA key.

    With PKCS#1 v1.5 nothing may tell a wrong padding from a right one: rubbish, or a failure where a token or an old
    library does not reject implicitly, becomes a random key.
    """
    if algorithm.algorithm != RSA_ENCRYPTION:
        return opener.decrypt(algorithm, encrypted)
    instead = AESGCM.generate_key(size * 8)
    try:
        key = opener.decrypt(algorithm, encrypted)
    except ProtocolError:
        return instead
    return key if len(key) == size else instead


def _transported(info: KeyTransRecipientInfo, opener: Decrypter, size: int) -> bytes:
    return transported_key(opener, info.key_encryption_algorithm, info.encrypted_key, size)


def _agreed(info: KeyAgreeRecipientInfo, opener: Decrypter, originators: Iterable[Certificate]) -> bytes:
    if len(info.recipient_encrypted_keys) != 1:
        raise _unfit("it is for several recipients")
    scheme = info.key_encryption_algorithm
    if scheme.parameters is None:
        raise Unauthentic("a key agreement does not say how the key is wrapped")
    wrap = decode(AlgorithmIdentifier, scheme.parameters)
    keys = agreement_keys(scheme.algorithm, wrap, info.ukm)
    secret = opener.agree(_originator(info.originator, opener, originators))
    return _first_that_unwraps(wrap, keys(secret), info.recipient_encrypted_keys[0].encrypted_key)


def _first_that_unwraps(wrap: AlgorithmIdentifier, keks: Iterable[bytes], wrapped: bytes) -> bytes:
    for kek in keks:
        try:
            return unwrap(wrap, kek, wrapped)
        except ProtocolError:
            continue
    raise cannot_open()


def agreement_keys(scheme: str, wrap: AlgorithmIdentifier, ukm: bytes | None) -> Callable[[bytes], tuple[bytes, ...]]:
    """Shared secret → the key-encryption keys that it may mean, the standard's own first (RFC 5753 §7.2, RFC 8418).

    RFC 8418 makes the ukm HKDF's salt; Bouncy Castle up to 1.86 leaves the salt out. AES Key Wrap tells them apart.
    """
    size = wrap_octets(wrap)
    bits = (size * 8).to_bytes(4, "big")
    shared = encode(ECCCMSSharedInfo(key_info=wrap, entity_u_info=ukm, supp_pub_info=bits))
    if scheme in X963_SCHEMES:
        return lambda secret: (x963(X963_SCHEMES[scheme], secret, size, shared),)
    if scheme in HKDF_SCHEMES:
        salts = (None,) if ukm is None else (ukm, None)
        return lambda secret: tuple(hkdf(HKDF_SCHEMES[scheme], secret, size, shared, salt) for salt in salts)
    raise Unauthentic("a key agreement that we do not know", why=scheme)


def _originator(originator: Chosen, opener: Decrypter, known: Iterable[Certificate]) -> bytes:
    """The originator's SubjectPublicKeyInfo: a fresh key in the envelope, or that of a certificate it points at."""
    if originator.name == "originatorKey":
        algorithm = key_algorithm(opener.public_key_info)
        if originator.value.algorithm.algorithm == algorithm.algorithm:
            # the curve may be left out there (RFC 5753 §3.1.1): it is that of our key
            return encode(SubjectPublicKeyInfo(algorithm=algorithm, subject_public_key=originator.value.public_key))
        raise cannot_open()
    for certificate in known:
        if is_identified(originator, certificate):
            return certificate.public_key_info
    raise Unauthentic("the certificate that a key was agreed with is not known")


def is_identified(identifier: Chosen, certificate: Certificate) -> bool:
    """Whether an IssuerAndSerialNumber or a SubjectKeyIdentifier points at a certificate."""
    if identifier.name == "subjectKeyIdentifier":
        return bool(subject_key_identifier_in(certificate.extensions) == identifier.value)
    return (identifier.value.issuer, identifier.value.serial_number) == (certificate.issuer.der, certificate.serial)


def _by_password(info: PasswordRecipientInfo, secret: SharedSecret) -> bytes:
    if info.key_derivation_algorithm is None:
        raise Unauthentic("a key under a password does not say how it is derived")
    parameters = pbkdf2_parameters(info.key_derivation_algorithm, secret.max_iterations)
    algorithm = info.key_encryption_algorithm
    if algorithm.algorithm != PWRI_KEK:
        return unwrap(algorithm, secret.pbkdf2_key(parameters, wrap_octets(algorithm)), info.encrypted_key)
    if algorithm.parameters is None:
        raise Unauthentic("a key under a password does not say how it is wrapped")
    inner = decode(AlgorithmIdentifier, algorithm.parameters)
    return unwrap_password(inner, secret.pbkdf2_key(parameters, key_octets(inner)), info.encrypted_key)


def _encapsulated(info: OtherRecipientInfo, opener: Decrypter) -> bytes:
    if info.ori_type != ORI_KEM:
        raise _unfit(f"it is for a kind of recipient that we do not know ({info.ori_type})")
    kem = decode(KEMRecipientInfo, info.ori_value)
    size = wrap_octets(kem.wrap)
    if kem.kek_length != size:
        raise Unauthentic("a KEM recipient's key length is not that of its key wrap", why=f"{kem.kek_length} octets")
    check_kdf(kem.kdf)
    secret = decapsulate(opener, KemCiphertextInfo(kem=kem.kem, ct=kem.kemct))
    return unwrap(kem.wrap, kem_wrap_key(kem.kdf, kem.wrap, kem.ukm, secret), kem.encrypted_key)


def kem_wrap_key(kdf: AlgorithmIdentifier, wrap: AlgorithmIdentifier, ukm: bytes | None, secret: bytes) -> bytes:
    """The key-encryption key from a KEM's shared secret (RFC 9629 §5)."""
    size = wrap_octets(wrap)
    return derive(kdf, secret, size, encode(CMSORIforKEMOtherInfo(wrap=wrap, kek_length=size, ukm=ukm)))
