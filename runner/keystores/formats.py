"""Private keys as octets, in every format: which one a file is follows from its content, never from its name.

Each foreign format is a module of its own; this one asks them in turn. Nothing of the content appears in an error: a
file that is not a key may be anything. Reading and writing the files themselves is left to runner.keystores.files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from runner.errors import KeyStoreError
from runner.keystores import pkcs8
from runner.pki.savetypes import SAVE_TYPES, Passphrase
from runner.pki.signers import PrivateKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


FOREIGN: Mapping[str, Callable[[bytes], bool]] = {
    "openssh": lambda octets: b"OPENSSH PRIVATE KEY" in octets,
    "ssh2": lambda octets: b"BEGIN SSH2 " in octets,
    "ssh1": lambda octets: octets.startswith(b"SSH PRIVATE KEY FILE"),
    "x509": lambda octets: b"SSH X.509 PRIVATE KEY" in octets,
    "jwk": lambda octets: b'"kty"' in octets,
    "pkcs12": lambda octets: octets.startswith(b"\x30"),
}
"""Save type → what every file of it is like: its module, which decides, is imported for such a file alone."""


def _module(savetype: str) -> Format:
    return cast("Format", import_module(f"runner.keystores.{savetype}"))


def _format(octets: bytes) -> Format | None:
    likely = (_module(savetype) for savetype, may_be in FOREIGN.items() if may_be(octets))
    return next((each for each in likely if each.recognises(octets)), None)


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
        return _module(savetype).write(key, seal)
    return pkcs8.write_pkcs8(key, seal) if savetype in ("pkcs8", "pkcs8s") else pkcs8.write_traditional(key, savetype)
