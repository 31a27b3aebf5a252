"""certHash by the signature algorithm of the certificate, against hashlib (RFC 9810 §5.3.18)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from support.certificates import certificate_der

from runner.asn1.algorithms import RSASSA_PSS, AlgorithmIdentifier, RSASSAPSSParams
from runner.asn1.structures import encode
from runner.pki.certificate_hashes import confirmation_hash
from runner.pki.certificates import certificates_in, parse_certificate

CERTIFICATE = parse_certificate(certificate_der())
DER = CERTIFICATE.der
SHA256, SHA512, SHAKE256 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3", "2.16.840.1.101.3.4.2.12"
COMPUTED = {
    SHA256: lambda octets: hashlib.sha256(octets).digest(),
    SHA512: lambda octets: hashlib.sha512(octets).digest(),
    SHAKE256: lambda octets: hashlib.shake_256(octets).digest(64),
}


def signed_by(oid, parameters=None):
    return replace(CERTIFICATE, signature_algorithm=AlgorithmIdentifier(algorithm=oid, parameters=parameters))


@pytest.mark.parametrize(
    ("oid", "expected"),
    [
        ("1.2.840.113549.1.1.4", hashlib.new("md5", DER, usedforsecurity=False).digest()),
        ("1.2.840.113549.1.1.5", hashlib.new("sha1", DER, usedforsecurity=False).digest()),
        ("1.2.840.113549.1.1.14", hashlib.sha224(DER).digest()),
        ("1.2.840.113549.1.1.11", hashlib.sha256(DER).digest()),
        ("1.2.840.113549.1.1.12", hashlib.sha384(DER).digest()),
        ("1.2.840.113549.1.1.13", hashlib.sha512(DER).digest()),
        ("1.2.840.10045.4.3.2", hashlib.sha256(DER).digest()),
        ("1.2.840.10045.4.3.4", hashlib.sha512(DER).digest()),
        ("1.2.840.10040.4.3", hashlib.new("sha1", DER, usedforsecurity=False).digest()),
        ("2.16.840.1.101.3.4.3.2", hashlib.sha256(DER).digest()),
        ("1.3.101.112", hashlib.sha512(DER).digest()),
        ("1.3.101.113", hashlib.shake_256(DER).digest(64)),
        ("1.3.6.1.5.5.7.6.30", hashlib.shake_128(DER).digest(32)),
        ("1.3.6.1.5.5.7.6.31", hashlib.shake_256(DER).digest(64)),
        ("1.3.6.1.5.5.7.6.32", hashlib.shake_128(DER).digest(32)),
        ("1.3.6.1.5.5.7.6.33", hashlib.shake_256(DER).digest(64)),
        ("2.16.840.1.101.3.4.3.32", hashlib.sha512(DER).digest()),
        ("2.16.840.1.101.3.4.3.35", hashlib.sha256(DER).digest()),
        (RSASSA_PSS, hashlib.new("sha1", DER, usedforsecurity=False).digest()),
    ],
)
def test_a_signature_that_names_a_hash(oid, expected):
    assert confirmation_hash(signed_by(oid)) == (expected, None)


@pytest.mark.parametrize("oid", [SHA256, SHA512])
def test_pss_names_its_hash_in_its_parameters(oid):
    inner = encode(RSASSAPSSParams(hash_algorithm=AlgorithmIdentifier(algorithm=oid)))
    digest = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}[oid](DER).digest()
    assert confirmation_hash(signed_by(RSASSA_PSS, inner)) == (digest, None)


@pytest.mark.parametrize(
    ("oid", "chosen"),
    [
        ("2.16.840.1.101.3.4.3.17", SHA256),
        ("2.16.840.1.101.3.4.3.18", SHA512),
        ("2.16.840.1.101.3.4.3.19", SHA512),
        ("2.16.840.1.101.3.4.3.20", SHA256),
        ("2.16.840.1.101.3.4.3.24", SHA512),
        ("1.3.6.1.5.5.7.6.37", SHA256),
        ("1.3.6.1.5.5.7.6.45", SHA512),
        ("1.3.6.1.5.5.7.6.51", SHAKE256),
        ("1.2.3.4", SHA256),
    ],
)
def test_a_signature_that_names_none_makes_us_say_ours(oid, chosen):
    digest, said = confirmation_hash(signed_by(oid))
    assert said == chosen
    assert digest == COMPUTED[said](CERTIFICATE.der)


def test_a_recorded_certificate_of_ml_dsa(vectors):
    (certificate,) = certificates_in((vectors / "siemens-certs-keys" / "pq_root_ca_ml_dsa_65.pem").read_bytes())
    assert confirmation_hash(certificate) == (hashlib.sha512(certificate.der).digest(), SHA512)
