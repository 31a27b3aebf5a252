"""`openssl cmp -port`: OpenSSL's mock CMP server, in a process of its own on a free port of its choice.

It answers every enrolment with the one certificate of -rsp_cert, and tells what it does.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class OpensslMock:
    """The server while it is entered; `folder` is its working folder."""

    def __init__(self, openssl: str, folder: Path, *options: str) -> None:
        self._command = [openssl, "cmp", "-config", "", "-port", "0", *options]
        self._folder = folder
        self._said = ""

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # it tells some things here and some there
            text=True,
        )
        for line in self._process.stdout:
            self._said += line
            if line.startswith("ACCEPT "):  # [::]:PORT PID=…, once it listens
                self.port = int(line.split()[1].rpartition(":")[2])
                return self
        self.stop()
        raise AssertionError(f"openssl cmp -port does not listen: {self._said}")

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> str:
        """End it, if it has not ended; everything that it told."""
        self._process.kill()
        if not self._process.stdout.closed:
            self._said += self._process.communicate()[0]
        return self._said

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/pkix/"
