"""The office: all that the lab's handlers work with, in one place, and the few acts that several of them share.

The acts keep memory and files in step: a certificate's file is there before the ledger knows it, and the ledger
knows a revocation before the CRL says it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.lab.issuing import crl_entry
from runner.lab.ledger import IssuedCertificate, State

if TYPE_CHECKING:
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.lab.asked import Asked
    from runner.lab.issuing import Issuer
    from runner.lab.ledger import Ledger, Transaction
    from runner.lab.rules import LabRules
    from runner.lab.storage import Storage
    from runner.pki.macs import SharedSecret

_SERIAL_OCTETS = 16
_FIRST_BIT = 1 << (_SERIAL_OCTETS * 8 - 2)


@dataclass(slots=True, repr=False)
class Office:
    """The CA's key and certificate, its memory and files, its rules, and the secret that newcomers share with it."""

    issuer: Issuer
    ledger: Ledger
    storage: Storage
    rules: LabRules
    clock: Clock
    entropy: Entropy
    reference: bytes
    secret: SharedSecret
    salt: bytes
    """The salt of every MAC that this process makes: the key is derived once."""
    revoked: dict[int, bytes]
    """The entries of the CRL, by serial number."""

    def now(self) -> datetime:
        """The time of day, in whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def issue(self, asked: Asked, *, confirmed: bool) -> tuple[IssuedCertificate, bytes]:
        """Make a certificate and keep its file; the ledger has yet to be told."""
        serial = self._free_serial()
        der = self.issuer.issue(asked, serial)
        self.storage.keep_certificate(serial, der)
        state = State.CONFIRMED if confirmed else State.UNCONFIRMED
        return IssuedCertificate(serial, hashlib.sha256(der).digest(), state), der

    def _free_serial(self) -> int:
        """Random bits below a first one that is set, so that all serial numbers are positive and of one length."""
        serial = _FIRST_BIT | int.from_bytes(self.entropy.octets(_SERIAL_OCTETS), "big") % _FIRST_BIT
        while self.ledger.certificate(serial) is not None:
            serial += 1
        return serial

    def revoke(self, certificate: IssuedCertificate, reason: int, transaction: Transaction) -> None:
        """Revoke a certificate, as a step of a transaction."""
        self._change(replace(certificate, state=State.REVOKED, revoked_at=self.now(), reason=reason), transaction)

    def release(self, certificate: IssuedCertificate, transaction: Transaction) -> None:
        """Take a certificate off hold, as a step of a transaction."""
        self._change(IssuedCertificate(certificate.serial, certificate.fingerprint, State.CONFIRMED), transaction)

    def _change(self, certificate: IssuedCertificate, transaction: Transaction) -> None:
        self.ledger.record(certificate, transaction)
        self.list_revoked(certificate)
        self.publish()

    def list_revoked(self, certificate: IssuedCertificate) -> None:
        """Put a certificate on the list of revoked ones, or take it off, as its state says."""
        if certificate.revoked_at is None:
            self.revoked.pop(certificate.serial, None)
        else:
            self.revoked[certificate.serial] = crl_entry(certificate, certificate.revoked_at)

    def publish(self) -> None:
        """Publish a new CRL, where there is a place for it."""
        if self.storage.publishes:
            self.storage.publish_crl(self.revocation_list())

    def revocation_list(self) -> bytes:
        """A CRL (DER) of this moment, with a number of its own."""
        return self.issuer.revocation_list(self.revoked.values(), self.ledger.next_crl_number(), self.now())
