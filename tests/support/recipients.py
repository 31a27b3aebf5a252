"""Keys that decrypt, one of each kind and made once, with certificates for them: whom envelopes are sealed for."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.ambient import NOON
from support.certificates import KEY

from runner.pki.certificates import parse_certificate

KINDS = ("rsa", "p256", "p384", "p521", "x25519", "x448", "ml-kem-768", "ml-kem-1024")
_MAKERS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "ml-kem-768": mlkem.MLKEM768PrivateKey.generate,
    "ml-kem-1024": mlkem.MLKEM1024PrivateKey.generate,
}


def key_of(kind, number=0):
    """The `number`-th key of a kind."""
    return _made(kind, number)


@cache
def _made(kind, _number):
    return _MAKERS[kind]()


def pkcs8_der(key) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def certificate_for(public_key, *extensions, signer=KEY, name="somebody", issuer="an issuer"):
    """A certificate for any public key, with a SubjectKeyIdentifier and the given (extension, critical) pairs."""
    subject, by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    begin, end = NOON - timedelta(days=1), NOON + timedelta(days=3650)
    builder = x509.CertificateBuilder(by, subject, public_key, 0x4711, begin, end)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    digest = None if signer is KEY else SHA256()
    return parse_certificate(builder.sign(signer, digest).public_bytes(Encoding.DER))
