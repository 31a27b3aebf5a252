"""Certificate revocation lists, as far as a plan asks them: is a certificate revoked, since when and why (RFC 5280 §5).

A list counts where its issuer's signature verifies. Lists that speak for other issuers, or say only what has changed,
are not read.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.asn1.primitives import ENUMERATED
from runner.asn1.structures import decode
from runner.asn1.x509 import Signed, TBSCertList
from runner.errors import Malformed
from runner.pki.certificates import blocks_in
from runner.pki.extensions import CRL_REASONS, REASON_CODE, find_extension, key_usages_in
from runner.pki.names import Name, name_from_der, same_name
from runner.pki.signing import verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from runner.asn1.algorithms import AlgorithmIdentifier
    from runner.asn1.x509 import Extension
    from runner.pki.certificates import Certificate


@frozen
class Revoked:
    """When a certificate was revoked, and the CRLReason (empty: not said)."""

    at: datetime
    reason: str = ""


@frozen
class Crl:
    """A list: of whom, from when, until when, and what it revokes by serial number."""

    issuer: Name
    this_update: datetime
    next_update: datetime | None
    revoked: Mapping[int, Revoked] = field(repr=False)
    tbs: bytes = field(repr=False)
    signature_algorithm: AlgorithmIdentifier = field(repr=False)
    signature: bytes = field(repr=False)

    def entry(self, certificate: Certificate) -> Revoked | None:
        """What the list says of a certificate; None: it is not revoked, or another CA's."""
        found = self.revoked.get(certificate.serial)
        return found if found and same_name(self.issuer.der, certificate.issuer.der) else None


def crls_in(octets: bytes) -> tuple[Crl, ...]:
    """The lists in a file: one in DER, or any number in PEM. Malformed where there is none that can be used."""
    ders = blocks_in(octets, (b"X509 CRL", b"CRL"))
    if not ders:
        raise Malformed("there is no CRL in it", why="neither DER nor PEM with BEGIN X509 CRL")
    return tuple(map(parse_crl, ders))


def parse_crl(der: bytes) -> Crl:
    """The list whose DER this is; Malformed where it is none, or has a critical extension that is not known here."""
    signed = decode(Signed, der)
    tbs = decode(TBSCertList, signed.tbs)
    if unread := [extension.extn_id for extension in tbs.crl_extensions if extension.critical]:
        raise Malformed("the CRL has a critical extension that is not known here", why=", ".join(unread))
    return Crl(
        issuer=name_from_der(tbs.issuer),
        this_update=tbs.this_update,
        next_update=tbs.next_update,
        revoked={
            entry.user_certificate: Revoked(entry.revocation_date, reason_in(entry.crl_entry_extensions))
            for entry in tbs.revoked_certificates
        },
        tbs=signed.tbs,
        signature_algorithm=signed.signature_algorithm,
        signature=signed.signature,
    )


def reason_in(extensions: Sequence[Extension]) -> str:
    """The CRLReason among a CRL entry's extensions, by its name; empty where there is none."""
    value = find_extension(extensions, REASON_CODE)
    if value is None:
        return ""
    number = ENUMERATED.decode(value)
    return next((name for name, code in CRL_REASONS.items() if code == number), str(number))


def is_signed_by_one_of(crl: Crl, authorities: Iterable[Certificate]) -> bool:
    """Whether the list's issuer is among `authorities`, may sign CRLs, and has signed this one."""
    return any(_is_signed_by(crl, authority) for authority in authorities)


def _is_signed_by(crl: Crl, authority: Certificate) -> bool:
    if not same_name(authority.subject.der, crl.issuer.der):
        return False
    usages = key_usages_in(authority.extensions)
    if usages is not None and "cRLSign" not in usages:
        return False
    try:
        return verify_signature(authority.public_key_info, crl.signature_algorithm, crl.signature, crl.tbs)
    except Malformed:
        return False
