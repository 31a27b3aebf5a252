"""The office: all that the lab's handlers work with, in one place, and the few acts that several of them share.

The acts keep memory and files in step: a certificate's file is there before the ledger knows it, and the ledger
knows a revocation before the CRL says it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.lab.issuing import CRL_DAYS, crl_entry
from runner.lab.keeping import keep
from runner.lab.manners import has_name
from runner.lab.records import IssuedCertificate, State
from runner.lab.roots import roll_over
from runner.lab.senders import CertificateSender
from runner.lab.services import open_service
from runner.pki.extensions import CRL_REASONS
from runner.pki.names import name_from_der
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.ambient import Clock, Entropy
    from runner.lab.issuing import Asked, Issuer
    from runner.lab.ledger import Ledger
    from runner.lab.manners import Manners
    from runner.lab.records import Part, Transaction
    from runner.lab.roots import RootUpdate
    from runner.lab.senders import Sender
    from runner.lab.services import Purpose, Service
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
    rules: Manners
    clock: Clock
    entropy: Entropy
    reference: bytes
    secret: SharedSecret
    salt: bytes
    """The salt of every MAC that this process makes: the key is derived once."""
    revoked: dict[int, bytes]
    """The entries of the CRL, by serial number."""
    root_update: RootUpdate | None = None
    """What leads from the root before to the present one, where there was one."""
    _crl: tuple[bytes, datetime] | None = None
    _services: dict[str, Service] = field(default_factory=dict)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The CA's certificates that go with its answers: its own, and the link from the root before."""
        link = () if self.root_update is None else (self.root_update.new_with_old,)
        return (self.issuer.certificate.der, *link)

    def service(self, purpose: Purpose) -> Service:
        """A key of the CA's for a purpose; made when it is first asked for."""
        if purpose.name not in self._services:
            made = open_service(self.storage, self.issuer, purpose, self.free_serial(), self.now())
            self._services[purpose.name] = made
        return self._services[purpose.name]

    def roll_over(self) -> None:
        """From now on a new key signs, under the same name."""
        self.issuer, self.root_update = roll_over(self.storage, self.now(), self.rules.ca_key)
        self._services.clear()
        self._crl = None
        self.publish()

    def now(self) -> datetime:
        """The time of day, in whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def issue(self, asked: Asked, holder: str, *, confirmed: bool) -> tuple[IssuedCertificate, bytes]:
        """Make a certificate and keep its file, and its private key where we have it; the ledger has yet to be told."""
        serial = self.free_serial()
        der = self.issuer.issue(asked, serial)
        self.storage.keep_certificate(serial, der)
        state = State.CONFIRMED if confirmed else State.UNCONFIRMED
        if asked.archived or asked.generated:
            keep(self, serial, asked.archived or asked.generated, name_from_der(asked.subject).text)
        archived_for = holder if asked.archived else ""
        return IssuedCertificate(serial, hashlib.sha256(der).digest(), state, archived_for=archived_for), der

    def is_ra(self, sender: Sender) -> bool:
        """Whether somebody is an RA whom the lab trusts."""
        if not isinstance(sender, CertificateSender):
            return False
        certificate = sender.certificate
        known = self.ledger.certificate(certificate.serial)
        return known is not None and (known.ra or has_name(certificate.subject.text, self.rules.ra_names))

    def free_serial(self) -> int:
        """A serial number that no certificate has: random bits below a first one that is set, all of one length."""
        serial = _FIRST_BIT | int.from_bytes(self.entropy.octets(_SERIAL_OCTETS), "big") % _FIRST_BIT
        while self.ledger.certificate(serial) is not None:
            serial += 1
        return serial

    def revoked_now(self, certificate: IssuedCertificate, reason: int) -> IssuedCertificate:
        """The certificate as it is once it is revoked."""
        return replace(certificate, state=State.REVOKED, revoked_at=self.now(), reason=reason)

    def superseded(self, parts: Sequence[Part]) -> list[IssuedCertificate]:
        """What these parts, now confirmed, take the place of, where the lab revokes that."""
        known = [
            self.ledger.certificate(part.replaces) for part in parts if self.rules.revoke_updated and part.replaces
        ]
        return [self.revoked_now(c, CRL_REASONS["superseded"]) for c in known if c and c.state is State.CONFIRMED]

    def change(self, certificates: Sequence[IssuedCertificate], transaction: Transaction) -> None:
        """The new states of certificates, as one step of a transaction; the CRL follows."""
        self.ledger.record(*certificates, transaction)
        news = [self.list_revoked(certificate) for certificate in certificates]
        if any(news):
            self._crl = None
            self.publish()

    def list_revoked(self, certificate: IssuedCertificate) -> bool:
        """Put a certificate on the list of revoked ones, or take it off, as its state says; whether that is news."""
        if certificate.revoked_at is None:
            return self.revoked.pop(certificate.serial, None) is not None
        self.revoked[certificate.serial] = crl_entry(certificate, certificate.revoked_at)
        return True

    def publish(self) -> None:
        """Publish a new CRL, where there is a place for it."""
        if self.storage.publishes:
            self.storage.publish_crl(self.current_crl()[0])

    def current_crl(self) -> tuple[bytes, datetime]:
        """The CRL (DER) and its thisUpdate; a new one where it changed, or half of its time is over."""
        if self._crl is None or self.now() > self._crl[1] + timedelta(days=CRL_DAYS) / 2:
            self._crl = self.revocation_list(), self.now()
        return self._crl

    def revocation_list(self) -> bytes:
        """A CRL (DER) of this moment, with a number of its own."""
        return self.issuer.revocation_list(self.revoked.values(), self.ledger.next_crl_number(), self.now())
