"""A secret that can be tried out on a recorded message is told of where it is read: by apply, never by plan."""

from __future__ import annotations

import pytest
from support.site import FRESH

from runner.pki.macs import SharedSecret


@pytest.fixture
def weak(at_peer):
    """A site at a CA that gave out a secret of six digits."""
    at_peer.peer.lab._office.secret = SharedSecret(b"271828")
    at_peer.file("psk").write_text("lab:271828\n")
    return at_peer.ask()


def test_apply_warns_once_and_goes_on(weak):
    planned = weak.plan()
    assert "guessed" not in planned.out + planned.err
    done = weak.apply()
    assert done.outcomes == {"web": "issued"}
    assert done.err.count("warning: the shared secret of psk can be guessed") == 1
    assert "site.yaml:" in done.err
    assert "next: have the CA give one of 16 random characters" in done.err
    assert "271828" not in done.out + done.err


def test_it_is_told_once_for_many_items(weak):
    rows = "enrollments:\n  - {name: 'web-${n}', for_each: {n: [1, 2, 3]}, subject: 'CN=${name}',"
    weak.ask(f'{rows} key: "generate://pkcs8@ec:p256/out/${{name}}", output: "out/${{name}}"}}\n')
    assert weak.apply().err.count("can be guessed") == 1


def test_a_long_secret_is_not_told_of(at_peer):
    done = at_peer.ask(FRESH).apply()
    assert (done.outcomes, "guessed" in done.err) == ({"web": "issued"}, False)
