"""Keys of the CA beside the one that signs certificates, each with a certificate for one purpose.

`encryption` is what others encrypt to for the CA (caProtEncCert, RFC 9810 §5.3.19.1): RSA, since EncryptedValue (CMP
v2) knows nothing else. `kga` signs for the keys that the CA makes (RFC 9483 §4.1.6), `archive` locks those that it
keeps, `kem` gives secrets for MACs (RFC 9810 §5.1.3.4). They are made when they are first needed; after a roll-over the
key stays, and gets another certificate under the new root.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa

from runner.asn1.x509 import Extension, Validity
from runner.errors import Malformed
from runner.lab.issuing import Asked
from runner.lab.roots import unusable
from runner.pki.certificates import Certificate, certificates_in, to_pem
from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage, key_usage
from runner.pki.names import parse_name
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from runner.lab.issuing import Issuer
    from runner.lab.storage import Storage

_YEARS = 5
_RSA_BITS = 2048


@frozen
class Purpose:
    """What a key is for: its files' name, how it is made, and what its certificate allows."""

    name: str
    make: Callable[[], PrivateKeyTypes]
    extensions: tuple[Extension, ...]


@frozen
class Service:
    """A key and its certificate."""

    key: PrivateKeyTypes
    certificate: Certificate


ENCRYPTION = Purpose(
    "encryption", lambda: rsa.generate_private_key(65537, _RSA_BITS), (key_usage(("keyEncipherment",)),)
)
KEY_GENERATION = Purpose(
    "kga",
    lambda: ec.generate_private_key(ec.SECP256R1()),
    (key_usage(("digitalSignature",)), extended_key_usage((EXTENDED_KEY_USAGES["cmKGA"],))),
)
ARCHIVE = Purpose("archive", lambda: ec.generate_private_key(ec.SECP256R1()), (key_usage(("keyAgreement",)),))
KEM = Purpose(
    "kem",
    mlkem.MLKEM768PrivateKey.generate,
    (key_usage(("keyEncipherment",)), extended_key_usage((EXTENDED_KEY_USAGES["cmcCA"],))),
)


def open_service(storage: Storage, issuer: Issuer, purpose: Purpose, serial: int, now: datetime) -> Service:
    """The key for a purpose, with the certificate that the present root gave it."""
    key = _key(storage.kept(f"{purpose.name}.key", lambda: _pem(purpose.make()), secret=True), purpose)
    name = service_file(purpose, issuer)
    pem = storage.kept(name, lambda: to_pem(issuer.issue(_asked(issuer, purpose, key, now), serial)))
    try:
        return Service(key, certificates_in(pem)[0])
    except Malformed as problem:
        raise unusable(name, problem.what) from problem


def service_file(purpose: Purpose, issuer: Issuer) -> str:
    """The name of the file with the certificate that a root gave to the key for a purpose."""
    suffix = "" if issuer.generation == 1 else f"-{issuer.generation}"
    return f"{purpose.name}{suffix}.pem"


def _asked(issuer: Issuer, purpose: Purpose, key: PrivateKeyTypes, now: datetime) -> Asked:
    mark = issuer.certificate.subject.text.rpartition(" ")[2]
    end = min(now + timedelta(days=365 * _YEARS), issuer.certificate.not_after)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    name = parse_name(f"C=FI, O=cmp-batch lab, CN=Lab {purpose.name} NOT FOR PRODUCTION {mark}").der
    return Asked(name, public, purpose.extensions, Validity(not_before=now, not_after=end))


def _pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _key(pem: bytes, purpose: Purpose) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as problem:
        raise unusable(f"{purpose.name}.key", "it is not an unencrypted private key in PEM") from problem
