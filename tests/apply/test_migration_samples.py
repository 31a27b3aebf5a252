"""The samples of a migration: what TUNNEL took from a folder, and what POLL asked for when openssl had left it."""

from __future__ import annotations

import subprocess

from cryptography import x509
from support.manifests import bring
from support.openssl_cmp import OpensslClient
from support.peers import Peer
from support.pending import left_pending
from support.program import program

from runner.lab.rules import LabRules


def test_a_request_in_the_inbox_becomes_what_the_tunnel_says(tmp_path, openssl):
    manifest = bring("migration", tmp_path)
    first = program("apply", "--yes", manifest.name, cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/dev.csr").write_bytes(OpensslClient(openssl, tmp_path).csr("dev").read_bytes())
    done = program("apply", "--yes", manifest.name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = x509.load_pem_x509_certificate((tmp_path / "outbox/dev.csr.crt").read_bytes())
    assert made.subject.rfc4514_string() == "CN=line,O=SSH,C=FI"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["example@domain.example"]


def test_what_was_left_pending_is_asked_for(tmp_path, openssl):
    manifest = bring("migration-poll", tmp_path)
    with Peer(rules=LabRules(waiting_polls=2)) as peer:
        (tmp_path / "ca.pem").write_bytes(peer.ca)
        identifier = left_pending(openssl, tmp_path, peer, "waiting.prv")
        peer.lab._office.rules = LabRules()
        options = ("--var", f"url={peer.url}", "--var", f"id={identifier}")
        done = program("apply", "--yes", manifest.name, *options, cwd=tmp_path, CMP_PSK=peer.lab.psk)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [openssl, "x509", "-inform", "DER", "-in", "waiting-0.crt", "-noout", "-subject"]
    assert "late" in subprocess.run(shown, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
