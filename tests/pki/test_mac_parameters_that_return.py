"""Parameters of a PasswordBasedMac that return: read and judged once for a secret, unless they are huge."""

from __future__ import annotations

import pytest
from support.requester import pbm, pbm_parameters

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.errors import Unauthentic
from runner.pki import macs
from runner.pki.macs import SharedSecret, compute_mac


def algorithm(**parameters) -> AlgorithmIdentifier:
    return AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=pbm_parameters(**parameters))


@pytest.fixture
def readings(monkeypatch):
    """The parameters that were read, in their order."""
    seen = []
    real = macs.decode
    monkeypatch.setattr(macs, "decode", lambda cls, octets: seen.append(octets) or real(cls, octets))
    return seen


def test_the_same_parameters_are_read_once_for_each_secret(readings):
    for secret in (SharedSecret(b"one"), SharedSecret(b"other")):
        for data in (b"data", b"more"):
            asked = algorithm(salt=b"salt" * 4)
            assert compute_mac(secret, asked, data) == pbm(secret._secret, asked.parameters, data)
    assert len(readings) == 2


def test_a_huge_salt_is_not_remembered(readings):
    secret, asked = SharedSecret(b"secret"), algorithm(salt=bytes(250))
    for _ in range(2):
        assert compute_mac(secret, asked, b"data") == pbm(b"secret", asked.parameters, b"data")
    assert len(readings) == 2


def test_what_one_secret_allows_another_may_not():
    asked = algorithm(count=2000)
    compute_mac(SharedSecret(b"secret", 2000), asked, b"data")
    for _ in range(2):
        with pytest.raises(Unauthentic, match="amount of work"):
            compute_mac(SharedSecret(b"secret", 1999), asked, b"data")
