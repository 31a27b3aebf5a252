"""Further entropy: the octets reach the generator of `cryptography`, beside its own source."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runner.errors import KeyStoreError
from runner.keystores.generate import generate_key
from runner.keystores.stirring import stir
from runner.pki.keyspecs import KeySpec
from runner.pki.signing import public_info


def test_the_octets_are_added_and_not_credited(tmp_path):
    added = []
    library = SimpleNamespace(lib=SimpleNamespace(RAND_add=lambda *arguments: added.append(arguments)))
    (tmp_path / "noise").write_bytes(b"noise")
    stir(tmp_path / "noise", library)
    assert added == [(b"noise", 5, 0.0)]


def test_the_real_generator_takes_them_and_is_not_replaced(tmp_path):
    """A file that is always the same does not make keys that are."""
    (tmp_path / "noise").write_bytes(bytes(64))
    made = set()
    for _ in range(3):
        stir(tmp_path / "noise")
        made.add(public_info(generate_key(KeySpec("ed25519"))))
    assert len(made) == 3


def test_what_cannot_be_mixed_in_is_said(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(b"noise")
    for path, library, words in (
        ("gone", None, "cannot read"),
        ("empty", None, "no octets"),
        ("noise", SimpleNamespace(lib=object()), "takes no further entropy"),
    ):
        with pytest.raises(KeyStoreError, match=words):
            stir(tmp_path / path, library)
