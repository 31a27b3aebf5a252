"""Key encapsulation at both ends, and the keys of others that do not fit."""

from __future__ import annotations

import pytest
from support.recipients import key_of

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.infotypes import KemCiphertextInfo
from runner.asn1.structures import decode, encode
from runner.errors import ProtocolError, Unauthentic
from runner.pki.certificates import certificates_in
from runner.pki.derivation import check_kdf, derive
from runner.pki.kems import decapsulate, encapsulate
from runner.pki.opening import PrivateKeyDecrypter, cannot_open

SIZES = {"ml-kem-768": 1088, "ml-kem-1024": 1568}


@pytest.mark.parametrize("kind", SIZES)
def test_both_ends_have_one_secret(kind):
    ours = PrivateKeyDecrypter(key_of(kind))
    secret, info = encapsulate(ours.public_key_info)
    assert (len(secret), len(info.ct)) == (32, SIZES[kind])
    assert decapsulate(ours, decode(KemCiphertextInfo, encode(info))) == secret
    assert decapsulate(PrivateKeyDecrypter(key_of(kind, 1)), info) != secret


@pytest.mark.parametrize(
    ("opener", "harmed"),
    [
        ("ml-kem-1024", lambda info: info),
        ("rsa", lambda info: info),
        ("ml-kem-768", lambda info: KemCiphertextInfo(kem=info.kem, ct=info.ct[:-1])),
        ("ml-kem-768", lambda info: KemCiphertextInfo(kem=AlgorithmIdentifier(algorithm="1.2.3"), ct=info.ct)),
    ],
)
def test_what_does_not_fit_does_not_open(opener, harmed):
    _, info = encapsulate(PrivateKeyDecrypter(key_of("ml-kem-768")).public_key_info)
    with pytest.raises(ProtocolError) as caught:
        decapsulate(PrivateKeyDecrypter(key_of(opener)), harmed(info))
    assert caught.value.what == cannot_open().what


def test_other_keys_encapsulate_nothing():
    with pytest.raises(ProtocolError, match="no key encapsulation"):
        encapsulate(PrivateKeyDecrypter(key_of("rsa")).public_key_info)


def test_a_recorded_certificate_of_ml_kem_receives(vectors):
    file = vectors / "siemens-certs-keys" / "ca_encr_cert_ml_kem_768.pem"
    (certificate,) = certificates_in(file.read_bytes())
    secret, info = encapsulate(certificate.public_key_info)
    assert len(secret) == 32
    assert info.kem == AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.4.2")


def test_unknown_derivations_are_refused():
    for oid in ("1.2.3.4", "1.3.133.16.840.9.44.1.2"):
        with pytest.raises(Unauthentic):
            check_kdf(AlgorithmIdentifier(algorithm=oid))


def test_kdf3_puts_its_counter_first():
    """KDF3 is Hash(counter ‖ Z ‖ info), the counter from 1 in four octets (RFC 9690 §B.2)."""
    import hashlib

    inner = encode(AlgorithmIdentifier(algorithm="2.16.840.1.101.3.4.2.1"))
    kdf = AlgorithmIdentifier(algorithm="1.3.133.16.840.9.44.1.2", parameters=inner)
    blocks = b"".join(hashlib.sha256(n.to_bytes(4, "big") + b"Z" + b"info").digest() for n in (1, 2))
    assert derive(kdf, b"Z", 40, b"info") == blocks[:40]
