"""How a certificate credential signs: `digest` and `pss` of the manifest, seen in messages and judged by the lab."""

from __future__ import annotations

import pytest
from support.site import entries, entry

from runner.asn1.algorithms import ECDSA_SIGNATURES, RSA_SIGNATURES, RSASSA_PSS
from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

FIRST = entry("generate://pkcs8@{kind}/out/op", name="op", output="out/op")
SECOND = entry(more=", credential: op")


def signed(site, kind, choice):
    """What apply came to, and the protectionAlg of the cr."""
    credential = f'credentials: {{op: {{certificate: out/op-0.crt, key: "file:out/op.prv"{choice}}}}}\n'
    site.write("authorities: {lab: {url: lab:}}\n" + credential + entries(FIRST.replace("{kind}", kind), SECOND))
    done = site.apply("--trace", site.folder / "trace")
    traced = [decode(PKIMessage, path.read_bytes()) for path in sorted((site.folder / "trace").glob("*request.der"))]
    return done, [message.header.protection_alg.algorithm for message in traced if message.body.name == "cr"]


@pytest.mark.parametrize(
    ("kind", "choice", "names"),
    [
        ("rsa:2048", "", {oid for oid, name in RSA_SIGNATURES.items() if name == "sha256"}),
        ("rsa:2048", ", digest: sha512", {oid for oid, name in RSA_SIGNATURES.items() if name == "sha512"}),
        ("rsa:2048", ", pss: true", {RSASSA_PSS}),
        ("ec:p256", ", digest: sha384", {oid for oid, name in ECDSA_SIGNATURES.items() if name == "sha384"}),
    ],
)
def test_a_credential_signs_as_it_is_told(site, kind, choice, names):
    done, algorithms = signed(site, kind, choice)
    assert (done.status, done.summary) == (0, {"issued": 2})
    assert set(algorithms) == names


@pytest.mark.parametrize(
    "kind",
    ["ed25519", "ed448", "ec:p521", "dsa:2048", "ml-dsa:44", "ml-dsa:65", "ml-dsa:87"],
)
def test_credentials_of_every_kind_sign_and_the_lab_verifies(site, kind):
    done, algorithms = signed(site, kind, ", allow_weak: true" if kind.startswith("dsa") else "")
    assert (done.status, done.summary) == (0, {"issued": 2})
    assert len(set(algorithms)) == 1


def test_sha1_works_with_a_warning_and_a_careful_ca_refuses_it(site):
    done, algorithms = signed(site, "rsa:2048", ", digest: sha1")
    assert "digest: sha1 is weak" in done.err
    assert set(algorithms) == {oid for oid, name in RSA_SIGNATURES.items() if name == "sha1"}
    assert done.outcomes == {"op": "issued", "web": "failed"}
    meant = site.path.read_text().split("\n", 1)[1].replace("sha1", "sha1, allow_weak: true")
    assert "sha1 is weak" not in site.write(meant).plan().err


def test_a_choice_that_does_not_go_with_the_key_is_told(site):
    done, algorithms = signed(site, "ed25519", ", pss: true")
    assert (done.status, algorithms) == (3, [])
    assert "leave the choice of signature out" in done.error("web")
