"""PKCS#12 (RFC 7292): a key under a passphrase, with or without its certificates, in a modern and a legacy profile.

Modern is PBES2 with AES-256 and a MAC with SHA-256; legacy is 3DES and a MAC with SHA-1, for readers that are older
than about 2018. Everything is under the MAC, so that a damaged file is always found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PBES,
    load_pkcs12,
    serialize_key_and_certificates,
)

from runner.asn1.pkcs12 import PFX
from runner.asn1.structures import decode
from runner.errors import Malformed
from runner.keystores.quietly import quietly
from runner.keystores.refusals import cannot_hold, does_not_open, needs_passphrase, not_supported
from runner.keystores.soundness import sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    from runner.keystores.sealing import Seal
    from runner.pki.certificates import Certificate

MODERN, LEGACY = "modern", "legacy"
_VERSION = 3
_CONTENTS = ("1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2")
"""data and signedData: kept under a password, and under a signature."""
_ROUNDS = {MODERN: 100_000, LEGACY: 2048}
"""Iterations. Java before 8u301 takes long over many, and legacy readers refuse more than they know."""
_KINDS = (
    rsa.RSAPrivateKey,
    dsa.DSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
)


def recognises(octets: bytes) -> bool:
    """Whether this is a PFX."""
    try:
        found = decode(PFX, octets)
    except Malformed:
        return False
    return found.version == _VERSION and found.auth_safe.content_type in _CONTENTS


def is_sealed(octets: bytes) -> bool:
    """Whether it needs a passphrase; one without any has no MAC either, or the empty passphrase."""
    try:
        quietly(lambda: load_pkcs12(octets, None))
    except (ValueError, TypeError):
        return True
    return False


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """The key in it. Raises KeyStoreError."""
    if not passphrase and is_sealed(octets):
        raise needs_passphrase()
    try:
        found = quietly(lambda: load_pkcs12(octets, passphrase or None))
    except ValueError:
        raise does_not_open() from None
    if found.key is None:
        raise not_supported("there is no key in it, or one of a kind that is not known here")
    return sound(found.key)


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key alone. KeyStoreError without a seal, and for kinds that PKCS#12 readers do not know."""
    if seal is None:
        raise cannot_hold("pkcs12 without a passphrase")
    return store(key, (), seal.passphrase, rounds=seal.sealing.rounds)


def store(
    key: PrivateKeyTypes,
    path: Sequence[Certificate],
    passphrase: bytes,
    *,
    name: str = "",
    profile: str = MODERN,
    rounds: int = 0,
) -> bytes:
    """The key with `path`: its certificate first, then those of the CAs. `name` is the friendly name."""
    if not isinstance(key, _KINDS):
        raise cannot_hold("pkcs12")
    certificates = [x509.load_der_x509_certificate(certificate.der) for certificate in path]
    return serialize_key_and_certificates(
        name.encode() or None,
        key,
        certificates[0] if certificates else None,
        certificates[1:] or None,
        _protection(passphrase, profile, rounds or _ROUNDS[profile]),
    )


def _protection(passphrase: bytes, profile: str, rounds: int) -> KeySerializationEncryption:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
    if profile == LEGACY:
        sha1 = SHA1()  # noqa: S303 - what the readers of this profile know
        return builder.key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(sha1).build(passphrase)
    return builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(SHA256()).build(passphrase)
