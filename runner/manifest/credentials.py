"""Credentials as the manifest has them: plain data. What our messages are protected with, and how we present ourselves.

Filled by runner.manifest.credentialing. Secrets are references; a literal one is kept out of every repr.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from runner.errors import Place
    from runner.pki.keyurls import KeyUrl
    from runner.pki.names import Name


@frozen
class SecretRef:
    """Where a secret is: kind is `env` (variable), `file` (path), `command` (argv, NUL-separated) or `literal`.

    `cell`: in a table (runner.keystores.cells); `column`: in another cell for each item, which Item.secret names.
    """

    kind: str
    value: str = field(repr=False)


@frozen
class SecretColumn:
    """A one-time secret for each row: in `column` of the entry's own table, or of the one at `path`.

    There the row is taken whose column `key` has the value of the variable of that name.
    """

    column: str
    path: str = ""
    kind: str = ""
    """`csv` or `jsonl`."""
    key: str = ""
    delimiter: str = ","


@frozen
class MacWish:
    """The MAC of a shared secret, as far as the manifest says; None and empty: as the authority's profile has it."""

    kind: str = ""
    owf: str = ""
    mac: str = ""
    iterations: int | None = None
    salt_length: int | None = None
    key_length: int | None = None


@frozen
class Presenting:
    """How a credential presents itself otherwise than RFC 9483 §3.1 says. `extra_certs` are paths."""

    sender: Name | str | None = None
    """A name, or one of SENDERS."""
    sender_kid: bytes | None = None
    """Empty: none is sent."""
    extra_certs: tuple[str, ...] = ()


@frozen
class PskCredential:
    """refnum:key, shared with the CA out of band (RFC 9810 §5.1.3.1)."""

    name: str
    place: Place
    secret: SecretRef
    mac: MacWish = field(default_factory=MacWish)
    ra: bool = False
    """Whether it is an RA's: who knows it vouches for others."""
    reference: bytes | None = None
    """The reference number, where the secret is the key alone; empty: there is none."""
    encoding: str = "text"
    """How reference number and key are written: text, hex, or cryptlib (its user IDs and passwords)."""
    presenting: Presenting = field(default_factory=Presenting)
    column: SecretColumn | None = None
    """Where each item has its own; such a secret is good for one transaction."""


@frozen
class CertificateCredential:
    """A certificate and its key, which sign our messages (RFC 9810 §5.1.3.3)."""

    name: str
    place: Place
    certificate: str
    key: KeyUrl
    digest: str = ""
    """The hash that signatures are made with; empty: the one that suits the key."""
    pss: bool = False
    """RSASSA-PSS instead of PKCS #1 v1.5, of an RSA key."""
    ra: bool = False
    """Whether it is an RA's, who vouches for those whom it asks for."""
    kem: bool = False
    """Whether its key is a KEM's: a secret that the CA encapsulates to it protects our messages by a MAC."""
    presenting: Presenting = field(default_factory=Presenting)


Credential = PskCredential | CertificateCredential


@frozen
class Login:
    """A user name and a password, for HTTP servers and proxies; no CMP message is protected with it."""

    name: str
    place: Place
    user: str
    secret: SecretRef
