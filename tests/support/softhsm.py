"""SoftHSM 2 with a token of its own for the tests: `SOFTHSM2_CONF` points at a folder that they made."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.tools import need

PIN = "1234"
LABEL = "cmp-batch-tests"


@dataclass
class SoftHsm:
    """An initialised token: its configuration, and the module that speaks for it."""

    configuration: Path
    module: str

    def tool(self, *arguments):
        """pkcs11-tool, logged in."""
        command = [need("pkcs11-tool"), "--module", self.module, "--token-label", LABEL, "--login", "--pin", PIN]
        done = subprocess.run([*command, *arguments], capture_output=True, check=True, timeout=60)
        return done.stdout.decode()

    def url(self, label, pin="pin-source=env:PIN"):
        """The URL of a key in the token."""
        return f"pkcs11:token={LABEL};object={label}?module-name=softhsm2" + (f"&{pin}" if pin else "")

    def generate(self, label, spec):
        """The URL that makes a key in the token."""
        return f"generate://pkcs11:${{env:PIN}}@{spec}/token={LABEL};object={label}?module-name=softhsm2"


def initialised(folder: Path) -> SoftHsm:
    """A fresh token below `folder`. The environment must name its configuration before the module is loaded."""
    tool = need("softhsm2-util")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n", encoding="ascii")
    command = [tool, "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "567890"]
    environment = {"SOFTHSM2_CONF": str(configuration), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    modules = [Path("/usr/lib/softhsm/libsofthsm2.so"), *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")]
    return SoftHsm(configuration, str(next(path for path in modules if path.exists())))
