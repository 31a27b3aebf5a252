"""A certificate as plain data: read from PEM or DER, fingerprinted, and when it is due (RFC 5280 §4.1, RFC 7468).

Its hash for certConf is in certificate_hashes.py; whether it is to be trusted, in paths.py.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache
from re import compile as regex
from typing import TYPE_CHECKING

from runner.asn1.der import read_header
from runner.asn1.structures import decode
from runner.asn1.x509 import Extension, Signed, TBSCertificate
from runner.errors import Malformed
from runner.pki.extensions import check_readable
from runner.pki.names import Name, name_from_der, same_name
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import timedelta

    from runner.asn1.algorithms import AlgorithmIdentifier

_PEM = regex(rb"-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----")
_TRUSTED = b"TRUSTED CERTIFICATE"
_PEM_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", _TRUSTED)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
MAX_CERTIFICATE = 65_536
"""Octets; more is refused. The largest signatures that certificates bear (SLH-DSA) leave room in it."""


@frozen
class Certificate:
    """What a certificate says. `der` is all of it, `tbs` the part that `signature` covers; times are aware."""

    der: bytes = field(repr=False)
    subject: Name
    issuer: Name
    serial: int
    not_before: datetime
    not_after: datetime
    public_key_info: bytes = field(repr=False)
    extensions: tuple[Extension, ...] = field(repr=False)
    tbs: bytes = field(repr=False)
    signature_algorithm: AlgorithmIdentifier = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the DER, in lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are one name."""
        return same_name(self.subject.der, self.issuer.der)


@lru_cache(maxsize=512)
def parse_certificate(der: bytes) -> Certificate:
    """The Certificate whose DER this is; Malformed where it is not one. CA certificates come with every answer."""
    if len(der) > MAX_CERTIFICATE:
        raise Malformed("a certificate is absurdly long", why=f"{len(der)} octets")
    signed = decode(Signed, der)
    tbs = decode(TBSCertificate, signed.tbs)
    if len({extension.extn_id for extension in tbs.extensions}) != len(tbs.extensions):
        raise Malformed("a certificate has an extension twice", why="RFC 5280 section 4.2 forbids it")
    if tbs.signature != signed.signature_algorithm:
        raise Malformed("a certificate names two signature algorithms", why="RFC 5280 section 4.1.1.2 forbids it")
    return Certificate(
        der=der,
        subject=name_from_der(tbs.subject),
        issuer=name_from_der(tbs.issuer),
        serial=tbs.serial_number,
        not_before=tbs.validity.not_before,
        not_after=tbs.validity.not_after,
        public_key_info=tbs.subject_public_key_info,
        extensions=tbs.extensions,
        tbs=signed.tbs,
        signature_algorithm=signed.signature_algorithm,
        signature=signed.signature,
    )


@lru_cache(maxsize=512)
def _readable(der: bytes) -> Certificate | None:
    try:
        certificate = parse_certificate(der)
        check_readable(certificate.extensions)
    except Malformed:
        return None
    return certificate


def readable_certificates(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Those that can be read with all their extensions, each once.

    For certificates that come along with a message: one that nobody can read must not spoil a good answer.
    """
    found = [_readable(der) for der in dict.fromkeys(ders)]
    return tuple(certificate for certificate in found if certificate is not None)


def certificates_in(octets: bytes) -> tuple[Certificate, ...]:
    """All certificates in a file's octets: one in DER, or any number in PEM. Malformed where there is none."""
    return tuple(parse_certificate(der) for der in certificate_ders_in(octets))


def certificate_ders_in(octets: bytes) -> tuple[bytes, ...]:
    """The same, not read yet."""
    found = blocks_in(octets, _PEM_LABELS)
    if not found:
        raise Malformed("there is no certificate in it", why="neither DER nor PEM with BEGIN CERTIFICATE")
    return found


def blocks_in(octets: bytes, labels: Collection[bytes]) -> tuple[bytes, ...]:
    """What a file's octets hold: the one thing in DER that they are, or the PEM blocks of some `labels`."""
    if is_der(octets):
        return (octets,)
    return tuple(_base64(label, block) for label, block in _PEM.findall(octets) if label in labels)


def is_der(octets: bytes) -> bool:
    """Whether they look like DER; a text may begin with "0" too, but not with what is second in DER."""
    return octets[:1] == b"\x30" and octets[1:2] >= b"\x80"


@lru_cache(maxsize=512)
def split_certificates(ders: bytes) -> tuple[Certificate, ...]:
    """Certificates that stand one behind the other, DER after DER. Malformed."""
    found, at = [], 0
    while at < len(ders):
        stop = read_header(ders, at, len(ders))[2]
        found.append(parse_certificate(ders[at:stop]))
        at = stop
    return tuple(found)


def _base64(label: bytes, block: bytes) -> bytes:
    """The DER in a PEM block; OpenSSL writes trust settings behind a TRUSTED CERTIFICATE."""
    try:
        der = b64decode(block)
    except ValueError as problem:
        raise Malformed("a PEM block is not base64") from problem
    return der[: read_header(der, 0, len(der))[2]] if label == _TRUSTED else der


def to_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """DER in PEM, with lines of 64 characters (RFC 7468)."""
    text = b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])


def renewal_time(certificate: Certificate, before: timedelta | None, share: float | None) -> datetime:
    """When a certificate is due: `before` its end, or when only `share` (0 to 1) of its life is left; else its end."""
    if before is not None:
        return certificate.not_after - min(before, certificate.not_after - _FIRST)
    if share is not None:
        return certificate.not_after - (certificate.not_after - certificate.not_before) * share
    return certificate.not_after
