"""A folder among the requests is not looked into, and that is said; what is meant to be passed over is not."""

from __future__ import annotations

import pytest

TUNNEL = "tunnels:\n  - {name: line, requests: %s, output: inbox/outbox, approve: {names: [any]}}\n"
WORDS = "warning: lost in the requests of line is a folder, and is not looked into"


@pytest.fixture
def inbox(at_peer):
    for name in ("lost", "outbox", ".parked"):
        (at_peer.file("inbox") / name).mkdir(parents=True)
    return at_peer


def asked(site, sources="inbox"):
    return site.ask(TUNNEL % sources, credentials="psk: {psk: {file: psk}, ra: true, iterations: 1000}")


def test_it_is_said_once_by_plan_and_by_apply(inbox):
    site = asked(inbox)
    for done in (site.plan(), site.apply()):
        assert done.status == 0
        assert done.err.count("is not looked into") == 1
        assert WORDS in done.err
        assert "site.yaml:" in done.err
        assert "next: name it under requests: too" in done.err


def test_who_names_it_has_it(inbox):
    done = asked(inbox, "[inbox, inbox/lost]").plan()
    assert (done.status, done.err) == (0, "")
