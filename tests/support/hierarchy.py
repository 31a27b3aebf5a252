"""Certificates of every sort, made by `cryptography`: roots, CAs, end entities, and the broken ones among them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from support.ambient import NOON

from runner.pki.certificates import Certificate, parse_certificate

START, END = NOON - timedelta(days=10), NOON + timedelta(days=90)
CERT_SIGN, SIGN = frozenset({"key_cert_sign", "crl_sign"}), frozenset({"digital_signature"})
_USAGES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
_numbers = count(1)


def key_usage(usages: frozenset[str]) -> x509.KeyUsage:
    bits = {name: name in usages for name in _USAGES.split()}
    return x509.KeyUsage(**bits, encipher_only=False, decipher_only=False)


def name(text: str) -> x509.Name:
    """A Name whose only attribute is CN, or the one that an RFC 4514 text means."""
    return (
        x509.Name.from_rfc4514_string(text)
        if "=" in text
        else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    )


@dataclass(frozen=True)
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Ed25519PrivateKey

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def ours(self) -> Certificate:
        return parse_certificate(self.der)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def public_key_info(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issue(
    subject: str | x509.Name,
    issuer: Holder | None = None,
    *,
    ca: bool | None = None,
    path_length: int | None = None,
    usages: frozenset[str] | None = None,
    valid: tuple = (START, END),
    more: tuple = (),
    key=None,
    serial: int | None = None,
    identifiers: bool = True,
    authority_key: bytes | None = None,
    issuer_name: x509.Name | None = None,
) -> Holder:
    """A certificate for a subject, self-signed where there is no issuer. `more` are (extension, critical)."""
    key = key or Ed25519PrivateKey.generate()
    subject = name(subject) if isinstance(subject, str) else subject
    signer = issuer.key if issuer else key
    named = issuer_name or (issuer.certificate.subject if issuer else subject)
    builder = x509.CertificateBuilder(named, subject, key.public_key(), serial or next(_numbers), *valid)
    for extension, critical in (*_usual(key, signer, ca, path_length, usages, identifiers, authority_key), *more):
        builder = builder.add_extension(extension, critical)
    return Holder(builder.sign(signer, None), key)


def _usual(key, signer, ca, path_length, usages, identifiers, authority_key):
    if ca is not None:
        yield x509.BasicConstraints(ca, path_length), True
    if usages is not None:
        yield key_usage(usages), True
    if identifiers:
        yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        yield x509.AuthorityKeyIdentifier(authority_key, None, None) if authority_key else authority, False


def root(subject: str | x509.Name = "Root", **more) -> Holder:
    return issue(subject, ca=True, **{"usages": CERT_SIGN} | more)


def authority(subject: str, issuer: Holder, **more) -> Holder:
    return issue(subject, issuer, **{"ca": True, "usages": CERT_SIGN} | more)


def entity(subject: str, issuer: Holder, **more) -> Holder:
    return issue(subject, issuer, **{"ca": False, "usages": SIGN} | more)


def openssl_verify(openssl, folder, target: Holder, untrusted, anchors) -> subprocess.CompletedProcess:
    """What `openssl verify` says at NOON; anchors need not be self-signed, as with us."""
    for file, holders in (("target", [target]), ("untrusted", untrusted), ("anchors", anchors)):
        (folder / f"{file}.pem").write_bytes(b"".join(holder.pem for holder in holders))
    files = ["-CAfile", folder / "anchors.pem", *(["-untrusted", folder / "untrusted.pem"] if untrusted else [])]
    command = [openssl, "verify", "-partial_chain", "-attime", str(int(NOON.timestamp())), *files]
    return subprocess.run([*command, folder / "target.pem"], capture_output=True, text=True, check=False)
