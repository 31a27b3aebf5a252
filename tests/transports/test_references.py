"""`polls: {reference: …}`: an answer that a server on tcp:// keeps is fetched with the four octets that it gave.

What left the request pending is an apply in another folder, of which nothing is known but the reference and the key.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.labs import Lab

HEAD = """apiVersion: cmp-batch/v1
authorities:
  ca:
    url: "tcp://127.0.0.1:{port}"
    trust: [ca.pem]
    credential: psk
    tcp: {{framing: "{framing}"}}
    polling: {{max_wait: {wait}}}
credentials:
  psk: {{psk: {{env: CA_PSK}}}}
"""
FIRST = 'enrollments: [{name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/web", output: web}]\n'
SECOND = 'polls: [{name: late, reference: %s, key: "file:late.prv", output: late}]\n'


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A lab whose every answer over TCP has to be asked for, a second later."""
    started = Lab(tmp_path_factory.mktemp("slow") / "lab", "--tcp-delay", "1")
    yield started
    started.stop()


class Site:
    def __init__(self, folder, lab, framing):
        self.folder, self.lab, self.framing = folder, lab, framing
        folder.mkdir()
        shutil.copy(lab.ca, folder / "ca.pem")

    def apply(self, items, wait):
        head = HEAD.format(port=self.lab.tcp_port, framing=self.framing, wait=wait)
        (self.folder / "m.yaml").write_text(head + items)
        command = [sys.executable, "-m", "runner", "apply", "m.yaml", "--yes", "--report", "said.json"]
        environ = {"CA_PSK": self.lab.psk, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        items = (
            json.loads((self.folder / "said.json").read_text())["items"] if (self.folder / "said.json").exists() else []
        )
        return {each["name"]: each["outcome"] for each in items}, done.stdout + done.stderr


@pytest.mark.parametrize("framing", ["10", "rfc2510"])
def test_an_answer_is_fetched_with_the_reference_alone(tmp_path, slow, framing):
    first = Site(tmp_path / "first", slow, framing)
    outcomes, said = first.apply(FIRST, "0s")
    assert outcomes == {"web": "pending"}, said
    with closing(sqlite3.connect(first.folder / ".cmp-batch" / "state.db")) as state:
        ((reference,),) = state.execute("SELECT reference FROM open").fetchall()
    second = Site(tmp_path / "second", slow, framing)
    shutil.copy(first.folder / "web.prv", second.folder / "late.prv")
    items = SECOND % f"0x{reference.partition(':')[2]}"
    outcomes, said = second.apply(items, "0s")
    assert outcomes == {"late": "pending"}, said
    outcomes, said = second.apply(items, "30s")
    assert outcomes == {"late": "issued"}, said
    certificate = x509.load_pem_x509_certificate((second.folder / "late-0.crt").read_bytes())
    key = load_pem_private_key((second.folder / "late.prv").read_bytes(), None)
    assert certificate.public_key() == key.public_key()


def test_a_reference_that_nobody_knows_leaves_it_pending(tmp_path, slow):
    site = Site(tmp_path / "site", slow, "10")
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", site.folder / "late.prv"],
        check=True,
        capture_output=True,
    )
    outcomes, said = site.apply(SECOND % 4711, "0s")
    assert outcomes == {"late": "pending"}
    assert "knows nothing of our request" in " ".join(said.split())


def test_a_reference_without_a_key_is_a_mistake(tmp_path, slow):
    site = Site(tmp_path / "site", slow, "10")
    outcomes, said = site.apply("polls: [{name: late, reference: 4711, output: late}]\n", "0s")
    assert outcomes == {}
    assert "a reference wants the key" in said
