"""The kind of a certificate's key in a Result: that of the key it was asked for, where it is that key's."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.planning import certificate, public_key_info

from runner.execute import results
from runner.execute.results import Outcome, answered_result
from runner.keystores.base import StoredKey
from runner.pki.certificates import parse_certificate
from runner.pki.keyspecs import KeySpec, key_spec_of
from runner.plan.steps import Verb

EC, ED = KeySpec("ec", "p256"), KeySpec("ed25519")


@pytest.fixture
def readings(monkeypatch):
    """The public keys that were read."""
    seen = []
    monkeypatch.setattr(results, "key_spec_of", lambda info: seen.append(info) or key_spec_of(info))
    return seen


def told(certified, at_hand):
    key = None if at_hand is None else StoredKey(None, EC, public_key_info(at_hand), Path("key"))
    found = None if certified is None else parse_certificate(certificate(key=certified))
    return answered_result("web", Verb.ENROLL, Outcome.ISSUED, None, found, key).key_spec


def test_the_key_at_hand_is_not_read_again(readings):
    assert told("a", "a") == EC
    assert readings == []


@pytest.mark.parametrize(("certified", "at_hand", "kind"), [("b", "a", EC), ("ed", "a", ED), ("ed", None, ED)])
def test_another_key_is_read(readings, certified, at_hand, kind):
    assert told(certified, at_hand) == kind
    assert readings == [public_key_info(certified)]


def test_no_certificate_has_no_key(readings):
    assert told(None, "a") is None
    assert readings == []
