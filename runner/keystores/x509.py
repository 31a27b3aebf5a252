"""Private keys of the SSH X.509 library (`x509`): RSA, DSA, EC in plain text, under their own label.

SEQUENCE { SEQUENCE { algorithm OBJECT IDENTIFIER, NULL }, SEQUENCE OF INTEGER }        RSA, DSA
ECPrivateKey (RFC 5915 §3)                                                              EC
"""

from __future__ import annotations

from base64 import b64decode
from re import DOTALL
from re import compile as regex
from typing import TYPE_CHECKING, Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from runner.asn1.algorithms import DER_NULL, RSA_ENCRYPTION, AlgorithmIdentifier
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import SequenceOf, decode, encode, sequence
from runner.errors import Malformed
from runner.keystores.numbers import dsa_key, rsa_key
from runner.keystores.refusals import cannot_hold, damaged, not_supported
from runner.keystores.soundness import sound
from runner.pki.certificates import to_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.keystores.sealing import Seal

_LABEL = "SSH X.509 PRIVATE KEY"
_PEM = regex(rb"-----BEGIN SSH X\.509 PRIVATE KEY-----(.*?)-----END SSH X\.509 PRIVATE KEY-----", DOTALL)
_ID_DSA = "1.2.840.10040.4.1"


@sequence
class X509PrivateKey:
    """The library's own structure; the order of the integers is in _payload."""

    algorithm: AlgorithmIdentifier
    numbers: Annotated[tuple[int, ...], SequenceOf(INTEGER, limit=6)]


def recognises(octets: bytes) -> bool:
    """Whether this is such a file."""
    return b"-----BEGIN SSH X.509 PRIVATE KEY-----" in octets


def is_sealed(octets: bytes) -> bool:  # noqa: ARG001 - every format is asked
    """Never: the format knows no passphrase."""
    return False


def read(octets: bytes, passphrase: bytes | None) -> PrivateKeyTypes:  # noqa: ARG001 - every format is given one
    """The key in it. Raises KeyStoreError."""
    armour = _PEM.search(octets)
    try:
        der = b64decode(b"".join(armour[1].split()), validate=True) if armour else b""
    except ValueError:
        raise damaged("what its armour holds is no base64") from None
    try:
        return _key(decode(X509PrivateKey, der))
    except Malformed:
        return _ec_key(der)


def _key(found: X509PrivateKey) -> PrivateKeyTypes:
    kinds = {RSA_ENCRYPTION: ("n", "e", "d", "p", "q", "u"), _ID_DSA: ("p", "q", "g", "y", "x")}
    names = kinds.get(found.algorithm.algorithm)
    if names is None:
        raise not_supported("its algorithm is neither RSA nor DSA")
    if len(names) != len(found.numbers) or min(found.numbers) < 0 or found.algorithm.parameters != DER_NULL:
        raise damaged("its numbers are not those of its algorithm")
    values = dict(zip(names, found.numbers, strict=True))
    return rsa_key(**values) if "n" in values else dsa_key(**values)


def _ec_key(der: bytes) -> PrivateKeyTypes:
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise damaged("what its armour holds is no key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise damaged("what its armour holds is the key of another format")
    return sound(key)


def write(key: PrivateKeyTypes, seal: Seal | None) -> bytes:
    """The key as such a file. KeyStoreError for other kinds than RSA, DSA and EC, and for a passphrase."""
    if seal is not None:
        raise cannot_hold("x509 with a passphrase")
    return to_pem(_payload(key), _LABEL)


def _payload(key: PrivateKeyTypes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    if isinstance(key, rsa.RSAPrivateKey):
        secret = key.private_numbers()
        p, q = sorted((secret.p, secret.q))
        public = secret.public_numbers
        return _structure(RSA_ENCRYPTION, (public.n, public.e, secret.d, p, q, pow(p, -1, q)))
    if isinstance(key, dsa.DSAPrivateKey):
        numbers = key.private_numbers()
        y, domain = numbers.public_numbers.y, numbers.public_numbers.parameter_numbers
        return _structure(_ID_DSA, (domain.p, domain.q, domain.g, y, numbers.x))
    raise cannot_hold("x509")


def _structure(algorithm: str, numbers: tuple[int, ...]) -> bytes:
    return encode(
        X509PrivateKey(algorithm=AlgorithmIdentifier(algorithm=algorithm, parameters=DER_NULL), numbers=numbers)
    )
