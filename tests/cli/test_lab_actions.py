"""`lab ra` and `lab roll-over`: work on the lab's folder, and what they say."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from runner.cli.main import main


def test_an_ra_whom_the_lab_trusts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "ra", "desk", "--dir", "ca"]) == 0
    assert capsys.readouterr().out.splitlines() == ["RA certificate ca/desk.crt", "RA key ca/desk.prv"]
    key = tmp_path / "ca" / "desk.prv"
    certificate = x509.load_pem_x509_certificate((tmp_path / "ca" / "desk.crt").read_bytes())
    assert key.stat().st_mode & 0o777 == 0o600
    assert load_pem_private_key(key.read_bytes(), None).public_key() == certificate.public_key()
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28") in usage


def test_names_that_are_none_or_taken(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("../desk", "ca.key", ""):
        assert main(["lab", "ra", name, "--dir", "ca"]) == 1
    assert main(["lab", "ra", "desk", "--dir", "ca"]) == 0
    before = (tmp_path / "ca" / "desk.prv").read_bytes()
    assert main(["lab", "ra", "desk", "--dir", "ca"]) == 1
    assert (tmp_path / "ca" / "desk.prv").read_bytes() == before
    assert "Traceback" not in capsys.readouterr().err


def test_a_roll_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "roll-over", "--dir", "ca"]) == 0
    assert capsys.readouterr().out == "CA certificate ca/ca-2.pem\n"
    old, new = (x509.load_pem_x509_certificate((tmp_path / "ca" / n).read_bytes()) for n in ("ca.pem", "ca-2.pem"))
    assert (old.subject, old.public_key() == new.public_key()) == (new.subject, False)


@pytest.mark.parametrize(
    ("kind", "is_of_that_kind"),
    [
        ("rsa:3072", lambda key: key.key_size == 3072),
        ("ec:p384", lambda key: key.curve.name == "secp384r1"),
        ("ed25519", lambda key: isinstance(key, ed25519.Ed25519PublicKey)),
    ],
)
def test_a_roll_over_to_another_kind_of_key(tmp_path, monkeypatch, kind, is_of_that_kind, openssl):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "ra", "desk", "--dir", "ca"]) == 0
    assert main(["lab", "roll-over", "--dir", "ca", "--manner", f"ca_key={kind}"]) == 0
    new = x509.load_pem_x509_certificate((tmp_path / "ca" / "ca-2.pem").read_bytes())
    assert is_of_that_kind(new.public_key())
    for root, link in (("ca.pem", "ca-2-with-1.pem"), ("ca-2.pem", "ca-1-with-2.pem")):
        command = [openssl, "verify", "-no_check_time", "-CAfile", tmp_path / "ca" / root, tmp_path / "ca" / link]
        assert subprocess.run(command, capture_output=True, check=True).stdout.endswith(b": OK\n")


def test_a_roll_over_to_a_kind_that_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "roll-over", "--dir", "ca", "--manner", "ca_key=dsa"]) == 1
    assert "no key of the kind" in capsys.readouterr().err
    assert not (tmp_path / "ca").exists()


def test_a_manner_that_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "serve", "--dir", "ca", "--manner", "polite=yes"]) == 1
    assert "polite" in capsys.readouterr().err
    assert not (tmp_path / "ca").exists()
