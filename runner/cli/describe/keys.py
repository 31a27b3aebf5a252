"""Public and private keys described: type, size, and the fingerprint of the public half. Nothing else of a private key.

A sealed key stays sealed: no passphrase is asked for.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from runner.asn1.structures import decode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import KeyStoreError, Malformed
from runner.keystores.formats import is_sealed, read_any_key
from runner.pki.keyspecs import key_spec_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from runner.cli.describe.blocks import Entry

_SEALED = "yes; it stays closed, for no passphrase is asked for"


def public_key_entries(public_key_info: bytes) -> list[Entry]:
    """What a SubjectPublicKeyInfo (DER) says: KeyType, and the SHA-256 that keys are compared by."""
    digest = hashlib.sha256(public_key_info).hexdigest()
    return [("KeyType", key_type(public_key_info)), ("SHA-256", digest)]


def key_type(public_key_info: bytes) -> str:
    """`ec:p256`; the algorithm's object identifier where the key is of no kind that we know."""
    try:
        return str(key_spec_of(public_key_info))
    except Malformed:
        return decode(SubjectPublicKeyInfo, public_key_info).algorithm.algorithm


def describe_public_key(der: bytes) -> Entry:
    """A SubjectPublicKeyInfo or PKCS #1 public key. Malformed where it is not one."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Malformed("not a public key that can be read") from problem
    return "PublicKey", public_key_entries(public_key_info(key))


def public_key_info(key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def describe_private_key(octets: bytes) -> Entry:
    """A private key in any of the formats of key URLs. Malformed where it is not one."""
    if is_sealed(octets):
        return sealed_key()
    try:
        key = read_any_key(octets)
    except KeyStoreError as problem:
        raise Malformed("not a private key that can be read", why=problem.why) from problem
    return "PrivateKey", [("Sealed", "no"), *public_key_entries(public_key_info(key.public_key()))]


def sealed_key() -> Entry:
    """A private key that a passphrase seals."""
    return "PrivateKey", [("Sealed", _SEALED)]
