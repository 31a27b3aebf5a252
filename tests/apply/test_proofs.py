"""Proof-of-possession by opening the certificate, which comes encrypted (RFC 4211 §4.2): through manifests, end to end.

What went over the wire is looked at in traces; `openssl` judges that certificate and key are a pair.
"""

from __future__ import annotations

import subprocess

import pytest
from support.site import entries, entry

from runner.asn1.archive import ENCRYPTED_KEY
from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

LAB = "authorities: {lab: {url: lab:, implicit_confirm: true}}\n"
ASKED = ", proof_of_possession: encryption"
AGREEING = ["x25519", "x448", "ml-kem-768", "ml-kem-1024"]


def traced(site, kind, more=""):
    """The answer that brought the certificate, and the pvno and proof of what was asked."""
    done = site.write(LAB + entries(entry(f"generate://pkcs8@{kind}/out/web", more=more))).apply(
        "--trace", site.folder / "trace"
    )
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    messages = [decode(PKIMessage, path.read_bytes()) for path in sorted((site.folder / "trace").glob("*.der"))]
    by_name = {message.body.name: message for message in messages}
    assert set(by_name) == {"ir", "ip", "certConf", "pkiconf"}
    return by_name


@pytest.mark.parametrize("kind", AGREEING)
def test_keys_that_cannot_sign_open_their_certificate(site, kind):
    messages = traced(site, kind)
    (pair,) = (response.certified_key_pair for response in messages["ip"].body.value.response)
    assert pair.cert_or_enc_cert.name == "encryptedCert"
    assert ENCRYPTED_KEY.decode(pair.cert_or_enc_cert.value).name == "envelopedData"
    assert {message.header.pvno for message in messages.values()} == {3}
    (request,) = messages["ir"].body.value
    assert request.popo.name == ("keyEncipherment" if kind.startswith("ml-kem") else "keyAgreement")
    assert site.apply().outcomes == {"web": "unchanged"}


@pytest.mark.parametrize("kind", ["rsa:2048", "ec:p256"])
def test_keys_that_could_sign_do_so_where_nothing_else_is_asked(site, kind, openssl):
    assert traced(site, kind, ASKED)["ir"].body.value[0].popo.name != "signature"
    public = [openssl, "x509", "-in", "out/web-0.crt", "-noout", "-pubkey"]
    private = [openssl, "pkey", "-in", "out/web.prv", "-pubout"]
    said = {subprocess.run(each, cwd=site.folder, capture_output=True, check=True).stdout for each in (public, private)}
    assert len(said) == 1


def test_implicit_confirmation_is_not_granted_to_what_is_not_proved_yet(site):
    """The certConf is the proof: without it, anybody could have a certificate for anybody's key."""
    assert traced(site, "x25519")["certConf"].body.value[0].cert_hash


@pytest.mark.parametrize(
    ("kind", "proof", "why"), [("ed25519", "encryption", "it opens nothing"), ("x448", "signature", "it cannot sign")]
)
def test_a_proof_that_the_key_cannot_make_is_found_before_anything_is_done(site, kind, proof, why):
    text = LAB + entries(entry(f"generate://pkcs8@{kind}/out/web", more=f", proof_of_possession: {proof}"))
    done = site.write(text).apply()
    assert done.status == 1
    assert f"a key of the kind {kind} cannot be proved by {proof}" in done.err
    assert why in done.err
    assert not site.file("out").exists()
