"""Java's own key store (JKS), version 2: a key with its certificates, or trusted certificates. Written only.

The format is Sun's and was never published; it is read off OpenJDK's JavaKeyStore and KeyProtector. What it calls
encryption is SHA-1 laid over the key: a PKCS#12 store protects better, and every Java since 8 reads that too.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from runner.asn1.algorithms import DER_NULL, AlgorithmIdentifier
from runner.asn1.structures import encode
from runner.keystores.sealing import EncryptedPrivateKeyInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.ambient import Entropy
    from runner.pki.certificates import Certificate

_MAGIC = 0xFEEDFEED
_VERSION = 2
_KEY_ENTRY = 1
_SALT = 20
_WHITENER = b"Mighty Aphrodite"
_KEY_PROTECTOR = "1.3.6.1.4.1.42.2.17.1.1"


def store(
    key: PrivateKeyTypes,
    path: Sequence[Certificate],
    passphrase: bytes,
    *,
    name: str,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """A store with one entry: the key, under the same passphrase, and its certificates. `name` is its alias."""
    password = passphrase.decode(errors="replace").encode("utf-16-be")
    info = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = _sealed(info, password, entropy.octets(_SALT))
    entry = _uint(_KEY_ENTRY) + _text(name.lower()) + int(now.timestamp() * 1000).to_bytes(8, "big")
    entry += _uint(len(sealed)) + sealed + _uint(len(path))
    entry += b"".join(_text("X.509") + _uint(len(each.der)) + each.der for each in path)
    whole = _uint(_MAGIC) + _uint(_VERSION) + _uint(1) + entry
    return whole + _sha1(password + _WHITENER + whole)


def _sealed(info: bytes, password: bytes, salt: bytes) -> bytes:
    """KeyProtector: SHA-1 of password and the block before, laid over the key; SHA-1 of both as the check."""
    covered, block = bytearray(), salt
    for at in range(0, len(info), len(salt)):
        block = _sha1(password + block)
        covered += bytes(left ^ right for left, right in zip(info[at : at + len(block)], block, strict=False))
    octets = salt + bytes(covered) + _sha1(password + info)
    algorithm = AlgorithmIdentifier(algorithm=_KEY_PROTECTOR, parameters=DER_NULL)
    return encode(EncryptedPrivateKeyInfo(encryption_algorithm=algorithm, encrypted_data=octets))


def _sha1(octets: bytes) -> bytes:
    return sha1(octets, usedforsecurity=False).digest()


def _uint(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _text(text: str) -> bytes:
    """java.io.DataOutput.writeUTF, for text without NUL and within the Basic Multilingual Plane."""
    octets = text.encode()
    return len(octets).to_bytes(2, "big") + octets
