"""A certificate as plain data: read from PEM or DER, fingerprinted, hashed for certConf, and when it is due.

RFC 5280 §4.1, RFC 9810 §5.3.18 (certHash), RFC 7468 (PEM). Whether it is to be trusted: paths.py.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING

from runner.asn1.algorithms import (
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    RSA_SIGNATURES,
    RSASSA_PSS,
    AlgorithmIdentifier,
    RSASSAPSSParams,
)
from runner.asn1.structures import decode
from runner.asn1.x509 import Extension, Signed, TBSCertificate
from runner.errors import Malformed
from runner.pki.names import Name, name_from_der

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_PEM = regex(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", DOTALL)
_PEM_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")


@dataclass(frozen=True, slots=True)
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
        return self.subject.der == self.issuer.der


@lru_cache(maxsize=512)
def parse_certificate(der: bytes) -> Certificate:
    """The Certificate whose DER this is; Malformed where it is not one. CA certificates come with every answer."""
    signed = decode(Signed, der)
    tbs = decode(TBSCertificate, signed.tbs)
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


def certificates_in(octets: bytes) -> tuple[Certificate, ...]:
    """All certificates in a file's octets: one in DER, or any number in PEM. Malformed where there is none."""
    if octets[:1] == b"\x30":
        return (parse_certificate(octets),)
    found = [block for label, block in _PEM.findall(octets) if label in _PEM_LABELS]
    if not found:
        raise Malformed("there is no certificate in it", why="neither DER nor PEM with BEGIN CERTIFICATE")
    return tuple(parse_certificate(_base64(block)) for block in found)


def _base64(block: bytes) -> bytes:
    try:
        return b64decode(block)
    except ValueError as problem:
        raise Malformed("a PEM block is not base64") from problem


def to_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """DER in PEM, with lines of 64 characters (RFC 7468)."""
    text = b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])


def renewal_time(certificate: Certificate, before: timedelta | None, share: float | None) -> datetime:
    """When a certificate is due: `before` its end, or when only `share` (0 to 1) of its life is left; else its end."""
    if before is not None:
        return certificate.not_after - before
    if share is not None:
        return certificate.not_after - (certificate.not_after - certificate.not_before) * share
    return certificate.not_after


def certificate_hash(certificate: Certificate) -> bytes | None:
    """The certHash of certConf, by the certificate's own signature algorithm (RFC 9810 §5.3.18, RFC 9481 §2).

    None where that algorithm names no hash: then certConf says which one was taken.
    """
    algorithm = certificate.signature_algorithm.algorithm
    if algorithm == ED25519:
        return hashlib.sha512(certificate.der).digest()
    if algorithm == ED448:
        return hashlib.shake_256(certificate.der).digest(64)
    name = RSA_SIGNATURES.get(algorithm) or ECDSA_SIGNATURES.get(algorithm) or _pss_hash(certificate)
    return None if name is None else hashlib.new(name, certificate.der).digest()


def _pss_hash(certificate: Certificate) -> str | None:
    algorithm = certificate.signature_algorithm
    if algorithm.algorithm != RSASSA_PSS or algorithm.parameters is None:
        return None
    named = decode(RSASSAPSSParams, algorithm.parameters).hash_algorithm
    return "sha1" if named is None else HASHES.get(named.algorithm)
