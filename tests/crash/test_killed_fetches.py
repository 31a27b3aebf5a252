"""kill -9 at every durable act of a question whose answer comes later; then `apply` until it converges."""

from __future__ import annotations

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.rules import LabRules

ASK = "fetches: [{name: ask, what: caCerts, output: out/ca.pem}]\n"


def asking(site):
    rules = LabRules(delays=("genm",), delay_polls=1)
    return site(more=", polling: {max_wait: 20s}", rules=rules).write(ASK)


def test_kill_9_at_every_durable_act(site):
    rehearsal = asking(site).apply()
    assert rehearsal["status"] == 0
    moments = [n for n, words in enumerate(rehearsal["moments"]) if words.startswith("before") or "commit" in words]
    assert moments
    for number in moments:
        made = asking(site)
        assert made.apply(kill_at=number)["status"] == -9, made.said
        made.nothing_is_torn()
        made.converge()
        assert not made.inventory.open
        assert made.path("out/ca.pem").read_bytes() == made.path("ca.pem").read_bytes()
        asked = [decode(PKIMessage, each) for each in made.peer.requests]
        genms = {each.header.transaction_id for each in asked if each.body.name == "genm"}
        assert len(genms) == 1, "it was asked anew although it was under way"
