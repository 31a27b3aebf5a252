"""A CA for TLS in tests, the servers and clients that it names, as contexts, PEM and files."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = x509.IPAddress(ip_address("127.0.0.1"))


def _certificate(subject, key, issuer, issuer_key, *extensions, days=1, since=-2):
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _signing():
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Pki:
    """A CA and those that it names; everything is also a file in `folder`."""

    def __init__(self, folder, name="Test CA"):
        self.folder = folder
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        ca = (x509.BasicConstraints(ca=True, path_length=None), True), (_signing(), True)
        self.ca = _certificate(name, self.key, name, self.key, *ca)
        self.anchors = self.ca.public_bytes(serialization.Encoding.PEM).decode()
        self.trust = self._write("tls-ca.pem", self.anchors.encode())

    def _write(self, name, octets):
        path = self.folder / name
        path.write_bytes(octets)
        return str(path)

    def issue(self, subject, *names, days=1, since=-2):
        """A certificate and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        alt_names = [(x509.SubjectAlternativeName(names), False)] if names else []
        certificate = _certificate(subject, key, self.name, self.key, *alt_names, days=days, since=since)
        return certificate.public_bytes(serialization.Encoding.PEM), pem_of(key)

    def server(self, *names, days=1, since=-2, clients=None):
        """A server's TLS context with a certificate for these names; `clients`: whose certificates it demands."""
        certificate, key = self.issue("server", *names, days=days, since=since)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._write("tls.pem", certificate), self._write("tls.key", key))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients)
        return context

    def client(self):
        """The certificate and the key of a client, as files."""
        certificate, key = self.issue("client")
        return self._write("client.crt", certificate), self._write("client.prv", key)

    def pin(self):
        """SHA-256 of the public key of the server that was named last."""
        certificate = x509.load_pem_x509_certificate((self.folder / "tls.pem").read_bytes())
        return hashlib.sha256(
            certificate.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).digest()
