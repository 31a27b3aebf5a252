"""CMS SignedData with one signer: made, and judged (RFC 5652 §5; RFC 8419, RFC 9882 for signatures without a hash).

What may be signed by whom is for the caller: key_packages (central key generation) and evidence (signed reports).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from runner.asn1.algorithms import DER_NULL, HASHES, RSA_ENCRYPTION, RSA_SIGNATURES, AlgorithmIdentifier
from runner.asn1.cms import ATTRIBUTES, Attribute
from runner.asn1.primitives import OBJECT_IDENTIFIER, OCTET_STRING
from runner.asn1.signed import CONTENT_TYPE, MESSAGE_DIGEST, EncapsulatedContentInfo, SignedData, SignerInfo
from runner.errors import Unauthentic
from runner.pki.certificate_hashes import implied_hash
from runner.pki.certificates import parse_certificate
from runner.pki.envelopes import recipient_of
from runner.pki.recipients import is_identified
from runner.pki.signing import verify_signature
from runner.values import frozen

if TYPE_CHECKING:
    from runner.pki.certificates import Certificate
    from runner.pki.signing import Signer

DATA = "1.2.840.113549.1.7.1"
"""id-data: content of no particular kind."""
_SHAKE256 = "2.16.840.1.101.3.4.2.12"


@frozen
class Content:
    """What is signed: its type (an OID), its octets, and what people call it."""

    kind: str
    octets: bytes
    noun: str


def signed_by(signed: SignedData, content: Content) -> Certificate:
    """The certificate, out of `signed`, whose key signed the content rightly; Unauthentic says why there is none."""
    if len(signed.signer_infos) != 1:
        raise Unauthentic(f"a {content.noun} has one signer", why=f"it has {len(signed.signer_infos)}")
    info = signed.signer_infos[0]
    certificates = (parse_certificate(der) for der in signed.certificates)
    signer = next((certificate for certificate in certificates if is_identified(info.sid, certificate)), None)
    if signer is None:
        raise Unauthentic(f"the certificate of the {content.noun}'s signer does not come with it")
    _check_attributes(info, content)
    octets = info.signed_attrs or b""
    if not verify_signature(signer.public_key_info, _signature_algorithm(info), info.signature, octets):
        raise Unauthentic(f'the {content.noun} is not signed by "{signer.subject}", as it says')
    return signer


def _signature_algorithm(info: SignerInfo) -> AlgorithmIdentifier:
    """The signature algorithm; `rsaEncryption` stands for PKCS#1 v1.5 with the digest algorithm (RFC 3370 §3.2)."""
    if info.signature_algorithm.algorithm != RSA_ENCRYPTION:
        return info.signature_algorithm
    named = HASHES.get(info.digest_algorithm.algorithm)
    oids = (oid for oid, name in RSA_SIGNATURES.items() if name == named)
    return AlgorithmIdentifier(algorithm=next(oids, RSA_ENCRYPTION), parameters=DER_NULL)


def _check_attributes(info: SignerInfo, content: Content) -> None:
    """The signed attributes are about this content (RFC 5652 §5.4)."""
    if info.signed_attrs is None:
        raise Unauthentic(f"the {content.noun}'s signature has no signed attributes")
    attributes = ATTRIBUTES.decode(info.signed_attrs)
    if OBJECT_IDENTIFIER.decode(_value(attributes, CONTENT_TYPE, content)) != content.kind:
        raise Unauthentic(f"the {content.noun}'s signature is about another type of content")
    digest = OCTET_STRING.decode(_value(attributes, MESSAGE_DIGEST, content))
    if not hmac.compare_digest(digest, _digest(info.digest_algorithm, content)):
        raise Unauthentic(f"the {content.noun} was changed after it was signed")


def _value(attributes: tuple[Attribute, ...], oid: str, content: Content) -> bytes:
    values = [value for attribute in attributes if attribute.attr_type == oid for value in attribute.attr_values]
    if len(values) != 1:
        raise Unauthentic(f"the {content.noun}'s signature lacks a signed attribute", why=oid)
    return values[0]


def _digest(algorithm: AlgorithmIdentifier, content: Content) -> bytes:
    if algorithm.algorithm == _SHAKE256:
        return hashlib.shake_256(content.octets).digest(64)  # RFC 8419 §3.1
    name = HASHES.get(algorithm.algorithm)
    if name is None or name == "sha1":
        raise Unauthentic(f"the {content.noun} is signed with a hash that is not accepted", why=algorithm.algorithm)
    return hashlib.new(name, content.octets).digest()


def sign(content: Content, signer: Signer, chain: tuple[Certificate, ...], *, detached: bool = False) -> SignedData:
    """The content signed; `chain` begins with the signer's certificate. `detached`: the content does not go along."""
    digest_algorithm = _digest_algorithm(signer)
    signed_attrs = ATTRIBUTES.encode(_attributes(content, digest_algorithm))
    sid = recipient_of(chain[0]).rid
    version = 1 if sid.name == "issuer_and_serial" else 3
    info = SignerInfo(
        version=version,
        sid=sid,
        digest_algorithm=digest_algorithm,
        signed_attrs=signed_attrs,
        signature_algorithm=signer.algorithm,
        signature=signer.sign(signed_attrs),
    )
    carried = None if detached else content.octets
    return SignedData(
        version=version if content.kind == DATA else 3,
        digest_algorithms=(digest_algorithm,),
        encap_content_info=EncapsulatedContentInfo(e_content_type=content.kind, e_content=carried),
        certificates=tuple(certificate.der for certificate in chain),
        signer_infos=(info,),
    )


def _digest_algorithm(signer: Signer) -> AlgorithmIdentifier:
    """The hash of the signature, or what goes with a signature that has none (RFC 8419 §3.1, RFC 9882 §3.3)."""
    named = implied_hash(signer.algorithm) or "sha512"
    oid = _SHAKE256 if named == "shake_256" else next(oid for oid, name in HASHES.items() if name == named)
    return AlgorithmIdentifier(algorithm=oid)


def _attributes(content: Content, digest_algorithm: AlgorithmIdentifier) -> tuple[Attribute, ...]:
    kind = OBJECT_IDENTIFIER.encode(content.kind)
    digest = OCTET_STRING.encode(_digest(digest_algorithm, content))
    return (
        Attribute(attr_type=CONTENT_TYPE, attr_values=(kind,)),
        Attribute(attr_type=MESSAGE_DIGEST, attr_values=(digest,)),
    )
