"""What is really there, as plain data: the planner's view of the disk, gathered by runner.execute.observe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pki.certificates import Certificate
    from runner.pki.certification_requests import CertificationRequest


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate file: its certificate, or why there is none in it."""

    exists: bool = False
    certificate: Certificate | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A file with a PKCS #10 request: the request, or why there is none in it."""

    exists: bool = False
    request: CertificationRequest | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Files by path. A path that is not in the mapping was not looked at, which means that nothing is there."""

    certificates: Mapping[str, CertificateFacts] = field(default_factory=dict)
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    requests: Mapping[str, RequestFacts] = field(default_factory=dict)

    def certificate(self, path: str | None) -> CertificateFacts:
        """What is known of a certificate file."""
        return self.certificates.get(path or "", CertificateFacts())

    def key(self, path: str | None) -> KeyFacts:
        """What is known of a key file."""
        return self.keys.get(path or "", KeyFacts())

    def request(self, path: str | None) -> RequestFacts:
        """What is known of a file with a PKCS #10 request."""
        return self.requests.get(path or "", RequestFacts())
