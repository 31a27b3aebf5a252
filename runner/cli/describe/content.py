"""What octets are, by their content: PEM or DER, and what is inside. The content itself is never quoted."""

from __future__ import annotations

from base64 import b64decode
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING

from runner.cli.describe.keys import describe_private_key, describe_public_key, sealed_key
from runner.cli.describe.message import describe_message
from runner.cli.describe.x509 import describe_certificate, describe_crl, describe_request
from runner.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.cli.describe.blocks import Entry

_PEM = regex(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s(.*?)-----END \1-----", DOTALL)
_DER: tuple[Callable[[bytes], Entry], ...] = (
    describe_certificate,
    describe_crl,
    describe_message,
    describe_request,
    describe_public_key,
    describe_private_key,
)
"""What DER may be; the first that can read it names it."""
_LABELS: dict[bytes, Callable[[bytes], Entry]] = {
    b"CERTIFICATE": describe_certificate,
    b"X509 CERTIFICATE": describe_certificate,
    b"CERTIFICATE REQUEST": describe_request,
    b"NEW CERTIFICATE REQUEST": describe_request,
    b"X509 CRL": describe_crl,
    b"PUBLIC KEY": describe_public_key,
    b"RSA PUBLIC KEY": describe_public_key,
    b"PRIVATE KEY": describe_private_key,
    b"RSA PRIVATE KEY": describe_private_key,
    b"EC PRIVATE KEY": describe_private_key,
    b"DSA PRIVATE KEY": describe_private_key,
    b"ENCRYPTED PRIVATE KEY": lambda _der: sealed_key(),
    b"CMP MESSAGE": describe_message,
}
"""PEM labels (RFC 7468, and what older tools write)."""


def describe(octets: bytes) -> list[Entry]:
    """Everything in a file's octets: one thing in DER, or any number in PEM. Malformed where it is none of ours."""
    if octets[:1] == b"\x30":
        return [_described(octets)]
    found = [_pem(match[1], match[2], match[0]) for match in _PEM.finditer(octets)]
    if not found:
        return [_foreign_key(octets)]
    return found


def _foreign_key(octets: bytes) -> Entry:
    """A private key in a format of its own armour, or none: ssh.com's, SSH 1's, JWK."""
    try:
        return describe_private_key(octets)
    except Malformed:
        raise Malformed(
            "it holds nothing that is known here",
            why="neither PEM nor DER of a certificate, request, CRL, key or PKIMessage, nor a key of any known format",
        ) from None


def _described(der: bytes) -> Entry:
    for kind in _DER:
        try:
            return kind(der)
        except Malformed:
            continue
    raise Malformed(
        "its ASN.1 is nothing that is known here",
        why="it may be cut short, or be of another kind than a certificate, request, CRL, key or PKIMessage",
    )


def _pem(label: bytes, body: bytes, whole: bytes) -> Entry:
    name = label.decode()
    if label in (b"OPENSSH PRIVATE KEY", b"SSH X.509 PRIVATE KEY"):
        return _checked(name, describe_private_key, whole)
    if label not in _LABELS:
        raise Malformed(f"a PEM block of the kind {name} is not known here")
    if b"Proc-Type: 4,ENCRYPTED" in body:  # RFC 1421, as OpenSSL's older private keys have it
        return sealed_key()
    try:
        der = b64decode(b"".join(body.split()), validate=True)
    except ValueError as problem:
        raise Malformed(f"the PEM block {name} is not base64") from problem
    return _checked(name, _LABELS[label], der)


def _checked(name: str, describe_one: Callable[[bytes], Entry], octets: bytes) -> Entry:
    try:
        return describe_one(octets)
    except Malformed as problem:
        raise Malformed(f"the PEM block {name} cannot be read", why="its ASN.1 is not what the name says") from problem
