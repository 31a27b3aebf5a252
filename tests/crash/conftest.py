"""A CA that counts, a folder with a manifest, and a program that is killed in the midst of its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.peers import Peer

from runner.lab.authority import open_lab
from runner.lab.rules import LabRules
from runner.state.reading import read_inventory
from runner.system import SystemClock, SystemEntropy

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).resolve().parents[2]
MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {url: "URL", trust: [ca.pem], credential: psk, limits: {retries: 0}MORE}
credentials:
  psk: {psk: {env: CA_PSK}, iterations: 100}
"""
WEB = """\
enrollments:
  - name: web
    subject: "C=FI, CN=web"
    key: generate://pkcs8@ec:p256/out/web
    output: out/web
    renew_before: 30d
"""


class ShiftedClock(SystemClock):
    """The hour that it is, and so many seconds."""

    offset = 0.0

    def now(self):
        return super().now() + timedelta(seconds=self.offset)


class Program:
    """child.py at work: one process for all the runs of a test module."""

    def __init__(self):
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "error::ResourceWarning", CHILD]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def run(self, **order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)


class Site:
    """A manifest in a folder of its own, and the CA that it names."""

    WEB = WEB
    """The entry that it begins with."""

    def __init__(self, folder, program, *, more="", rules=None):
        self.folder, self.program = folder, program
        self.clock = ShiftedClock()
        self.peer = Peer()
        self.peer.lab = open_lab(None, self.clock, SystemEntropy(), rules or LabRules())
        (folder / "ca.pem").write_bytes(self.peer.ca)
        self.more = more
        self.write(WEB)

    def write(self, items):
        text = MANIFEST.replace("URL", self.peer.url).replace("MORE", self.more) + items
        (self.folder / "m.yaml").write_text(text, encoding="utf-8")
        return self

    def apply(self, *options, kill_at=-1, kill_in_call=-1):
        return self.program.run(
            argv=["apply", "m.yaml", "--yes", *options],
            cwd=str(self.folder),
            environ={"CA_PSK": self.peer.lab.psk, "NO_COLOR": "1"},
            kill_at=kill_at,
            kill_in_call=kill_in_call,
            offset=self.clock.offset,
        )

    def converge(self, most=4):
        """Apply until everything is as the manifest says; the statuses that it took."""
        statuses = []
        while not statuses or statuses[-1] != 0:
            assert len(statuses) < most, f"{statuses}\n{self.said}"
            statuses.append(self.apply()["status"])
        return statuses

    @property
    def said(self):
        return (self.folder / "said").read_text(encoding="utf-8")

    @property
    def issued(self):
        return list(self.peer.lab._office.ledger.certificates())

    @property
    def inventory(self):
        return read_inventory(self.folder / ".cmp-batch" / "state.db")

    def path(self, name):
        return self.folder / name

    def nothing_is_torn(self):
        """Every file that has its own name is whole, at any moment."""
        for path in self.path("out").glob("*") if self.path("out").exists() else ():
            if path.name.startswith("."):
                continue
            if ".prv" in path.name:
                assert path.stat().st_mode & 0o777 == 0o600
                load_pem_private_key(path.read_bytes(), None)
            else:
                x509.load_pem_x509_certificate(path.read_bytes())

    def pair_matches(self, name="web"):
        key = load_pem_private_key(self.path(f"out/{name}.prv").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(self.path(f"out/{name}-0.crt").read_bytes())
        return certificate.public_key() == key.public_key()

    def some_pair_matches(self):
        """In use or waiting: a key whose certificate is there."""
        keys = [load_pem_private_key(p.read_bytes(), None).public_key() for p in self.path("out").glob("web.prv*")]
        certificates = [x509.load_pem_x509_certificate(p.read_bytes()) for p in self.path("out").glob("web-0.crt*")]
        return any(certificate.public_key() in keys for certificate in certificates)


@pytest.fixture(scope="module")
def program():
    started = Program()
    yield started
    started.close()


@pytest.fixture
def site(tmp_path, program):
    """`site(more="", rules=None)` → a Site in a fresh folder, whose CA listens until the test ends."""
    numbers, opened = count(), []

    def start(**options):
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        made = Site(folder, program, **options)
        made.peer.__enter__()
        opened.append(made)
        return made

    yield start
    for each in opened:
        each.peer.__exit__()
