"""What is seen of the disk: facts for the planner, no secret, and nothing opened that is not ours to open."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from support.ambient import NOON
from support.certificates import KEY, certificate_der

from runner.execute import observe as observing
from runner.execute.observe import look_at_certificate, look_at_key, observe
from runner.keystores.folders import Folder
from runner.pki.certificates import parse_certificate, to_pem
from runner.pki.keyurls import KeyUrl, parse_key_url
from runner.plan.facts import CertificateFacts, KeyFacts

SECRET = b"-----BEGIN SOMETHING-----\nthe crown jewels\n-----END SOMETHING-----\n"


def key_at(path, text="file:"):
    return parse_key_url(f"{text}{path}")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.mark.parametrize("form", [to_pem, bytes], ids=["pem", "der"])
def test_a_certificate_is_seen(tmp_path, form):
    (tmp_path / "a.crt").write_bytes(form(certificate_der()))
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts == CertificateFacts(exists=True, certificate=parse_certificate(certificate_der()))


def test_of_several_certificates_the_first_counts(tmp_path):
    (tmp_path / "a.crt").write_bytes(to_pem(certificate_der("first")) + to_pem(certificate_der("second")))
    assert look_at_certificate(str(tmp_path / "a.crt")).certificate.subject.text == "C=FI, CN=first"


def test_nothing_there_is_nothing(tmp_path):
    assert look_at_certificate(str(tmp_path / "a.crt")) == CertificateFacts()
    assert look_at_certificate("a\0b") == CertificateFacts()


@pytest.mark.parametrize("content", [b"", SECRET, b"\x30\x82", to_pem(b"\x30\x00"), b"\x00" * 100])
def test_a_file_that_is_no_certificate_is_not_shown(tmp_path, content):
    (tmp_path / "a.crt").write_bytes(content)
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts.exists
    assert facts.certificate is None
    assert facts.problem
    assert "jewels" not in facts.problem


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "a.crt").open("wb") as file:
        file.truncate(1 << 32)
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts.exists
    assert "longer" in facts.problem


def test_a_certificate_with_broken_extensions_is_damaged_and_not_a_crash(tmp_path):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broken")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOON, NOON + timedelta(days=1))
    builder = builder.add_extension(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"garbage"), False)
    (tmp_path / "a.crt").write_bytes(builder.sign(KEY, None).public_bytes(Encoding.DER))
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts.exists
    assert facts.certificate is None
    assert facts.problem


@pytest.fixture
def nothing_opened(monkeypatch):
    """No file is opened while this is in force."""

    def forbidden(*_, **__):
        raise AssertionError("a file was opened")

    monkeypatch.setattr(os, "open", forbidden)
    monkeypatch.setattr(Path, "open", forbidden)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_a_pipe_or_folder_at_the_certificates_path_is_not_even_opened(tmp_path, make, nothing_opened):
    make(tmp_path / "a.crt")
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts.exists
    assert facts.problem == "it is not a file that can be looked at"


def test_a_link_to_a_device_is_not_opened(tmp_path, nothing_opened):
    (tmp_path / "a.crt").symlink_to("/dev/zero")
    assert look_at_certificate(str(tmp_path / "a.crt")).problem


def test_a_link_to_nothing_is_something(tmp_path):
    (tmp_path / "a.crt").symlink_to(tmp_path / "nowhere")
    facts = look_at_certificate(str(tmp_path / "a.crt"))
    assert facts.exists
    assert facts.problem


def test_a_key_outside_the_folder_is_not_opened(tmp_path, folder, monkeypatch):
    outside = tmp_path.parent / f"{tmp_path.name}-outside.prv"
    outside.write_bytes(SECRET)
    monkeypatch.setattr(observing, "key_file_facts", lambda _: pytest.fail("it was opened"))
    facts = look_at_key(key_at(outside), folder, {})
    assert facts.exists
    assert facts.unseen
    assert facts.public_key_info is None
    assert "outside" in facts.problem
    assert not look_at_key(key_at(f"{outside}-2"), folder, {}).exists


def test_a_key_behind_a_link_that_leads_out_is_not_opened(tmp_path, folder, monkeypatch):
    outside = tmp_path.parent / f"{tmp_path.name}-linked"
    outside.mkdir()
    (outside / "k.prv").write_bytes(SECRET)
    (tmp_path / "in").symlink_to(outside)
    monkeypatch.setattr(observing, "key_file_facts", lambda _: pytest.fail("it was opened"))
    assert look_at_key(key_at(tmp_path / "in" / "k.prv"), folder, {}).unseen


def test_a_key_that_is_no_file_is_left_to_whoever_opens_it(folder):
    assert look_at_key(KeyUrl(path="env:KEY", kept="env"), folder, {}) == KeyFacts(exists=True, unseen=True)


def test_a_key_is_seen_by_its_public_half_and_a_sealed_one_from_outside(tmp_path, folder, openssl):
    for name, options in (("plain", []), ("sealed", ["-aes-256-cbc", "-pass", "pass:secret"])):
        command = [openssl, "genpkey", "-algorithm", "ed25519", *options, "-out", tmp_path / f"{name}.prv"]
        subprocess.run(command, check=True, capture_output=True)
    plain, sealed = (look_at_key(key_at(tmp_path / f"{name}.prv"), folder, {}) for name in ("plain", "sealed"))
    assert plain.public_key_info
    assert plain.digest is None
    assert (sealed.sealed, sealed.public_key_info) == (True, None)
    assert len(sealed.digest) == 64


def test_everything_that_the_items_name_is_looked_at(stage):
    stage.write(
        """
        enrollments:
          - {name: web, subject: CN=web, certificate: old.crt, key: "generate://pkcs8@ec:p256/out/web", output: out/web}
        updates:
          - {name: up, certificate: in.crt, key: "file:in.prv", new_key: "generate://pkcs8@ec:p256/new", output: new}
        revocations:
          - {name: rev, certificate: gone.crt}
        """
    )
    stage.path("out").mkdir()
    for name in ("old.crt", "in.crt", "in.prv", "gone.crt", "out/web-0.crt", "new-0.crt", "out/web.prv", "new.prv"):
        stage.path(name).touch()
    facts = observe(stage.document(), stage.guard)
    assert {Path(path).name for path in facts.certificates} == {
        *("web-0.crt", "old.crt", "new-0.crt", "in.crt", "gone.crt")
    }
    assert {Path(path).name for path in facts.keys} == {"web.prv", "new.prv"}


def test_where_nothing_is_nothing_is_noted(stage):
    """A plan of ten thousand new certificates has none of the files yet."""
    facts = observe(stage.document(), stage.guard)
    assert (facts.certificates, facts.keys, facts.requests, facts.files) == ({}, {}, {}, {})


def test_no_secret_is_read(stage, monkeypatch):
    """Neither the environment nor a passphrase's file, nor the key of a credential."""
    stage.path("pass").write_bytes(SECRET)
    stage.edit("generate://pkcs8@ec:p256", "generate://pkcs8s:${file:pass}@ec:p256")
    opened = []
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *more, **options: opened.append(str(path)) or real(path, *more, **options)
    )
    observe(stage.document(), stage.guard)
    assert opened == [str(stage.path("ca.pem"))]  # whom the authority is trusted by is no secret
