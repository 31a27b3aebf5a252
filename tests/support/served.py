"""A tunnel that another process serves, in front of a Peer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

from support.requester import Requester, Secret

from runner.pki.certificates import to_pem

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {{url: "{url}", trust: [ca.pem], limits: {{retries: 0, timeout: 20s}}}}
credentials:
  desk: {{ra_certificate: ra.crt, key: "file:ra.prv"}}
tunnels:
  - name: line
    credential: desk
    requests: inbox
    psks: {{file: psks}}
    trust: [ca.pem]
    approve: {{names: {names}}}
"""


class Served:
    """A tunnel that is served by another process; `url` is its door."""

    def __init__(self, folder, peer):
        self.folder, self.peer, self.process = folder, peer, None
        certificate, key = peer.lab.make_ra("RA")
        (folder / "ca.pem").write_bytes(peer.ca)
        (folder / "ra.crt").write_bytes(to_pem(certificate))
        (folder / "ra.prv").write_bytes(key)
        (folder / "ra.prv").chmod(0o600)
        (folder / "psks").write_text("dev:device secret\n")

    def start(self, names="[any]"):
        text = MANIFEST.format(url=self.peer.url, names=names)
        (self.folder / "m.yaml").write_text(text)
        command = [sys.executable, "-m", "runner", "tunnel", "serve", "m.yaml", "line"]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        said = self.process.stdout.readline()
        assert said.startswith("URL "), self.process.stderr.read()
        self.url = said.split()[1]
        return self

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said

    def post(self, octets: bytes) -> bytes:
        headers = {"Content-Type": "application/pkixcmp"}
        with urlopen(Request(self.url, octets, headers), timeout=20) as answer:
            return answer.read()

    def device(self, secret=b"device secret"):
        return Requester(self.peer.lab, Secret(b"dev", secret))
