"""What is really there, as plain data: the planner's view of the disk, gathered by runner.execute.observe."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pki.certificates import Certificate
    from runner.pki.certification_requests import CertificationRequest
    from runner.pki.crls import Crl


@frozen
class KeyFacts:
    """A key file as it can be seen without a passphrase.

    `public_key_info` is that of a key that nothing seals; `digest` (SHA-256, hex) is that of a sealed file. A file
    where we may not write is `unseen`, and so is a key that is no file: not opened, and nothing is held against it.
    """

    exists: bool = False
    sealed: bool = False
    unseen: bool = False
    public_key_info: bytes | None = field(default=None, repr=False)
    digest: str | None = None
    problem: str = ""


NO_KEY = KeyFacts()


@frozen
class CertificateFacts:
    """A certificate file: its certificate, or why there is none in it."""

    exists: bool = False
    certificate: Certificate | None = None
    problem: str = ""


NO_CERTIFICATE = CertificateFacts()


@frozen
class RequestFacts:
    """A file with a PKCS #10 request: the request, or why there is none in it."""

    exists: bool = False
    request: CertificationRequest | None = None
    problem: str = ""


NO_REQUEST = RequestFacts()


@frozen
class FileFacts:
    """A file that an item's output names, as it is seen from outside: whose it is, and what it is made of."""

    exists: bool = True
    mode: int | None = None
    """Its permission bits."""
    owner: tuple[str, ...] = ()
    """Number and name of the user that it belongs to."""
    group: tuple[str, ...] = ()
    form: str = ""
    """`pem` or `der`, of certificates."""
    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    """The DER of those in a chain, a bundle or a CA's file."""
    digest: str = ""
    """SHA-256 (hex) of a key store."""


MISSING = FileFacts(exists=False)
"""Nothing is there."""


@frozen
class CrlFacts:
    """A CRL of an authority that is there: what it says, and whether that could be verified."""

    path: str
    crl: Crl | None = None
    problem: str = ""


@frozen
class RelayFacts:
    """Somebody else's request as it can be seen without a secret: what it asks for, and what the RA would change.

    `problem`: its file cannot be read; `malformed`: it is no request; `refused`: the rules do not let it pass;
    `unshaped`: the certificate that is the tunnel's template cannot be used.
    """

    kind: str = ""
    asked: str = ""
    changes: tuple[str, ...] = ()
    problem: str = ""
    malformed: str = ""
    refused: str = ""
    unshaped: str = ""


@frozen
class Facts:
    """Files by path. Where a path is not in `certificates`, `keys` or `requests`, nothing is there.

    Where it is not in `files`, nothing is held against it. `anchors` and `crls` go by the name
    of the authority; one whose anchors cannot be known (the embedded lab's) is not in it.
    """

    certificates: Mapping[str, CertificateFacts] = field(default_factory=dict)
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    requests: Mapping[str, RequestFacts] = field(default_factory=dict)
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    anchors: Mapping[str, tuple[Certificate, ...]] = field(default_factory=dict)
    crls: Mapping[str, tuple[CrlFacts, ...]] = field(default_factory=dict)
    relays: Mapping[str, RelayFacts] = field(default_factory=dict)
    """By the name of the item."""

    def certificate(self, path: str | None) -> CertificateFacts:
        """What is known of a certificate file."""
        return self.certificates.get(path or "", NO_CERTIFICATE)

    def relay(self, name: str) -> RelayFacts:
        """What is known of somebody else's request."""
        return self.relays.get(name, RelayFacts())

    def key(self, path: str | None) -> KeyFacts:
        """What is known of a key file."""
        return self.keys.get(path or "", NO_KEY)

    def request(self, path: str | None) -> RequestFacts:
        """What is known of a file with a PKCS #10 request."""
        return self.requests.get(path or "", NO_REQUEST)
