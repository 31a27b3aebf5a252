"""Keys that the CA made for us: SignedData over an AsymmetricKeyPackage (RFC 9483 §4.1.6, RFC 5958; dossier §3.9).

What open_envelope gave is judged here: one signer, whose certificate may speak as key generation authority; one key,
whose halves match. That the key is that of the issued certificate is for the caller to check by `public_key_info`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from runner.asn1.algorithms import DER_NULL, HASHES, RSA_ENCRYPTION, RSA_SIGNATURES, AlgorithmIdentifier
from runner.asn1.cms import ATTRIBUTES, Attribute
from runner.asn1.primitives import OBJECT_IDENTIFIER, OCTET_STRING
from runner.asn1.signed import (
    ASYMMETRIC_KEY_PACKAGE,
    ASYMMETRIC_KEYS,
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    EncapsulatedContentInfo,
    OneAsymmetricKey,
    SignedData,
    SignerInfo,
)
from runner.asn1.structures import decode, encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import Malformed, Unauthentic
from runner.pki.certificate_hashes import implied_hash
from runner.pki.certificates import parse_certificate
from runner.pki.envelopes import recipient_of
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usages_in, key_usages_in
from runner.pki.paths import find_path
from runner.pki.recipients import is_identified
from runner.pki.signing import verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

_SHAKE256 = "2.16.840.1.101.3.4.2.12"
_VERSION = 3
_PRIVATE_KEY_INFO = 0
_KEY_WITH_PUBLIC_HALF = 1


@dataclass(frozen=True, slots=True)
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
    certificates = tuple(parse_certificate(der) for der in signed.certificates)
    signer = _checked_signer(signed, content, certificates)
    if anchors is not None:
        _check_authority(signer, (*certificates, *known), anchors, now)
    private, public = open_one_key(content)
    return KeyPackage(private, public, signer)


def _checked_signer(signed: SignedData, content: bytes, certificates: tuple[Certificate, ...]) -> Certificate:
    """The certificate whose key signed the content, rightly."""
    if len(signed.signer_infos) != 1:
        raise Unauthentic("a key package has one signer", why=f"it has {len(signed.signer_infos)}")
    info = signed.signer_infos[0]
    signer = next((c for c in certificates if is_identified(info.sid, c)), None)
    if signer is None:
        raise Unauthentic("the certificate of the key package's signer does not come with it")
    _check_attributes(info, content)
    octets = info.signed_attrs or b""
    if not verify_signature(signer.public_key_info, _signature_algorithm(info), info.signature, octets):
        raise Unauthentic(f'the key package is not signed by "{signer.subject}", as it says')
    return signer


def _signature_algorithm(info: SignerInfo) -> AlgorithmIdentifier:
    """The signature algorithm; `rsaEncryption` stands for PKCS#1 v1.5 with the digest algorithm (RFC 3370 §3.2)."""
    if info.signature_algorithm.algorithm != RSA_ENCRYPTION:
        return info.signature_algorithm
    named = HASHES.get(info.digest_algorithm.algorithm)
    oids = (oid for oid, name in RSA_SIGNATURES.items() if name == named)
    return AlgorithmIdentifier(algorithm=next(oids, RSA_ENCRYPTION), parameters=DER_NULL)


def _check_attributes(info: SignerInfo, content: bytes) -> None:
    """The signed attributes are about this content (RFC 5652 §5.4)."""
    if info.signed_attrs is None:
        raise Unauthentic("the key package's signature has no signed attributes")
    attributes = ATTRIBUTES.decode(info.signed_attrs)
    if OBJECT_IDENTIFIER.decode(_value(attributes, CONTENT_TYPE)) != ASYMMETRIC_KEY_PACKAGE:
        raise Unauthentic("the key package's signature is about another type of content")
    digest = OCTET_STRING.decode(_value(attributes, MESSAGE_DIGEST))
    if not hmac.compare_digest(digest, _digest(info.digest_algorithm, content)):
        raise Unauthentic("the key package was changed after it was signed")


def _value(attributes: tuple[Attribute, ...], oid: str) -> bytes:
    values = [value for attribute in attributes if attribute.attr_type == oid for value in attribute.attr_values]
    if len(values) != 1:
        raise Unauthentic("the key package's signature lacks a signed attribute", why=oid)
    return values[0]


def _digest(algorithm: AlgorithmIdentifier, octets: bytes) -> bytes:
    if algorithm.algorithm == _SHAKE256:
        return hashlib.shake_256(octets).digest(64)  # RFC 8419 §3.1
    name = HASHES.get(algorithm.algorithm)
    if name is None or name == "sha1":
        raise Unauthentic("the key package is signed with a hash that is not accepted", why=algorithm.algorithm)
    return hashlib.new(name, octets).digest()


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
    content = ASYMMETRIC_KEYS.encode((_with_public_half(private_key_info),))
    digest_algorithm = _digest_algorithm(signer)
    signed_attrs = ATTRIBUTES.encode(_attributes(content, digest_algorithm))
    info = SignerInfo(
        version=_VERSION,
        sid=recipient_of(chain[0]).rid,
        digest_algorithm=digest_algorithm,
        signed_attrs=signed_attrs,
        signature_algorithm=signer.algorithm,
        signature=signer.sign(signed_attrs),
    )
    return encode(
        SignedData(
            version=_VERSION,
            digest_algorithms=(digest_algorithm,),
            encap_content_info=EncapsulatedContentInfo(e_content_type=ASYMMETRIC_KEY_PACKAGE, e_content=content),
            certificates=tuple(certificate.der for certificate in chain),
            signer_infos=(info,),
        )
    )


def _with_public_half(private_key_info: bytes) -> OneAsymmetricKey:
    plain = decode(OneAsymmetricKey, private_key_info)
    public = decode(SubjectPublicKeyInfo, _public_half(private_key_info)).subject_public_key
    return OneAsymmetricKey(
        version=_KEY_WITH_PUBLIC_HALF,
        private_key_algorithm=plain.private_key_algorithm,
        private_key=plain.private_key,
        public_key=public,
    )


def _digest_algorithm(signer: Signer) -> AlgorithmIdentifier:
    """The hash of the signature, or what goes with a signature that has none (RFC 8419 §3.1, RFC 9882 §3.3)."""
    named = implied_hash(signer.algorithm) or "sha512"
    oid = _SHAKE256 if named == "shake_256" else next(oid for oid, name in HASHES.items() if name == named)
    return AlgorithmIdentifier(algorithm=oid)


def _attributes(content: bytes, digest_algorithm: AlgorithmIdentifier) -> tuple[Attribute, ...]:
    kind = OBJECT_IDENTIFIER.encode(ASYMMETRIC_KEY_PACKAGE)
    digest = OCTET_STRING.encode(_digest(digest_algorithm, content))
    return (
        Attribute(attr_type=CONTENT_TYPE, attr_values=(kind,)),
        Attribute(attr_type=MESSAGE_DIGEST, attr_values=(digest,)),
    )
