"""Real certificates, made by `cryptography`: the same in every run, from an Ed25519 key of known octets."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from support.ambient import NOON

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def certificate_der(common_name: str = "web-1", serial: int = 0x0A1B2C) -> bytes:
    """A self-signed certificate for a common name, valid for 90 days from NOON."""
    name = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "FI"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), serial, NOON, NOON + timedelta(days=90))
    return builder.sign(KEY, None).public_bytes(Encoding.DER)
