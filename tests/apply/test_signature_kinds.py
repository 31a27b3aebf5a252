"""Every kind of signature end to end with the lab: requests signed by our keys, answers and certificates by the CA's.

`openssl` judges the chain where its version knows the algorithm; the certHash is the lab's own sum.
"""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from support.site import entries, entry

from runner.asn1.algorithms import ECDSA_SIGNATURES, ED448, ED25519, RSA_SIGNATURES, RSASSA_PSS
from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

ML_DSA_44, ML_DSA_65, ML_DSA_87 = (f"2.16.840.1.101.3.4.3.{number}" for number in (17, 18, 19))
SHA256, SHA512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"


def oid(table, name):
    return next(oid for oid, known in table.items() if known == name)


def lab(more="", version=2):
    return f'authorities: {{lab: {{url: "lab:", version: {version}{more}}}}}\n'


def messages(site):
    """Every message of the trace, by body type; the last of each."""
    files = sorted((site.folder / "trace").glob("*.der"))
    found = [decode(PKIMessage, path.read_bytes()) for path in files]
    return {message.body.name: message for message in found}


SIGNED = [
    ("rsa:2048", "", oid(RSA_SIGNATURES, "sha256")),
    ("rsa:2048", ", digest: sha384", oid(RSA_SIGNATURES, "sha384")),
    ("rsa:2048", ", pss: true", RSASSA_PSS),
    ("ec:p256", "", oid(ECDSA_SIGNATURES, "sha256")),
    ("ec:p384", "", oid(ECDSA_SIGNATURES, "sha384")),
    ("ec:p521", "", oid(ECDSA_SIGNATURES, "sha512")),
    ("ed25519", "", ED25519),
    ("ed448", "", ED448),
    ("ml-dsa-44", "", ML_DSA_44),
    ("ml-dsa-65", "", ML_DSA_65),
]


@pytest.mark.parametrize(("kind", "choice", "algorithm"), SIGNED)
def test_a_request_and_an_update_signed_by_a_key_of_each_kind(site, kind, choice, algorithm):
    operator = entry(f"generate://pkcs8@{kind}/out/op", name="op", output="out/op")
    credential = f'credentials: {{op: {{certificate: out/op-0.crt, key: "file:out/op.prv"{choice}}}}}\n'
    update = 'updates:\n  - {name: again, certificate: out/op-0.crt, key: "file:out/op.prv", depends_on: [web],\n'
    update += f'     new_key: "generate://pkcs8@{kind}/out/again", output: out/again}}\n'
    site.write(lab() + credential + entries(operator, entry(more=", credential: op")) + update)
    done = site.apply("--trace", site.folder / "trace")
    assert done.summary == {"issued": 2, "updated": 1}, done.items
    seen = messages(site)
    assert seen["cr"].header.protection_alg.algorithm == algorithm
    assert {seen[name].header.protection_alg.algorithm for name in ("cp", "kup")} == {oid(ECDSA_SIGNATURES, "sha256")}


HASHED = [
    ("rsa:2048", 2, oid(RSA_SIGNATURES, "sha256"), None, lambda der: hashlib.sha256(der).digest()),
    ("ec:p384", 2, oid(ECDSA_SIGNATURES, "sha384"), None, lambda der: hashlib.sha384(der).digest()),
    ("ec:p521", 2, oid(ECDSA_SIGNATURES, "sha512"), None, lambda der: hashlib.sha512(der).digest()),
    ("ed25519", 2, ED25519, None, lambda der: hashlib.sha512(der).digest()),
    ("ed448", 2, ED448, None, lambda der: hashlib.shake_256(der).digest(64)),
    ("ml-dsa-44", 3, ML_DSA_44, SHA256, lambda der: hashlib.sha256(der).digest()),
    ("ml-dsa-65", 3, ML_DSA_65, SHA512, lambda der: hashlib.sha512(der).digest()),
    ("ml-dsa-87", 3, ML_DSA_87, SHA512, lambda der: hashlib.sha512(der).digest()),
]


@pytest.mark.parametrize(("kind", "version", "algorithm", "named", "digest"), HASHED)
def test_a_ca_with_a_key_of_each_kind_signs_certificates_answers_and_crls(
    site, openssl, kind, version, algorithm, named, digest
):
    """And certConf has the hash that goes with it (RFC 9810 §5.3.18)."""
    site.write(lab(f", lab: {{ca_key: '{kind}', signed_answers: true}}", version) + entries(entry()))
    done = site.apply("--trace", site.folder / "trace")
    assert done.outcomes == {"web": "issued"}, done.items
    seen = messages(site)
    assert {seen[name].header.protection_alg.algorithm for name in ("ip", "pkiconf")} == {algorithm}
    der = seen["ip"].body.value.response[0].certified_key_pair.cert_or_enc_cert.value
    (status,) = seen["certConf"].body.value
    assert status.cert_hash == digest(der)
    assert getattr(status.hash_alg, "algorithm", None) == named
    assert seen["certConf"].header.pvno == version
    if not kind.startswith("ml-dsa"):
        folder = site.folder / ".cmp-batch" / "lab"
        site.file("web.pem").write_bytes(pem_of(openssl, site.file("out/web-0.crt")))
        command = [openssl, "verify", "-crl_check", "-CRLfile", folder / "crl.pem", "-CAfile", folder / "ca.pem"]
        said = subprocess.run([*command, site.file("web.pem")], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said


def pem_of(openssl, path):
    form = "PEM" if path.read_bytes().startswith(b"-----") else "DER"
    return subprocess.run(
        [openssl, "x509", "-inform", form, "-in", path, "-outform", "PEM"], capture_output=True, check=True
    ).stdout
