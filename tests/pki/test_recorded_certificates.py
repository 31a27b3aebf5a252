"""Every certificate, request, CRL and key store among the vectors is read; what cannot be verified is named here."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from runner.cli.describe.content import describe
from runner.errors import Malformed, ProtocolError
from runner.pki.certificates import certificates_in
from runner.pki.certification_requests import request_in
from runner.pki.extensions import check_readable
from runner.pki.signing import verify_signature

FOLDERS = ("gencmpclient", "openssl-mock", "openssl-vfy", "siemens-certs-keys", "siemens-ra-creds", "pq")
SIGNED_BY_WHAT_NOBODY_HERE_VERIFIES = {
    "siemens-certs-keys/pq_root_ca_composite_sig_ed448_ml_dsa_87.pem",
    "siemens-certs-keys/pq_root_ca_composite_sig_rsa.pem",
    "siemens-certs-keys/pq_root_ca_composite_sig_rsa2048_ml_dsa_44.pem",
    "pq/hss_x509_cert_example.pem",
    "pq/xmss_x509_cert_example.pem",
    "pq/xmssmt_x509_cert_example.pem",
}
"""Composite, XMSS and HSS signatures: such certificates can be read and sent along, and vouch for nobody."""


LINKS = {"gencmpclient/newWithOld.pem", "gencmpclient/oldWithNew.pem"}
"""One root's key under the other's signature: of one name, and not self-signed."""


@pytest.fixture(scope="module")
def files(vectors):
    found = {}
    for folder in FOLDERS:
        for path in sorted((vectors / folder).iterdir()):
            if b"BEGIN CERTIFICATE-----" in path.read_bytes():
                found[f"{folder}/{path.name}"] = path.read_bytes()
    return found


def test_every_certificate_is_read_with_all_its_extensions(files):
    assert len(files) > 70
    for name, octets in files.items():
        for certificate in certificates_in(octets):
            check_readable(certificate.extensions)
            assert certificate.serial, name


def test_every_self_signed_certificate_verifies_or_is_of_a_kind_that_nobody_here_verifies(files):
    failed = set()
    for name, octets in files.items():
        for certificate in certificates_in(octets):
            if certificate.is_self_issued and not _verifies(certificate):
                failed.add(name)
    assert failed == SIGNED_BY_WHAT_NOBODY_HERE_VERIFIES | LINKS


def _verifies(certificate):
    key, algorithm = certificate.public_key_info, certificate.signature_algorithm
    try:
        return verify_signature(key, algorithm, certificate.signature, certificate.tbs, allow_sha1=True)
    except ProtocolError:
        return False


def test_the_recorded_requests(vectors):
    names = ("openssl-mock/csr.pem", "openssl-mock/wrong_csr.pem", "openssl-vfy/clientdata_client.csr")
    requests = [request_in((vectors / name).read_bytes()) for name in names]
    assert all(request.public_key_info for request in requests)
    with pytest.raises(Malformed):
        request_in(requests[0].der[:-1] + bytes([requests[0].der[-1] ^ 1]))


@pytest.mark.parametrize(
    "name",
    [
        "gencmpclient/crl.der",
        "siemens-ra-creds/CRL.der",
        "siemens-certs-keys/crl_filepath.crl",
        "gencmpclient/wrong.crl",
    ],
)
def test_the_recorded_crls_are_described(vectors, name):
    ((kind, said),) = describe((vectors / name).read_bytes())
    assert kind == "CRL"
    assert dict(said)["IssuerName"]


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
def test_the_key_stores_of_siemens_hold_what_they_should(vectors):
    stores = sorted((vectors / "siemens-ra-creds").glob("*.p12"))
    assert len(stores) == 7
    for path in stores:
        key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), b"Password")
        assert key.public_key() == certificate.public_key(), path.name
