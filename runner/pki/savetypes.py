"""Save types: the file formats that a key can be generated into, and what each can hold.

What is refused when a manifest is validated follows from this table; the formats themselves are in runner.keystores,
whose tests hold it against what is really written and read.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING

from runner.pki.keyspecs import CURVES, FIXED
from runner.values import frozen

if TYPE_CHECKING:
    from runner.pki.keyspecs import KeySpec


class Passphrase(Enum):
    """Whether a format seals the key under a passphrase."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


_NIST = ("ec:p256", "ec:p384", "ec:p521")
_ALL_EC = tuple(f"ec:{curve}" for curve in CURVES)


@frozen
class SaveType:
    """A file format. `holds` lists kinds (`rsa`) and single specs (`ec:p256`); `seals`: whether it takes a passphrase.

    `weak_seal` says in words why a passphrase hardly protects a key in this format.
    """

    name: str
    title: str
    holds: tuple[str, ...]
    seals: Passphrase
    weak_seal: str = ""

    def can_hold(self, spec: KeySpec) -> bool:
        """Whether a key of this kind and size fits."""
        return spec.kind in self.holds or str(spec) in self.holds


_THREE_DES = "its cipher is 3DES and its key MD5 of the passphrase"
_EVERYTHING = ("rsa", "dsa", "ec", *FIXED)
_TABLE = (
    SaveType("pkcs8", "PKCS#8 in plain text", _EVERYTHING, Passphrase.NONE),
    SaveType("pkcs8s", "PKCS#8 under a passphrase", _EVERYTHING, Passphrase.REQUIRED),
    SaveType("pkcs1", "PKCS#1, and OpenSSL's DSA key", ("rsa", "dsa"), Passphrase.NONE),
    SaveType("sec1", "SEC 1 (RFC 5915)", ("ec",), Passphrase.NONE),
    SaveType("x509", "SSH X.509 library key", ("rsa", "dsa", *_ALL_EC), Passphrase.NONE),
    SaveType("ssh2", "ssh.com Secure Shell 2 key", ("rsa", "dsa"), Passphrase.OPTIONAL, _THREE_DES),
    SaveType("ssh1", "Secure Shell 1 key", ("rsa",), Passphrase.OPTIONAL, _THREE_DES),
    SaveType("openssh", "OpenSSH key", ("rsa", "dsa:1024", *_NIST, "ed25519"), Passphrase.OPTIONAL),
    SaveType("pkcs12", "PKCS#12", ("rsa", "dsa", "ec", "ed25519", "ed448"), Passphrase.REQUIRED),
    SaveType(
        "jwk",
        "JSON Web Key",
        ("rsa", *_NIST, "ec:secp256k1", "ed25519", "ed448", "x25519", "x448"),
        Passphrase.NONE,
    ),
    SaveType("pkcs11", "a key inside a PKCS#11 token", ("rsa", *_ALL_EC, "ed25519"), Passphrase.OPTIONAL),
)
SAVE_TYPES = {each.name: each for each in _TABLE}
"""Every save type by its name."""
SYNONYMS = {"secsh2": "ssh2", "secsh": "ssh2", "secsh1": "ssh1"}
"""What `ssh-cmpclient-g3` also called them."""


def find_save_type(name: str) -> SaveType:
    """The save type that a name or synonym (any case) means. ValueError gives the nearest."""
    lower = name.lower()
    found = SAVE_TYPES.get(SYNONYMS.get(lower, lower))
    if found is None:
        close = get_close_matches(lower, [*SAVE_TYPES, *SYNONYMS], n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"unknown save type {name!r}: {meant}one of {', '.join(SAVE_TYPES)}")
    return found


def why_not(save_type: SaveType, spec: KeySpec, *, sealed: bool) -> str:
    """Why a key of this spec, with or without passphrase, cannot be kept in this format; empty where it can."""
    if not save_type.can_hold(spec):
        held = ", ".join(save_type.holds)
        return f"{save_type.name} holds {held} only, not {spec}; use pkcs8"
    if sealed and save_type.seals is Passphrase.NONE:
        return f"{save_type.name} cannot hold a passphrase; use pkcs8s"
    if not sealed and save_type.seals is Passphrase.REQUIRED:
        return f"{save_type.name} needs a passphrase ({save_type.name}:PASSPHRASE@…)"
    return ""
