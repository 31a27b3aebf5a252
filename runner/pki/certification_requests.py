"""PKCS #10 requests (RFC 2986): read from a file and checked, or made from a profile and signed by its key.

The signature over a request is its proof-of-possession; whoever reads one checks it.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import field
from re import compile as regex
from typing import TYPE_CHECKING

from runner.asn1.pkcs10 import EXTENSION_REQUEST, CertificationRequestInfo, RequestAttribute
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import EXTENSIONS, Extension, Signed
from runner.errors import Malformed
from runner.pki.extensions import alt_names_in, check_readable, extended_key_usages_in, key_usages_in
from runner.pki.names import Name, name_from_der
from runner.pki.profile import Profile, further_extensions
from runner.pki.signing import verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.pki.signing import Signer

_PEM = regex(rb"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([^-]*)-----END \1-----")


@frozen
class CertificationRequest:
    """What a request says, and all of it in `der`."""

    der: bytes = field(repr=False)
    subject: Name
    public_key_info: bytes = field(repr=False)
    extensions: tuple[Extension, ...] = field(repr=False)

    @property
    def profile(self) -> Profile:
        """What it asks for, as templates say it."""
        found = self.extensions
        purposes = extended_key_usages_in(found) or frozenset()
        usages = key_usages_in(found) or frozenset()
        return Profile(
            self.subject,
            alt_names_in(found),
            tuple(sorted(usages)),
            tuple(sorted(purposes)),
            further_extensions(found),
        )


def request_in(octets: bytes) -> CertificationRequest:
    """The request in a file's octets, PEM or DER. Malformed where there is none, or its key has not signed it."""
    der = octets
    if octets[:1] != b"\x30" or octets[1:2] < b"\x80":
        block = _PEM.search(octets)
        if block is None:
            raise Malformed("there is no certificate request in it", why="neither DER nor PEM with CERTIFICATE REQUEST")
        der = _base64(block[2])
    return parse_request(der)


def _base64(block: bytes) -> bytes:
    try:
        return b64decode(block)
    except ValueError as problem:
        raise Malformed("a PEM block is not base64") from problem


def parse_request(der: bytes) -> CertificationRequest:
    """The CertificationRequest whose DER this is, its signature checked."""
    signed = decode(Signed, der)
    info = decode(CertificationRequestInfo, signed.tbs)
    extensions = tuple(_extensions_in(info.attributes or ()))
    check_readable(extensions)
    algorithm, key = signed.signature_algorithm, info.subject_pk_info
    if not verify_signature(key, algorithm, signed.signature, signed.tbs, allow_sha1=True):
        raise Malformed("the certificate request proves nothing", why="it is not signed by its own key")
    return CertificationRequest(der, name_from_der(info.subject), key, extensions)


def _extensions_in(attributes: Iterable[RequestAttribute]) -> Iterable[Extension]:
    for attribute in attributes:
        if attribute.type == EXTENSION_REQUEST:
            for value in attribute.values:
                yield from EXTENSIONS.decode(value)


def make_request(subject: bytes, extensions: tuple[Extension, ...], signer: Signer) -> bytes:
    """The DER of a request for `signer`'s key. `subject` is a Name, DER."""
    asked = RequestAttribute(type=EXTENSION_REQUEST, values=(EXTENSIONS.encode(extensions),))
    info = CertificationRequestInfo(
        version=0,
        subject=subject,
        subject_pk_info=signer.public_key_info,
        attributes=(asked,) if extensions else (),
    )
    tbs = encode(info)
    return encode(Signed(tbs=tbs, signature_algorithm=signer.algorithm, signature=signer.sign(tbs)))
