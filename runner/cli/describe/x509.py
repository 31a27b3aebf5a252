"""Certificates, requests (PKCS #10) and CRLs described: names, times, keys, extensions, fingerprints (RFC 5280)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import load_der_x509_csr

from runner.asn1.algorithms import ECDSA_SIGNATURES, ED448, ED25519, RSA_SIGNATURES, RSASSA_PSS
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import decode
from runner.asn1.x509 import Extension, Signed, TBSCertList
from runner.cli.describe.blocks import Entry, present
from runner.cli.describe.keys import public_key_entries, public_key_info
from runner.errors import Malformed
from runner.pki import extensions as ext
from runner.pki.certificates import parse_certificate
from runner.pki.crls import reason_in
from runner.pki.names import name_from_der
from runner.pki.signing import verify_signature
from runner.report.canonical import rfc3339
from runner.report.json_report import serial_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.asn1.x509 import RevokedCertificate

_LISTED = 20
"""How many entries of a CRL are listed; the rest is counted."""


def describe_certificate(der: bytes) -> Entry:
    """A certificate. Malformed where it is not one."""
    certificate = parse_certificate(der)
    return "Certificate", [
        ("SubjectName", f"<{certificate.subject}>"),
        ("IssuerName", f"<{certificate.issuer}>"),
        ("SerialNumber", serial(certificate.serial)),
        ("SignatureAlgorithm", algorithm_name(certificate.signature_algorithm.algorithm)),
        (
            "Validity",
            [("NotBefore", rfc3339(certificate.not_before)), ("NotAfter", rfc3339(certificate.not_after))],
        ),
        ("PublicKeyInfo", public_key_entries(certificate.public_key_info)),
        *present(("Extensions", extension_entries(certificate.extensions))),
        ("Fingerprints", _fingerprints(der)),
    ]


def _fingerprints(der: bytes) -> list[Entry]:
    sha1 = hashlib.sha1(der, usedforsecurity=False)  # people compare it with what older tools print
    return [("SHA-256", hashlib.sha256(der).hexdigest()), ("SHA-1", sha1.hexdigest())]


def serial(number: int) -> str:
    """A serial number in decimal and in hexadecimal, since tools differ in which they print."""
    return f"{number} (hex {serial_text(number)})"


def algorithm_name(oid: str) -> str:
    """A signature algorithm in the words of `ssh-cmpclient-g3`; its object identifier where it has none."""
    if oid in RSA_SIGNATURES:
        return f"rsa-pkcs1-{RSA_SIGNATURES[oid]}"
    if oid in ECDSA_SIGNATURES:
        return f"ecdsa-{ECDSA_SIGNATURES[oid]}"
    return {RSASSA_PSS: "rsa-pss", ED25519: "ed25519", ED448: "ed448"}.get(oid, oid)


def describe_request(der: bytes) -> Entry:
    """A PKCS #10 request (RFC 2986), and whether its signature proves possession. Malformed where it is not one."""
    try:
        request = load_der_x509_csr(der)
        subject, key = request.subject.public_bytes(), public_key_info(request.public_key())
        wanted = tuple(
            Extension(extn_id=e.oid.dotted_string, critical=e.critical, extn_value=e.value.public_bytes())
            for e in request.extensions
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise Malformed("not a certificate request that can be read") from problem
    return "CertificateRequest", [
        ("SubjectName", f"<{name_from_der(subject)}>"),
        ("SignatureAlgorithm", algorithm_name(request.signature_algorithm_oid.dotted_string)),
        ("Signature", "proves possession of the key" if _proves_possession(der, key) else "does not verify"),
        ("PublicKeyInfo", public_key_entries(key)),
        *present(("Extensions", extension_entries(wanted))),
    ]


def _proves_possession(request: bytes, key: bytes) -> bool:
    """Whether the request is signed with its own key. SHA-1 will do: the algorithm is shown, and judged by others."""
    signed = decode(Signed, request)
    try:
        return verify_signature(key, signed.signature_algorithm, signed.signature, signed.tbs, allow_sha1=True)
    except Malformed:  # a key or parameters of a kind that nothing here verifies with
        return False


def describe_crl(der: bytes) -> Entry:
    """A certificate revocation list. Malformed where it is not one."""
    signed = decode(Signed, der)
    tbs = decode(TBSCertList, signed.tbs)
    number = ext.find_extension(tbs.crl_extensions, ext.CRL_NUMBER)
    return "CRL", present(
        ("IssuerName", f"<{name_from_der(tbs.issuer)}>"),
        ("CRLNumber", None if number is None else str(INTEGER.decode(number))),
        ("SignatureAlgorithm", algorithm_name(signed.signature_algorithm.algorithm)),
        ("ThisUpdate", rfc3339(tbs.this_update)),
        ("NextUpdate", None if tbs.next_update is None else rfc3339(tbs.next_update)),
        ("Revoked", _revoked(tbs.revoked_certificates)),
        ("Fingerprints", _fingerprints(der)),
    )


def _revoked(revoked: Sequence[RevokedCertificate]) -> list[Entry]:
    listed: list[Entry] = [(serial(entry.user_certificate), _when_and_why(entry)) for entry in revoked[:_LISTED]]
    more = len(revoked) - _LISTED
    return [("Count", str(len(revoked))), *listed, *([("More", f"{more} not listed")] if more > 0 else [])]


def _when_and_why(entry: RevokedCertificate) -> str:
    return f"{rfc3339(entry.revocation_date)} {reason_in(entry.crl_entry_extensions)}".rstrip()


def extension_entries(extensions: Sequence[Extension]) -> list[Entry]:
    """Each extension with what it says; those that are not known here with their size."""
    return [(_label(extension), _said(extension)) for extension in extensions]


def _label(extension: Extension) -> str:
    name = _KNOWN[extension.extn_id][0] if extension.extn_id in _KNOWN else extension.extn_id
    return f"{name} (critical)" if extension.critical else name


def _said(extension: Extension) -> str:
    if extension.extn_id not in _KNOWN:
        return f"{len(extension.extn_value)} octets"
    try:
        return _KNOWN[extension.extn_id][1]((extension,))
    except Malformed:
        return "cannot be read"


def _key_usage(extensions: Sequence[Extension]) -> str:
    usages = ext.key_usages_in(extensions) or frozenset()
    return ", ".join(usage for usage in ext.KEY_USAGES if usage in usages)


def _extended_key_usage(extensions: Sequence[Extension]) -> str:
    oids = ext.extended_key_usages_in(extensions) or frozenset()
    return ", ".join(sorted(map(ext.extended_key_usage_name, oids)))


def _alt_names(extensions: Sequence[Extension]) -> str:
    return ", ".join(map(str, ext.alt_names_in(extensions)))


def _basic_constraints(extensions: Sequence[Extension]) -> str:
    constraints = ext.basic_constraints_in(extensions)
    length = "" if constraints.path_len_constraint is None else f", path length {constraints.path_len_constraint}"
    return ("CA" if constraints.ca else "no CA") + length


def _subject_key_identifier(extensions: Sequence[Extension]) -> str:
    return (ext.subject_key_identifier_in(extensions) or b"").hex()


def _authority_key_identifier(extensions: Sequence[Extension]) -> str:
    return (ext.authority_key_identifier_in(extensions) or b"").hex() or "without a key identifier"


_KNOWN: dict[str, tuple[str, Callable[[Sequence[Extension]], str]]] = {
    ext.SUBJECT_ALT_NAME: ("SubjectAltName", _alt_names),
    ext.KEY_USAGE: ("KeyUsage", _key_usage),
    ext.EXTENDED_KEY_USAGE: ("ExtendedKeyUsage", _extended_key_usage),
    ext.BASIC_CONSTRAINTS: ("BasicConstraints", _basic_constraints),
    ext.SUBJECT_KEY_IDENTIFIER: ("SubjectKeyID", _subject_key_identifier),
    ext.AUTHORITY_KEY_IDENTIFIER: ("AuthorityKeyID", _authority_key_identifier),
}
"""Extensions that are put into words: label and reader."""
