"""PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 §A.1.2) and SEC 1 (RFC 5915) private keys, PEM or DER, plain or sealed.

Read by `cryptography`, which opens PBES2 with PBKDF2 or scrypt, PBES1, the old PKCS#12 ciphers and OpenSSL's own PEM
encryption. The post-quantum private keys that it does not read are left to runner.keystores.postquantum.

DSA, Ed25519, ML-DSA and their like have no redundancy there: any octets are a key. So that a damaged file of ours
never gives a wrong key, they end with the SHA-256 of the public half, behind the armour, where readers do not look.
"""

from __future__ import annotations

import hashlib
from re import compile as regex
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from runner.errors import KeyStoreError
from runner.keystores.refusals import cannot_hold, damaged, does_not_open, needs_passphrase, not_supported
from runner.keystores.soundness import sound
from runner.pki.certificates import to_pem
from runner.pki.signing import public_info

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal

_PEM_MARK, _PEM_END = b"-----BEGIN ", b"-----END "
_NOTE = b"Public-Key-SHA256: "
_NOTED = regex(rb"(?m)^" + _NOTE + rb"([0-9a-f]{64})\r?$")
_REDUNDANT = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)
"""Keys whose numbers can contradict each other in PKCS#8, which leaves out the public half of DSA keys."""
_OTHER_PEM = {
    b"CERTIFICATE": ("it holds a certificate", "give the path of the private key that belongs to it"),
    b"CERTIFICATE REQUEST": ("it holds a certificate request", "give the path of the private key that belongs to it"),
    b"PUBLIC KEY": ("it holds a public key only", "give the path of the private half"),
}
"""PEM labels that people mix up with a private key's → why it is none, and the next step."""


def is_sealed(octets: bytes) -> bool:
    """Whether this is a private key under a passphrase; no passphrase is needed to tell."""
    try:
        _load(octets, None)
    except TypeError:  # how `cryptography` says "Password was not given but private key is encrypted"
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """The key in it; the passphrase of a key that is not sealed is ignored, as other tools do. KeyStoreError."""
    try:
        key = _load(octets, None)
    except TypeError:
        key = _opened(octets, passphrase)
    except UnsupportedAlgorithm:
        raise not_supported() from None
    except ValueError:
        postquantum = _postquantum(octets, None)
        if postquantum is None:
            raise _not_a_key(octets) from None
        key = postquantum
    return _as_noted(octets, sound(key))


def _opened(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    if not passphrase:
        raise needs_passphrase()
    try:
        return _load(octets, passphrase)
    except UnsupportedAlgorithm:
        raise not_supported() from None
    except ValueError:
        postquantum = _postquantum(octets, passphrase)
        if postquantum is None:
            raise does_not_open() from None
        return postquantum


def _postquantum(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes | None:
    """A key that `cryptography` does not read."""
    from runner.keystores.postquantum import read_postquantum  # noqa: PLC0415 - few files are such

    return read_postquantum(octets, passphrase)


def _load(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    """As `cryptography` reads it. Its check of RSA keys takes 0.3 s (4096 bits); soundness.sound replaces it."""
    load = load_pem_private_key if _PEM_MARK in octets else load_der_private_key
    return load(octets, passphrase, unsafe_skip_rsa_key_validation=True)


def _as_noted(octets: bytes, key: PrivateKeyTypes) -> PrivateKeyTypes:
    noted = _NOTED.search(octets.rpartition(_PEM_END)[2])
    if noted is not None and noted[1] != _digest(key):
        raise damaged("its public half is not the one that the file names behind it")
    return key


def _digest(key: PrivateKeyTypes) -> bytes:
    return hashlib.sha256(public_info(key)).hexdigest().encode()


def _not_a_key(octets: bytes) -> KeyStoreError:
    why, next_step = (
        "neither PKCS#8, PKCS#1, SEC 1 nor any other format that is known",
        "check the path, or convert it with openssl pkey",
    )
    for label, words in _OTHER_PEM.items():
        if _PEM_MARK + label + b"-----" in octets:
            why, next_step = words
            break
    return KeyStoreError("it is not a private key that can be read", why=why, next_step=next_step)


def write_pkcs8(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """PrivateKeyInfo, or EncryptedPrivateKeyInfo where there is a seal."""
    info = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    pem = to_pem(info, "PRIVATE KEY") if seal is None else to_pem(seal.close(info), "ENCRYPTED PRIVATE KEY")
    return pem if isinstance(key, _REDUNDANT) else pem + _NOTE + _digest(key) + b"\n"


def write_traditional(key: PrivateKeyTypes, savetype: str) -> bytes:
    """PKCS#1 (`pkcs1`: RSA, and DSA as OpenSSL has it) or SEC 1 (`sec1`: EC). KeyStoreError for other keys."""
    kinds = {"pkcs1": (rsa.RSAPrivateKey, dsa.DSAPrivateKey), "sec1": (ec.EllipticCurvePrivateKey,)}
    if not isinstance(key, kinds[savetype]):
        raise cannot_hold(savetype)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
