"""The lab in a process of its own, as a user starts it."""

from __future__ import annotations

import subprocess
import sys


class Lab:
    """`cmp-batch lab serve` in a process of its own."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-m", "runner", "lab", "serve", "--dir", str(folder), "--tcp-port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        facts = dict(self.process.stdout.readline().split(maxsplit=1) for _ in range(4))
        self.url, self.tcp, self.psk = facts["URL"].strip(), facts["TCP"].strip(), facts["PSK"].strip()
        self.ca = folder / "ca.pem"
        self.port = int(self.url.rstrip("/").rpartition(":")[2])
        self.tcp_port = int(self.tcp.rpartition(":")[2])

    def stop(self):
        self.process.kill()
        self.process.communicate()
