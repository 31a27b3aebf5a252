"""A lab in a folder: its files, who else may open it, and what is left of it after a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from support import requester as peer

from runner.errors import Refused, StateError
from runner.lab.authority import open_lab
from runner.lab.ledger import Ledger


def mode(path) -> int:
    return path.stat().st_mode & 0o777


def test_the_files_and_their_permissions(kept, tmp_path):
    old = os.umask(0)
    try:
        lab = kept()
        said = peer.newcomer_to(lab).enrol(peer.new_key())
    finally:
        os.umask(old)
    folder = tmp_path / "lab"
    names = {"ca.key", "ca.pem", "psk", "crl.pem", "issued", "ledger.jsonl"}
    assert {path.name for path in folder.iterdir()} == names
    assert mode(folder) == 0o700
    assert {name: mode(folder / name) for name in ("ca.key", "psk", "ledger.jsonl")} == {
        "ca.key": 0o600, "psk": 0o600, "ledger.jsonl": 0o600,
    }  # fmt: skip
    assert lab.ca_certificate_path == folder / "ca.pem"
    root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    assert root.public_bytes(serialization.Encoding.DER) == lab.ca_certificate
    assert (folder / "psk").read_text() == lab.psk + "\n"
    (issued,) = (folder / "issued").iterdir()
    assert issued.name == f"{said.certificate.serial_number:x}.crt"
    assert x509.load_pem_x509_certificate(issued.read_bytes()) == said.certificate


def test_later_openings_meet_the_same_ca(kept):
    first = kept()
    met = (first.ca_certificate, first.psk, str(first.ca_name))
    second = kept()
    assert (second.ca_certificate, second.psk, str(second.ca_name)) == met


def test_the_crl_is_published_at_the_start_and_after_each_revocation(kept, tmp_path, openssl):
    newcomer = peer.newcomer_to(kept())
    path = tmp_path / "lab" / "crl.pem"

    def listed():
        crl = x509.load_pem_x509_crl(path.read_bytes())
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return [revoked.serial_number for revoked in crl], number

    assert listed()[0] == []
    holder = newcomer.holder()
    newcomer.revoke(holder.serial)
    serials, number = listed()
    assert serials == [holder.serial]
    path.unlink()
    kept()
    assert listed()[0] == [holder.serial]
    assert listed()[1] > number
    command = [openssl, "crl", "-in", path, "-CAfile", tmp_path / "lab" / "ca.pem", "-verify", "-noout"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "verify OK" in done.stdout + done.stderr) == (0, True)


def test_a_folder_is_open_in_one_place_at_a_time(kept, tmp_path, clock, entropy):
    lab = kept()
    with pytest.raises(Refused) as caught:
        open_lab(tmp_path / "lab", clock, entropy)
    assert "another process" in caught.value.what
    lab.close()
    lab.close()
    with open_lab(tmp_path / "lab", clock, entropy) as other:
        assert other.ca_certificate == lab.ca_certificate


def test_a_process_that_was_killed_leaves_nothing_locked(tmp_path, clock, entropy):
    script = (
        "import os, pathlib, sys; from runner.lab.authority import open_lab; from runner.system import *;"
        "open_lab(pathlib.Path(sys.argv[1]), SystemClock(), SystemEntropy()); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "lab"], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    with open_lab(tmp_path / "lab", clock, entropy) as lab:
        assert lab.psk.startswith("lab:")


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_as_if_it_was_never_written(kept, tmp_path, cut):
    newcomer = peer.newcomer_to(kept())
    first = newcomer.enrol(peer.new_key())
    request = newcomer.sent
    second = newcomer.enrol(peer.new_key())
    ledger = tmp_path / "lab" / "ledger.jsonl"
    os.truncate(ledger, ledger.stat().st_size - cut)
    newcomer.lab = kept()
    assert newcomer.lab._office.ledger.certificate(second.certificate.serial_number) is None
    assert newcomer.send(request).der == first.der
    assert newcomer.enrol(peer.new_key()).status == "accepted"
    newcomer.lab = kept()
    for line in ledger.read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("line", ["no json", "[1]", '"certificate"', '{"certificate": {}}', '{"transaction": 1}'])
def test_a_ledger_that_is_none_is_refused_with_its_line(kept, tmp_path, clock, entropy, line):
    kept().close()
    with (tmp_path / "lab" / "ledger.jsonl").open("a") as ledger:
        ledger.write(line + "\n")
    number = len((tmp_path / "lab" / "ledger.jsonl").read_text().splitlines())
    for _ in range(2):  # the failed opening lets go of the folder
        with pytest.raises(StateError) as caught:
            open_lab(tmp_path / "lab", clock, entropy)
        assert f"line {number} " in caught.value.why
        assert caught.value.next_step


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("ca.key", b"nothing", "not an unencrypted private key"),
        ("ca.pem", b"nothing", "no certificate"),
        ("psk", b"without a colon", "not reference:key"),
        ("psk", b"lab:\n", "not reference:key"),
    ],
)
def test_files_that_are_not_what_they_should_be(kept, tmp_path, clock, entropy, name, content, words):
    kept().close()
    (tmp_path / "lab" / name).write_bytes(content)
    with pytest.raises(StateError) as caught:
        open_lab(tmp_path / "lab", clock, entropy)
    assert name in caught.value.what
    assert words in caught.value.why


def test_a_key_that_is_not_the_cas_is_refused(kept, tmp_path, clock, entropy):
    kept().close()
    (tmp_path / "lab" / "ca.key").unlink()
    with pytest.raises(StateError, match=r"ca\.pem") as caught:
        open_lab(tmp_path / "lab", clock, entropy)
    assert "ca.key" in caught.value.why


def test_a_key_that_does_not_sign_is_refused(kept, tmp_path, clock, entropy):
    from cryptography.hazmat.primitives.asymmetric import x25519

    kept().close()
    pem = x25519.X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "lab" / "ca.key").write_bytes(pem)
    with pytest.raises(StateError) as caught:
        open_lab(tmp_path / "lab", clock, entropy)
    assert caught.value.why == "it is not a key that signs"


def test_a_place_that_is_no_folder_is_refused(tmp_path, clock, entropy):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "lab"):
        with pytest.raises(StateError, match="cannot use"):
            open_lab(path, clock, entropy)


def test_a_crash_between_key_and_certificate_is_made_good(kept, tmp_path):
    kept().close()
    (tmp_path / "lab" / "ca.pem").unlink()
    (tmp_path / "lab" / ".ca.pem.new").write_bytes(b"half a cert")
    lab = kept()
    x509.load_der_x509_certificate(lab.ca_certificate).verify_directly_issued_by(
        x509.load_pem_x509_certificate((tmp_path / "lab" / "ca.pem").read_bytes())
    )


def test_a_full_disk_tears_no_line(kept, tmp_path, monkeypatch):
    newcomer = peer.newcomer_to(kept())
    newcomer.enrol(peer.new_key())
    ledger = tmp_path / "lab" / "ledger.jsonl"
    before = ledger.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, octets: write(descriptor, octets[:9]))
    assert newcomer.enrol(peer.new_key()).fail_info == ["systemFailure"]
    monkeypatch.undo()
    assert ledger.read_bytes() == before


def test_a_psk_of_the_owners_choice_is_taken(kept, tmp_path):
    kept().close()
    (tmp_path / "lab" / "psk").write_text("3078:with:colons")
    lab = kept()
    assert lab.psk == "3078:with:colons"
    assert peer.newcomer_to(lab).enrol(peer.new_key()).status == "accepted"


def test_the_ledger_holds_no_secret_and_no_more_than_it_needs(kept, tmp_path):
    lab = kept()
    newcomer = peer.newcomer_to(lab)
    newcomer.confirm(newcomer.enrol(peer.new_key()))
    text = (tmp_path / "lab" / "ledger.jsonl").read_text()
    assert lab.psk.partition(":")[2] not in text
    assert len(text) < 2000


def test_what_is_recorded_is_remembered():
    lines: list[str] = []
    first = Ledger((), lines.append)
    assert [first.next_crl_number() for _ in range(3)] == [1, 2, 3]
    assert Ledger(lines, lines.append).next_crl_number() == 4
