"""A shared secret and the keys that it is made into: how often that is paid, and what never leaves."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle

import pytest
from support.requester import pbm, pbm_parameters

from runner.asn1.algorithms import PASSWORD_BASED_MAC, AlgorithmIdentifier
from runner.errors import Unauthentic
from runner.pki import macs
from runner.pki.macs import MAX_ITERATIONS, SharedSecret, compute_mac, password_based_mac, verify_mac


def algorithm(**parameters) -> AlgorithmIdentifier:
    return AlgorithmIdentifier(algorithm=PASSWORD_BASED_MAC, parameters=pbm_parameters(**parameters))


@pytest.fixture
def derivations(monkeypatch):
    """The salts that keys were derived for, in their order."""
    seen = []
    real = macs._hashed
    monkeypatch.setattr(macs, "_hashed", lambda octets, *more: seen.append(octets[6:]) or real(octets, *more))
    return seen


def test_the_count_is_the_number_of_hashes_exactly():
    """RFC 4211's pseudo-code reads as one more; every server that was recorded takes it so."""
    once = hashlib.sha256(b"secret" + b"salt" * 4).digest()
    twice = hashlib.sha256(once).digest()
    for count, key in ((1, once), (2, twice)):
        told = compute_mac(SharedSecret(b"secret"), algorithm(salt=b"salt" * 4, count=count), b"data")
        assert told == hmac.digest(key, b"data", "sha256")


@pytest.mark.parametrize("count", [1, 100, 500, 1024])
def test_what_we_send_is_what_others_compute(count):
    sent = password_based_mac(b"salt of sixteen!", count)
    assert compute_mac(SharedSecret(b"secret"), sent, b"data") == pbm(b"secret", sent.parameters, b"data")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"count": 0}, "amount of work"),
        ({"count": -1}, "amount of work"),
        ({"count": MAX_ITERATIONS + 1}, "amount of work"),
        ({"count": 1 << 8000}, "amount of work"),
        ({"salt": b"7 octets"[:7]}, "unacceptable salt"),
        ({"salt": bytes(257)}, "unacceptable salt"),
        ({"owf": "1.2.840.113549.2.5"}, "do not know"),
        ({"mac": "1.2.3.4"}, "do not know"),
    ],
    ids=str,
)
def test_what_is_refused_is_refused_before_any_work(derivations, parameters, words):
    with pytest.raises(Unauthentic, match=words):
        compute_mac(SharedSecret(b"secret"), algorithm(**parameters), b"data")
    assert derivations == []


def test_a_secret_may_allow_more_and_never_more_than_a_million():
    assert SharedSecret(b"s", 10**9).max_iterations == 1_000_000
    patient, usual = SharedSecret(b"s", 200_000), SharedSecret(b"s")
    assert verify_mac(patient, algorithm(count=100_001), b"", b"data") is False
    with pytest.raises(Unauthentic):
        verify_mac(usual, algorithm(count=100_001), b"", b"data")


def test_a_salt_that_returns_costs_nothing(derivations):
    secret = SharedSecret(b"secret")
    for _ in range(5):
        compute_mac(secret, algorithm(), b"data")
    assert len(derivations) == 1
    compute_mac(secret, algorithm(count=501), b"data")
    compute_mac(secret, algorithm(salt=b"another salt", count=500), b"data")
    assert len(derivations) == 3


def test_our_own_key_outlives_those_of_servers_that_salt_anew(derivations):
    secret = SharedSecret(b"secret")
    for number in range(300):
        compute_mac(secret, algorithm(salt=b"our own salt"), b"data")
        compute_mac(secret, algorithm(salt=b"theirs %08d" % number), b"data")
    assert derivations.count(b"our own salt") == 1
    assert len(derivations) == 301


def test_no_more_keys_are_kept_than_needed():
    secret = SharedSecret(b"secret")
    for number in range(200):
        secret.key(b"salt%04d" % number, "sha256", 1)
    assert len(secret._keys) == 64


def test_a_wrong_mac_costs_one_derivation(derivations):
    assert not verify_mac(SharedSecret(b"secret"), algorithm(), b"wrong", b"data")
    assert len(derivations) == 1


def test_a_secret_stays():
    secret = SharedSecret(b"secret")
    assert "secret" not in repr(secret).removeprefix("<SharedSecret>")
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave"):
            leave(secret)
    assert not hasattr(secret, "__dict__")
