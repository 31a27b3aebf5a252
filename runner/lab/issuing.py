"""The CA's key at work: its own certificate, the certificates that it issues, and its CRLs (RFC 5280 §4, §5).

The kind of its key decides how everything is signed. What may be issued is decided before (asked.py); here a
certificate is made from it, octet for octet where the request had octets.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.primitives import ENUMERATED, INTEGER, OCTET_STRING, OPAQUE_SEQUENCE, TIME
from runner.asn1.structures import Explicit, SequenceOf, decode, encode, sequence
from runner.asn1.x509 import (
    EXTENSIONS,
    AuthorityKeyIdentifier,
    BasicConstraints,
    Extension,
    RevokedCertificate,
    Signed,
    SubjectPublicKeyInfo,
    TBSCertificate,
    Validity,
)
from runner.pki.extensions import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CRL_NUMBER,
    REASON_CODE,
    SUBJECT_KEY_IDENTIFIER,
    key_usage,
)
from runner.pki.names import directory_name, parse_name
from runner.pki.signing import sign
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.lab.records import IssuedCertificate
    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

CA_YEARS = 10
CRL_DAYS = 7
_V3 = 2
_CRL_V2 = 1


def make_root(signer: Signer, mark: str, now: datetime) -> bytes:
    """A self-signed CA certificate; `mark` in its name tells one lab from another."""
    name = parse_name(f"C=FI, O=cmp-batch lab, CN=Lab CA NOT FOR PRODUCTION {mark}").der
    end = now + timedelta(days=365 * CA_YEARS)
    return _ca_certificate(
        signer, signer.public_key_info, name, int(mark, 16) + 1, Validity(not_before=now, not_after=end)
    )


def make_next_root(signer: Signer, old: Certificate, now: datetime) -> bytes:
    """The self-signed certificate of a new key under the name of the old."""
    end = now + timedelta(days=365 * CA_YEARS)
    life = Validity(not_before=now, not_after=end)
    return _ca_certificate(signer, signer.public_key_info, old.subject.der, old.serial + 3, life)


def make_link(signer: Signer, about: Certificate, serial: int, until: datetime) -> bytes:
    """A link certificate: the key of one root, signed by that of the other (RFC 9810 §4.4, Appendix F)."""
    life = Validity(not_before=about.not_before, not_after=min(about.not_after, until))
    return _ca_certificate(signer, about.public_key_info, about.subject.der, serial, life)


def _ca_certificate(signer: Signer, public_key_info: bytes, name: bytes, serial: int, life: Validity) -> bytes:
    """A certificate of the CA's own, under its one name; it names its issuer's key where that is another."""
    extensions = [
        _extension(BASIC_CONSTRAINTS, encode(BasicConstraints(ca=True, path_len_constraint=0)), critical=True),
        key_usage(("digitalSignature", "keyCertSign", "cRLSign")),
        _extension(SUBJECT_KEY_IDENTIFIER, OCTET_STRING.encode(key_identifier(public_key_info))),
    ]
    if public_key_info != signer.public_key_info:
        identifier = AuthorityKeyIdentifier(key_identifier=key_identifier(signer.public_key_info))
        extensions.append(_extension(AUTHORITY_KEY_IDENTIFIER, encode(identifier)))
    tbs = TBSCertificate(
        version=_V3,
        serial_number=serial,
        signature=signer.algorithm,
        issuer=name,
        validity=life,
        subject=name,
        subject_public_key_info=public_key_info,
        extensions=tuple(extensions),
    )
    return _signed(signer, encode(tbs))


@lru_cache(maxsize=64)
def key_identifier(public_key_info: bytes) -> bytes:
    """SHA-1 over the bits of the key (RFC 5280 §4.2.1.2, method 1)."""
    bits = decode(SubjectPublicKeyInfo, public_key_info).subject_public_key
    return hashlib.sha1(bits, usedforsecurity=False).digest()


def _extension(oid: str, value: bytes, *, critical: bool = False) -> Extension:
    return Extension(extn_id=oid, critical=critical, extn_value=value)


def _signed(signer: Signer, tbs: bytes) -> bytes:
    made = sign(signer, tbs)
    return encode(Signed(tbs=tbs, signature_algorithm=made.algorithm, signature=made.bits))


@frozen
class Asked:
    """A certificate to be; `mods` says in words what differs from the request."""

    subject: bytes
    public_key: bytes
    extensions: tuple[Extension, ...]
    validity: Validity
    mods: tuple[str, ...] = ()
    generated: bytes = field(default=b"", repr=False)
    """The private key, where the lab makes it."""
    replaces: int = 0
    """The serial number of the certificate that this one is an update of."""
    archived: bytes = field(default=b"", repr=False)
    """The private key that its holder can have back later on."""


@frozen
class Issuer:
    """The CA: its key, its certificate, and the how manieth it is."""

    signer: Signer
    certificate: Certificate
    generation: int = 1

    @property
    def name(self) -> bytes:
        """Its name, DER."""
        return self.certificate.subject.der

    @property
    def general_name(self) -> bytes:
        """Its name as a GeneralName, DER."""
        return directory_name(self.name)

    @property
    def key_identifier(self) -> bytes:
        """The SubjectKeyIdentifier of its certificate."""
        return key_identifier(self.certificate.public_key_info)

    def issue(self, asked: Asked, serial: int) -> bytes:
        """The certificate (DER) that was asked for."""
        tbs = TBSCertificate(
            version=_V3,
            serial_number=serial,
            signature=self.signer.algorithm,
            issuer=self.name,
            validity=asked.validity,
            subject=asked.subject,
            subject_public_key_info=asked.public_key,
            extensions=(*asked.extensions, *self._own_extensions(asked.public_key)),
        )
        return _signed(self.signer, encode(tbs))

    def _own_extensions(self, public_key_info: bytes) -> tuple[Extension, ...]:
        return (
            _extension(BASIC_CONSTRAINTS, encode(BasicConstraints())),
            _extension(SUBJECT_KEY_IDENTIFIER, OCTET_STRING.encode(key_identifier(public_key_info))),
            self._authority_key_identifier(),
        )

    def _authority_key_identifier(self) -> Extension:
        return _extension(AUTHORITY_KEY_IDENTIFIER, encode(AuthorityKeyIdentifier(key_identifier=self.key_identifier)))

    def revocation_list(self, entries: Iterable[bytes], number: int, now: datetime) -> bytes:
        """The CRL (DER) of these entries (`crl_entry`)."""
        body = _TBSCertList(
            version=_CRL_V2,
            signature=self.signer.algorithm,
            issuer=self.name,
            this_update=now,
            next_update=now + timedelta(days=CRL_DAYS),
            revoked_certificates=tuple(entries),
            crl_extensions=(self._authority_key_identifier(), _extension(CRL_NUMBER, INTEGER.encode(number))),
        )
        return _signed(self.signer, encode(body))


@sequence
class _TBSCertList:
    """TBSCertList (RFC 5280 §5.1) with its entries as octets: most were in the CRL before, and are not made again."""

    version: Annotated[int, INTEGER]
    signature: AlgorithmIdentifier
    issuer: Annotated[bytes, OPAQUE_SEQUENCE]
    this_update: Annotated[datetime, TIME]
    next_update: Annotated[datetime, TIME]
    revoked_certificates: Annotated[tuple[bytes, ...], SequenceOf(OPAQUE_SEQUENCE, limit=1_000_000)] = ()
    crl_extensions: Annotated[tuple[Extension, ...], Explicit(0, EXTENSIONS)] = ()


def crl_entry(revoked: IssuedCertificate, at: datetime) -> bytes:
    """The CRL entry (DER) of a certificate revoked `at`; an unspecified reason is left out (RFC 5280 §5.3.1)."""
    reason = (_extension(REASON_CODE, ENUMERATED.encode(revoked.reason)),) if revoked.reason else ()
    return encode(RevokedCertificate(user_certificate=revoked.serial, revocation_date=at, crl_entry_extensions=reason))
