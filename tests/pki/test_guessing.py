"""What can be told of a secret's strength, and what cannot."""

from __future__ import annotations

import base64
import random

import pytest

from runner.pki.guessing import is_guessable, most_bits


@pytest.mark.parametrize(
    "secret",
    [b"", b"ssh", b"insta", b"password1", b"Passw0rd!", b"1234567890123456", b"a" * 40, b"abababababababababab"],
)
def test_what_is_weak_for_certain(secret):
    assert is_guessable(secret)


@pytest.mark.parametrize(
    "secret",
    [
        b"correct horse battery",
        b"0123456789abcdef",
        b"kP9#vTq2xLw",
        "ключ ключа".encode(),
        b"4" * 8 + b"8" * 8 + b"abcdefgh",
    ],
)
def test_what_may_be_strong(secret):
    assert not is_guessable(secret)


def test_random_secrets_are_never_called_weak():
    """Sixteen hexadecimal digits and eleven characters of base64 are as short as 60 bits can be written."""
    chance = random.Random(7)  # noqa: S311 - the same ones each time
    for _ in range(500):
        for secret in (
            chance.randbytes(8).hex().encode(),
            base64.b64encode(chance.randbytes(12)),
            chance.randbytes(16),
        ):
            assert not is_guessable(secret), secret


def test_more_is_never_less():
    measured = [most_bits(b"kP9#vTq2xLw"[:length]) for length in range(12)]
    assert measured == sorted(measured)
