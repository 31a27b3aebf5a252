"""Key pairs as objects of a PKCS#11 token: found by label and id, described by their public half, named anew.

What is found is the token library's own object, good for as long as its session is. No private value is ever read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runner.asn1.algorithms import ED448, ED25519, AlgorithmIdentifier
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import encode
from runner.asn1.x509 import SubjectPublicKeyInfo
from runner.errors import KeyStoreError, Malformed
from runner.keystores.tokenmodules import binding

if TYPE_CHECKING:
    from runner.pki.tokenuris import TokenUri

_ID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_EDWARDS = {
    b"\x06\x03\x2b\x65\x70": ED25519,
    b"\x13\x0cedwards25519": ED25519,
    b"\x06\x03\x2b\x65\x71": ED448,
    b"\x13\x0aedwards448": ED448,
}
"""CKA_EC_PARAMS of Edwards curves, by OID (RFC 8410) or by name (PKCS#11 v3.0 §2.3.10)."""


def private_key(session: Any, uri: TokenUri) -> Any:
    """The private key of a URI. KeyStoreError where there is none, or more than one."""
    found = _objects(session, uri, binding().ObjectClass.PRIVATE_KEY)
    if not found:
        raise KeyStoreError(
            f"there is no private key {_named(uri)} in the token {uri.token}".rstrip(),
            next_step="compare with pkcs11-tool --login --list-objects --type privkey",
        )
    if len(found) > 1:
        raise KeyStoreError(f"there is more than one private key {_named(uri)}", next_step="add id= to the key URL")
    return found[0]


def public_key(session: Any, uri: TokenUri) -> Any | None:
    """The public key of a URI, which most tokens show to everybody; None where it is not to be seen."""
    found = _objects(session, uri, binding().ObjectClass.PUBLIC_KEY)
    return found[0] if len(found) == 1 else None


def everything(session: Any, uri: TokenUri) -> list[Any]:
    """All halves of keys that a URI names."""
    kinds = binding().ObjectClass
    return [each for kind in (kinds.PRIVATE_KEY, kinds.PUBLIC_KEY) for each in _objects(session, uri, kind)]


def _objects(session: Any, uri: TokenUri, kind: Any) -> list[Any]:
    attribute = binding().Attribute
    wanted = {attribute.CLASS: kind}
    if uri.object:
        wanted[attribute.LABEL] = uri.object
    if uri.id:
        wanted[attribute.ID] = bytes.fromhex(uri.id)
    return list(session.get_objects(wanted))


def _named(uri: TokenUri) -> str:
    return " ".join(filter(None, (f'"{uri.object}"' if uri.object else "", f"id {uri.id}" if uri.id else "")))


def public_key_info(session: Any, uri: TokenUri, private: Any) -> bytes:
    """The SubjectPublicKeyInfo of a key pair; an RSA private key shows its own. KeyStoreError where nothing does."""
    public = public_key(session, uri)
    try:
        if public is not None:
            return info_of(public)
        if private.key_type is binding().KeyType.RSA:
            return info_of(private)
    except Malformed:
        raise KeyStoreError(f"the public key {_named(uri)} is of a kind that is not known here") from None
    raise KeyStoreError(
        f"the public half of the key {_named(uri)} is not in the token",
        next_step="write it there: pkcs11-tool --write-object FILE --type pubkey, with the same label and id",
    )


def info_of(public: Any) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a public key's attributes. Malformed for kinds that are not known."""
    kinds, attribute = binding().KeyType, binding().Attribute
    if public.key_type is kinds.RSA:
        n, e = (int.from_bytes(public[each], "big") for each in (attribute.MODULUS, attribute.PUBLIC_EXPONENT))
        return RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parameters = public[attribute.EC_PARAMS]
    if public.key_type is kinds.EC:
        algorithm = AlgorithmIdentifier(algorithm=_ID_EC_PUBLIC_KEY, parameters=parameters)
    elif public.key_type is kinds.EC_EDWARDS and parameters in _EDWARDS:
        algorithm = AlgorithmIdentifier(algorithm=_EDWARDS[parameters])
    else:
        raise Malformed("a key in a token is of a kind that is not known")
    return encode(SubjectPublicKeyInfo(algorithm=algorithm, subject_public_key=_point(public[attribute.EC_POINT])))


def _point(value: bytes) -> bytes:
    """CKA_EC_POINT is an OCTET STRING around the point; some tokens give the point itself."""
    try:
        return OCTET_STRING.decode(value)
    except Malformed:
        return value


def rename(objects: list[Any], label: str, identifier: bytes) -> None:
    """Give both halves of a key pair a label and an id. Raises the library's own errors."""
    attribute = binding().Attribute
    for each in objects:
        each[attribute.LABEL] = label
        if identifier:
            each[attribute.ID] = identifier
