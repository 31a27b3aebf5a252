"""Private keys as octets, in every format: which one a file is follows from its content, never from its name.

Each foreign format is a module of its own; this one asks them in turn. Nothing of the content appears in an error: a
file that is not a key may be anything. Reading and writing the files themselves is left to runner.keystores.files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runner.errors import KeyStoreError
from runner.keystores import jwk, openssh, pkcs8, pkcs12, ssh1, ssh2, x509
from runner.pki.savetypes import SAVE_TYPES, Passphrase
from runner.pki.signing import PrivateKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal


class Format(Protocol):
    """What a module of a foreign format offers; all of it from content alone."""

    def recognises(self, octets: bytes) -> bool:
        """Whether the octets are of this format."""
        ...

    def is_sealed(self, octets: bytes) -> bool:
        """Whether a passphrase is needed. KeyStoreError where the file is damaged."""
        ...

    def read(self, octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
        """The key. KeyStoreError."""
        ...

    def write(self, key: PrivateKeyTypes, seal: Seal | None) -> bytes:
        """The key in this format. KeyStoreError where it cannot be held."""
        ...


FOREIGN: Mapping[str, Format] = {
    "openssh": openssh,
    "ssh2": ssh2,
    "ssh1": ssh1,
    "x509": x509,
    "jwk": jwk,
    "pkcs12": pkcs12,
}
"""Save type → its module."""


def _format(octets: bytes) -> Format | None:
    return next((each for each in FOREIGN.values() if each.recognises(octets)), None)


def read_any_key(octets: bytes, passphrase: bytes | None = None) -> PrivateKeyTypes:
    """The key in `octets`, of any kind. KeyStoreError: it needs a passphrase, that is wrong, or it is no key."""
    found = _format(octets)
    return found.read(octets, passphrase) if found else pkcs8.read(octets, passphrase)


def read_private_key(octets: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """The key in `octets`; the passphrase of a key that is not sealed is ignored, as other tools do.

    Raises KeyStoreError: it needs a passphrase, the passphrase is wrong, it is no private key, or none that signs.
    """
    key = read_any_key(octets, passphrase)
    if not isinstance(key, PrivateKey):
        raise KeyStoreError(
            "the private key is of a kind that cannot sign requests",
            why="x25519, x448 and ML-KEM keys agree on secrets; their possession is proved in another way",
            next_step="use an RSA, EC, Ed25519, Ed448 or ML-DSA key",
        )
    return key


def is_sealed(octets: bytes) -> bool:
    """Whether this is a private key under a passphrase; no passphrase is needed to tell."""
    found = _format(octets)
    try:
        return found.is_sealed(octets) if found else pkcs8.is_sealed(octets)
    except KeyStoreError:
        return False


def write_private_key(key: PrivateKeyTypes, savetype: str, seal: Seal | None = None) -> bytes:
    """A key in the format of a save type (runner.pki.savetypes), under the seal where there is one.

    Raises KeyStoreError where the key or the seal does not go with the save type.
    """
    known = SAVE_TYPES.get(savetype)
    if known is None or savetype == "pkcs11":
        raise KeyStoreError(f"there is no file format {savetype}", next_step="use pkcs8 or pkcs8s")
    if known.seals is (Passphrase.NONE if seal else Passphrase.REQUIRED):
        need = "takes no passphrase" if seal else "needs a passphrase"
        raise KeyStoreError(f"the save type {savetype} {need}", next_step="use pkcs8s, or pkcs8 without a passphrase")
    if savetype in FOREIGN:
        return FOREIGN[savetype].write(key, seal)
    return pkcs8.write_pkcs8(key, seal) if savetype in ("pkcs8", "pkcs8s") else pkcs8.write_traditional(key, savetype)
