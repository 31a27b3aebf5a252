"""Private keys as octets: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 §A.1.2), SEC 1 (RFC 5915), PEM or DER, plain or sealed.

What a file is follows from its content, never from its name. Nothing of the content appears in an error: a file that
is not a key may be anything. Reading and writing the files themselves is left to runner.keystores.files.
"""

from __future__ import annotations

import base64
import textwrap
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from runner.errors import KeyStoreError
from runner.pki.signing import PrivateKey

if TYPE_CHECKING:
    from runner.keystores.sealing import Seal

_PEM_MARK = b"-----BEGIN "
_OTHER_PEM = {
    b"OPENSSH PRIVATE KEY": (
        "it is a key in OpenSSH's own format",
        "convert a copy with ssh-keygen -p -m PKCS8 -f COPY",
    ),
    b"CERTIFICATE": ("it holds a certificate", "give the path of the private key that belongs to it"),
    b"CERTIFICATE REQUEST": ("it holds a certificate request", "give the path of the private key that belongs to it"),
    b"PUBLIC KEY": ("it holds a public key only", "give the path of the private half"),
}
"""PEM labels that people mix up with a private key's → why it is none, and the next step."""


def read_private_key(octets: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """The key in `octets`; the passphrase of a key that is not sealed is ignored, as other tools do.

    Raises KeyStoreError: it needs a passphrase, the passphrase is wrong, it is no private key, or none that signs.
    """
    try:
        key = _load(octets, None)
    except TypeError:  # how `cryptography` says "Password was not given but private key is encrypted"
        key = _opened(octets, passphrase)
    except UnsupportedAlgorithm:
        raise _not_supported() from None
    except ValueError:
        raise _not_a_key(octets) from None
    return _fit_to_sign(key)


def _opened(octets: bytes, passphrase: bytes | None) -> object:
    if not passphrase:
        raise KeyStoreError(
            "the private key is sealed and needs a passphrase",
            next_step="add it to the key URL as a reference: file://${env:VARIABLE}/path",
        )
    try:
        return _load(octets, passphrase)
    except UnsupportedAlgorithm:
        raise _not_supported() from None
    except ValueError:
        raise KeyStoreError(
            "the passphrase does not open the private key",
            why="the passphrase is wrong, the file is damaged, or its cipher is not supported",
            next_step="check the passphrase that the key URL refers to; openssl pkey -in FILE judges the file",
        ) from None


def is_sealed(octets: bytes) -> bool:
    """Whether this is a private key under a passphrase; no passphrase is needed to tell."""
    try:
        _load(octets, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def write_private_key(key: PrivateKey, savetype: str, seal: Seal | None = None) -> bytes:
    """A key as PEM: `pkcs8`, `pkcs8s` (PKCS#8 under the seal) or `pkcs1` (RSA only).

    Raises KeyStoreError where the key or the seal does not go with the save type.
    """
    if (savetype == "pkcs8s") != (seal is not None):
        raise KeyStoreError("the save type pkcs8s needs a passphrase, and no other takes one")
    if seal is not None:
        info = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _pem("ENCRYPTED PRIVATE KEY", seal.close(info))
    if savetype == "pkcs8":
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if savetype == "pkcs1" and isinstance(key, RSAPrivateKey):
        return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    raise KeyStoreError(f"this key cannot be saved as {savetype}", next_step="use pkcs8 or pkcs8s")


def _load(octets: bytes, passphrase: bytes | None) -> object:
    """As `cryptography` reads it. Its check of RSA keys takes 0.3 s (4096 bits); _is_consistent replaces it."""
    load = load_pem_private_key if _PEM_MARK in octets else load_der_private_key
    return load(octets, passphrase, unsafe_skip_rsa_key_validation=True)


def _fit_to_sign(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise KeyStoreError(
            "the private key is of a kind that cannot sign requests", next_step="use an RSA, EC, Ed25519 or Ed448 key"
        )
    if isinstance(key, RSAPrivateKey) and not _is_consistent(key):
        raise KeyStoreError(
            "the private key is damaged", why="its numbers contradict each other", next_step="restore it from a backup"
        )
    return key


def _is_consistent(key: RSAPrivateKey) -> bool:
    """Whether the numbers of an RSA key belong together (RFC 8017 §3.2), so that no damaged one is ever used.

    That p and q are primes is not asked: whoever can forge a key file so that all of this holds has a key of his own.
    """
    numbers = key.private_numbers()
    p, q, d, public = numbers.p, numbers.q, numbers.d, numbers.public_numbers
    return (
        public.n == p * q
        and public.e * d % (p - 1) == public.e * d % (q - 1) == 1
        and (numbers.dmp1, numbers.dmq1) == (d % (p - 1), d % (q - 1))
        and numbers.iqmp * q % p == 1
    )


def _not_supported() -> KeyStoreError:
    return KeyStoreError(
        "the private key is of a kind, or sealed in a way, that is not supported",
        next_step="use an RSA, EC, Ed25519 or Ed448 key; openssl pkcs8 -topk8 seals it in a way that is",
    )


def _not_a_key(octets: bytes) -> KeyStoreError:
    why, next_step = (
        "neither PKCS#8, PKCS#1 nor SEC 1, in PEM or DER",
        "check the path, or convert it with openssl pkey",
    )
    for label, words in _OTHER_PEM.items():
        if _PEM_MARK + label + b"-----" in octets:
            why, next_step = words
            break
    return KeyStoreError("it is not a private key that can be read", why=why, next_step=next_step)


def _pem(label: str, der: bytes) -> bytes:
    """The textual encoding of RFC 7468."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode("ascii")
