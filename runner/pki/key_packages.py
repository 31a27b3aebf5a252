"""Keys that the CA made for us: SignedData over an AsymmetricKeyPackage (RFC 9483 §4.1.6, RFC 5958).

What open_envelope gave is judged here: one signer, whose certificate may speak as key generation authority; one key,
whose halves match. That the key is that of the issued certificate is for the caller to check by `public_key_info`.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from runner.asn1.signed import ASYMMETRIC_KEY_PACKAGE, ASYMMETRIC_KEYS, OneAsymmetricKey, SignedData
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import Malformed, Unauthentic
from runner.pki.certificates import parse_certificate
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usages_in, key_usages_in
from runner.pki.paths import find_path
from runner.pki.signed_data import Content, sign, signed_by
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

_NOUN = "key package"
_PRIVATE_KEY_INFO = 0
_KEY_WITH_PUBLIC_HALF = 1


@frozen
class KeyPackage:
    """A private key (PrivateKeyInfo, DER), its public half (SubjectPublicKeyInfo, DER), and who signed, if any."""

    private_key_info: bytes = field(repr=False)
    public_key_info: bytes = field(repr=False)
    signer: Certificate | None = None


def open_key_package(
    signed_data: bytes, anchors: Iterable[Certificate] | None, now: datetime, known: Iterable[Certificate] = ()
) -> KeyPackage:
    """The key in a SignedData (DER, without ContentInfo around it).

    `anchors` judge the signer, which must be a key generation authority (cmKGA); None where the message itself was
    protected by a MAC, whose owner may give us any key. `known` are untrusted intermediates. Unauthentic or Malformed
    say what is wrong.
    """
    signed = decode(SignedData, signed_data)
    content = signed.encap_content_info.e_content
    if signed.encap_content_info.e_content_type != ASYMMETRIC_KEY_PACKAGE or content is None:
        raise Malformed("the signed content is no key package", why=signed.encap_content_info.e_content_type)
    signer = signed_by(signed, Content(ASYMMETRIC_KEY_PACKAGE, content, _NOUN))
    if anchors is not None:
        certificates = map(parse_certificate, signed.certificates)
        _check_authority(signer, (*certificates, *known), anchors, now)
    private, public = open_one_key(content)
    return KeyPackage(private, public, signer)


def _check_authority(
    signer: Certificate, known: Iterable[Certificate], anchors: Iterable[Certificate], now: datetime
) -> None:
    """The signer has a path to what we trust and is a key generation authority (RFC 9483 §4.1.6, RFC 9480 §2.2)."""
    find_path(signer, known, anchors, now)
    if EXTENDED_KEY_USAGES["cmKGA"] not in (extended_key_usages_in(signer.extensions) or frozenset()):
        raise Unauthentic(
            f'"{signer.subject}" is no key generation authority', why="its extended key usage lacks cmKGA"
        )
    usages = key_usages_in(signer.extensions)
    if usages is not None and "digitalSignature" not in usages:
        raise Unauthentic(f'"{signer.subject}" may not sign', why="its keyUsage lacks digitalSignature")


def open_one_key(key_package: bytes) -> tuple[bytes, bytes]:
    """The one key of an AsymmetricKeyPackage: (PrivateKeyInfo, SubjectPublicKeyInfo), both DER; Malformed else."""
    keys = ASYMMETRIC_KEYS.decode(key_package)
    if len(keys) != 1:
        raise Malformed("a key package for us holds one key", why=f"it holds {len(keys)}")
    return private_and_public(keys[0])


def private_and_public(key: OneAsymmetricKey) -> tuple[bytes, bytes]:
    """(PrivateKeyInfo, SubjectPublicKeyInfo) of a key; Malformed where it cannot be read or its halves do not match."""
    plain = encode(
        OneAsymmetricKey(
            version=_PRIVATE_KEY_INFO, private_key_algorithm=key.private_key_algorithm, private_key=key.private_key
        )
    )
    public = _public_half(plain)
    if key.public_key is not None and key.public_key != decode(SubjectPublicKeyInfo, public).subject_public_key:
        raise Malformed("the private key that came is not that of the public key beside it")
    return plain, public


def _public_half(private_key_info: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a private key. What is wrong with one is not told: the words could tell of it."""
    try:
        key = load_der_private_key(private_key_info, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Malformed("the private key that came cannot be read, or is of a kind that we do not know") from None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make_key_package(private_key_info: bytes, signer: Signer, chain: tuple[Certificate, ...]) -> bytes:
    """The SignedData (DER) over one private key (PrivateKeyInfo, DER). `chain` begins with the signer's certificate."""
    octets = ASYMMETRIC_KEYS.encode((_with_public_half(private_key_info),))
    return encode(sign(Content(ASYMMETRIC_KEY_PACKAGE, octets, _NOUN), signer, chain))


def _with_public_half(private_key_info: bytes) -> OneAsymmetricKey:
    plain = decode(OneAsymmetricKey, private_key_info)
    public = decode(SubjectPublicKeyInfo, _public_half(private_key_info)).subject_public_key
    return OneAsymmetricKey(
        version=_KEY_WITH_PUBLIC_HALF,
        private_key_algorithm=plain.private_key_algorithm,
        private_key=plain.private_key,
        public_key=public,
    )
