"""`inspect` tells what key is in a file of any format of key URLs, and opens none that is sealed."""

from __future__ import annotations

import pytest
from support import keymatrix

from runner.cli.main import main
from runner.pki.keyspecs import parse_key_spec

HELD = [
    ("rsa:2048", "ssh2"),
    ("rsa:2048", "ssh1"),
    ("rsa:2048", "x509"),
    ("ec:p256", "sec1"),
    ("ec:p256", "jwk"),
    ("ed25519", "openssh"),
    ("ml-dsa-44", "pkcs8"),
    ("x25519", "pkcs8"),
]
SEALED = [
    ("rsa:2048", "ssh2", True),
    ("rsa:2048", "ssh1", True),
    ("ed25519", "openssh", True),
    ("x448", "pkcs8s", True),
]


@pytest.mark.parametrize(("spec", "savetype", "sealed"), [*((*each, False) for each in HELD), *SEALED])
def test_a_key_of_any_format_is_told(spec, savetype, sealed, tmp_path, capsys):
    file = tmp_path / "key"
    file.write_bytes(keymatrix.written(parse_key_spec(spec), savetype, sealed=sealed))
    assert main(["inspect", str(file)]) == 0
    said = capsys.readouterr().out
    assert ("Sealed = yes" in said) is sealed
    assert (f"KeyType = {spec}\n" in said) is not sealed
