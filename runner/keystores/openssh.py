"""OpenSSH's own private keys (`openssh`, PROTOCOL.key of OpenSSH): RSA, DSA of 1024 bits, NIST curves, Ed25519.

`cryptography` reads and writes them; what it leaves unsaid is here: sealed or not, and whether the two halves belong
together. A passphrase goes through bcrypt.
"""

from __future__ import annotations

from base64 import b64decode
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from runner.keystores.octetreader import OctetReader, Short
from runner.keystores.quietly import quietly
from runner.keystores.refusals import cannot_hold, damaged, does_not_open, needs_passphrase, not_supported
from runner.keystores.soundness import sound

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    from runner.keystores.sealing import Seal

_PEM = regex(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----", DOTALL)
_MAGIC = b"openssh-key-v1\0"
DEFAULT_ROUNDS = 16
"""What ssh-keygen uses."""
_KINDS = (rsa.RSAPrivateKey, dsa.DSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)


def recognises(octets: bytes) -> bool:
    """Whether this is such a file."""
    return b"-----BEGIN OPENSSH PRIVATE KEY-----" in octets


def is_sealed(octets: bytes) -> bool:
    """Whether its cipher is another than `none`."""
    return _head(octets)[0] != b"none"


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """The key in it. Raises KeyStoreError."""
    cipher, public = _head(octets)
    sealed = cipher != b"none"
    if sealed and not passphrase:
        raise needs_passphrase()
    try:
        key = quietly(lambda: load_ssh_private_key(octets, passphrase if sealed else None))
    except UnsupportedAlgorithm:
        raise not_supported("its cipher or its kind of key is not known here") from None
    except (ValueError, TypeError, NotImplementedError):
        raise (does_not_open() if sealed else damaged("its two halves or its lengths contradict each other")) from None
    if not isinstance(key, _KINDS):
        raise not_supported("its key is kept in a device")
    if _public(key) != public:
        raise damaged("its private and its public half do not belong together")
    return sound(key)


def _head(octets: bytes) -> tuple[bytes, bytes]:
    """The cipher and the public key, neither of which is sealed."""
    armour = _PEM.search(octets)
    try:
        reader = OctetReader(b64decode(b"".join(armour[1].split()), validate=True) if armour else b"")
        magic, cipher = reader.take(len(_MAGIC)), reader.string()
        reader.string(), reader.string()  # the name of the derivation, and its options
        count, public = reader.uint(4), reader.string()
    except (ValueError, Short):
        raise damaged("what its armour holds is no OpenSSH key") from None
    if (magic, count) != (_MAGIC, 1):
        raise damaged("what its armour holds is no OpenSSH key")
    return cipher, public


def _public(key: PrivateKeyTypes) -> bytes:
    """The public half as it stands in such files."""
    line = quietly(lambda: key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return b64decode(line.split()[1])


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key as such a file, under bcrypt and AES where there is a seal. KeyStoreError where it cannot be held."""
    protection: KeySerializationEncryption = NoEncryption()
    if seal is not None:
        rounds = seal.sealing.rounds or DEFAULT_ROUNDS
        protection = PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(rounds).build(seal.passphrase)
    try:
        return quietly(lambda: key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, protection))
    except ValueError:
        raise cannot_hold("openssh") from None
