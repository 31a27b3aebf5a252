"""Files as the manifest asks for them: names, formats, passphrases; and what openssl makes of them."""

from __future__ import annotations

import json
import os
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.issuing import new_key, pkcs8
from support.site import FRESH, entries, entry

PASSPHRASE = "three-blind-mice"


def names(site):
    return sorted(path.name for path in site.file("out").iterdir())


def test_der_instead_of_pem(at_peer, openssl):
    assert at_peer.ask(entries(entry(output="{prefix: out/web, format: der}"))).apply().status == 0
    assert names(at_peer) == ["web-0.ca", "web-0.crt", "web.prv"]
    certificate = x509.load_der_x509_certificate(at_peer.file("out/web-0.crt").read_bytes())
    assert at_peer.file("out/web-0.ca").read_bytes() == at_peer.peer.lab.ca_certificate
    key = load_pem_private_key(at_peer.file("out/web.prv").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    command = [openssl, "x509", "-inform", "DER", "-in", at_peer.file("out/web-0.crt"), "-noout", "-subject"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "subject=CN = web\n"
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_one_file_and_no_other(at_peer):
    assert at_peer.ask(entries(entry(output="{file: out/cert.pem}"))).apply().status == 0
    assert names(at_peer) == ["cert.pem", "web.prv"]
    x509.load_pem_x509_certificate(at_peer.file("out/cert.pem").read_bytes())
    assert at_peer.apply().outcomes == {"web": "unchanged"}


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("generate://pkcs8@rsa:2048/out/web", b"-----BEGIN PRIVATE KEY-----"),
        ("generate://pkcs1@rsa:2048/out/web", b"-----BEGIN RSA PRIVATE KEY-----"),
        ("generate://pkcs8@ec:p384/out/web", b"-----BEGIN PRIVATE KEY-----"),
        ("generate://pkcs8@ed25519/out/web", b"-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_each_kind_of_key_can_be_used_by_openssl(at_peer, openssl, url, label):
    done = at_peer.ask(entries(entry(url))).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    key, certificate = at_peer.file("out/web.prv"), at_peer.file("out/web-0.crt")
    assert label in key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    public = subprocess.run([openssl, "pkey", "-in", key, "-pubout"], capture_output=True, check=True).stdout
    command = [openssl, "x509", "-in", certificate, "-noout", "-pubkey"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == public
    assert done.items["web"]["key"]["type"] in url


def test_a_sealed_key_opens_with_its_passphrase_and_is_known_again(at_peer, openssl, monkeypatch):
    monkeypatch.setenv("WEB_PASS", PASSPHRASE)
    sealed = entry("generate://pkcs8s:${env:WEB_PASS}@ec:p256/out/web", more=", renew_before: 30d")
    assert at_peer.ask(entries(sealed)).apply().outcomes == {"web": "issued"}
    key = at_peer.file("out/web.prv")
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    environment = {**os.environ, "IT": PASSPHRASE}
    command = [openssl, "pkey", "-in", key, "-passin", "env:IT", "-pubout"]
    opened = subprocess.run(command, capture_output=True, check=True, env=environment).stdout
    command = [openssl, "x509", "-in", at_peer.file("out/web-0.crt"), "-noout", "-pubkey"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == opened
    with pytest.raises(ValueError, match=r"(?i)password|decrypt"):
        load_pem_private_key(key.read_bytes(), b"something else")
    monkeypatch.delenv("WEB_PASS")  # to see that all is well takes no passphrase
    assert at_peer.plan().status == 0
    assert at_peer.apply().outcomes == {"web": "unchanged"}


def test_a_sealed_key_signs_its_own_update(at_peer, monkeypatch):
    monkeypatch.setenv("WEB_PASS", PASSPHRASE)
    sealed = "generate://pkcs8s:${env:WEB_PASS}@ec:p256/out"
    update = f"""updates:
  - name: rotate
    certificate: out/web-0.crt
    key: "file://${{env:WEB_PASS}}/out/web.prv"
    new_key: "{sealed}/web-2"
    output: out/web-2
"""
    done = at_peer.ask(entries(entry(f"{sealed}/web")) + update).apply()
    assert done.outcomes == {"web": "issued", "rotate": "updated"}
    for name in ("web", "web-2"):
        key = load_pem_private_key(at_peer.file(f"out/{name}.prv").read_bytes(), PASSPHRASE.encode())
        certificate = x509.load_pem_x509_certificate(at_peer.file(f"out/{name}-0.crt").read_bytes())
        assert key.public_key() == certificate.public_key()


def test_another_key_in_the_place_of_a_sealed_one_is_noticed(at_peer, monkeypatch):
    monkeypatch.setenv("WEB_PASS", PASSPHRASE)
    at_peer.ask(entries(entry("generate://pkcs8s:${env:WEB_PASS}@ec:p256/out/web"))).apply()
    key = at_peer.file("out/web.prv")
    key.write_bytes(pkcs8(new_key(), PASSPHRASE.encode()))
    assert at_peer.verbs()["web"][0] != "keep"


@pytest.mark.parametrize("form", ["pem", "der"])
def test_keys_that_exist_may_be_pem_or_der(at_peer, form):
    key = new_key()
    encoding = serialization.Encoding.PEM if form == "pem" else serialization.Encoding.DER
    octets = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    at_peer.file("web.key").write_bytes(octets)
    assert at_peer.ask(entries(entry("file:web.key"))).apply().outcomes == {"web": "issued"}
    certificate = x509.load_pem_x509_certificate(at_peer.file("out/web-0.crt").read_bytes())
    assert certificate.public_key() == key.public_key()
    assert at_peer.file("web.key").read_bytes() == octets
    assert names(at_peer) == ["web-0.ca", "web-0.crt"]


def test_as_many_reports_as_were_asked_for(at_peer):
    reports = [at_peer.file("one.json"), at_peer.file("new") / "two.json"]
    reports[1].parent.mkdir()
    done = at_peer.ask().apply("--report", reports[0], "--report", reports[1])
    assert done.status == 0
    assert [json.loads(report.read_text()) for report in reports] == [done.report] * 2


def test_a_plan_that_is_kept_and_a_plan_that_is_printed_say_the_same(at_peer):
    done = at_peer.ask(FRESH).plan("--out", at_peer.file("plan.json"), "--format", "json")
    assert done.status == 2
    kept, printed = json.loads(at_peer.file("plan.json").read_text()), json.loads(done.out)
    assert {key: kept[key] for key in kept if key not in ("bound", "digest")} == printed
    assert [step["verb"] for step in kept["steps"]] == ["enroll"]
