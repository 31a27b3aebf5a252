"""Small PKIs of a test's own, made by `cryptography`: what openssl and our program are given to work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

CMC_RA = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")
"""id-kp-cmcRA: the holder may answer for a CA (RFC 9483 §1.5)."""


def distinguished(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


@dataclass
class Pair:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return pkcs8(self.key)

    def write(self, folder: Path, name: str) -> None:
        """NAME.crt and NAME.key."""
        (folder / f"{name}.crt").write_bytes(self.pem)
        (folder / f"{name}.key").write_bytes(self.key_pem)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pkcs8(key, passphrase: bytes | None = None) -> bytes:
    seal = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, seal)


def root(common_name: str) -> Pair:
    """A self-signed CA."""
    key = new_key()
    return Pair(key, _made(distinguished(common_name), key, distinguished(common_name), key, ca=True))


def issued(ca: Pair, common_name: str, key=None, *, purposes=(), serial=None) -> Pair:
    """A certificate for digital signatures, from `ca`; for a new key, with a new serial number, unless one is given."""
    key = key or new_key()
    extra = [x509.ExtendedKeyUsage(purposes)] if purposes else []
    return Pair(
        key, _made(distinguished(common_name), key, ca.certificate.subject, ca.key, *extra, ca=False, serial=serial)
    )


def _made(subject, key, issuer, issuer_key, *more, ca, serial=None):
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    granted = {"key_cert_sign", "crl_sign", "digital_signature"} if ca else {"digital_signature"}
    usage = x509.KeyUsage(**{name: name in granted for name in names})
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial or x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=90))
    for extension, critical in (
        (x509.BasicConstraints(ca=ca, path_length=None), True),
        (usage, True),
        (identifier, False),
        (authority, False),
        *((extension, False) for extension in more),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())
