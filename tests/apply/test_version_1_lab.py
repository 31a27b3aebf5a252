"""`version: 1` against the lab, which speaks it, and was built apart from the client."""

from __future__ import annotations

from support.site import FRESH

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

GONE = "revocations:\n  - {name: gone, certificate: out/web-0.crt, reason: keyCompromise}\n"


def messages(site):
    return [decode(PKIMessage, octets) for octets in site.peer.requests]


def test_a_certificate_is_enrolled_and_confirmed(at_peer):
    done = at_peer.ask(FRESH, more="version: 1").apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"}), done.items
    assert [message.body.name for message in messages(at_peer)] == ["ir", "pkiconf"]
    assert {message.header.pvno for message in messages(at_peer)} == {1}
    (made,) = at_peer.peer.lab._office.ledger.certificates()
    assert made.state.value == "confirmed"


def test_a_certificate_is_revoked_for_its_reason(at_peer):
    at_peer.ask(FRESH, more="version: 1").apply()
    done = at_peer.ask(GONE, more="version: 1").apply()
    assert done.outcomes == {"gone": "revoked"}, done.items
    (made,) = at_peer.peer.lab._office.ledger.certificates()
    assert (made.state.value, made.reason) == ("revoked", 1)
