"""`openssl cmp` as somebody who writes requests into files and reads answers from them, and as a live client."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class OpensslClient:
    """`openssl cmp` in `folder`, with a secret or a certificate of its own."""

    def __init__(self, program: str, folder: Path, *protection: str) -> None:
        self.program, self.folder, self.protection = program, folder, protection

    def key(self, name: str) -> str:
        self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
        return f"{name}.key"

    def csr(self, name: str, *more: str) -> Path:
        self.key(name)
        self._run("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr", *more)
        return self.folder / f"{name}.csr"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def cmp(self, command: str, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess:
        done = self.run("cmp", "-cmd", command, *self.protection, *arguments)
        assert (done.returncode == 0) == ok, done.stderr
        return done
