"""Whole answers that are late: an error of status `waiting`, pollReq about -1, and then the answer itself."""

from __future__ import annotations

import hashlib

import pytest
from support import requester as peer

from runner.asn1.cmp import CertStatus


def late(ruled, *delays):
    return ruled(delays=delays, check_after=0)


def waits(said):
    assert said.refusal == ("error", "waiting", [])
    return said


def ask(newcomer, kind, content):
    """Send what is answered late; the error is the last message seen, as with any other answer."""
    newcomer.last = waits(newcomer.ask(kind, content))
    again = newcomer.send(newcomer.sent)
    newcomer.last = waits(again)
    assert newcomer.poll(-1).content[0].cert_req_id == -1
    assert newcomer.send(newcomer.sent).kind == "pollRep"


def test_an_ir_as_a_whole(ruled):
    newcomer = late(ruled, "ir")
    ask(newcomer, "ir", (peer.cert_req(peer.new_key()),))
    said = newcomer.poll(-1)
    assert said.refusal == ("ip", "accepted", [])
    assert newcomer.send(newcomer.sent).der == said.der
    assert newcomer.confirm(said).kind == "pkiconf"


def test_an_ir_that_then_waits_by_itself(ruled):
    newcomer = ruled(delays=("ir",), waiting_polls=1, check_after=0)
    ask(newcomer, "ir", (peer.cert_req(peer.new_key()),))
    assert newcomer.poll(-1).refusal == ("ip", "waiting", [])
    assert newcomer.poll(0).kind == "pollRep"
    assert newcomer.poll(0).refusal == ("ip", "accepted", [])


def test_a_genm_and_once_more(ruled):
    newcomer = late(ruled, "genm")
    ask(newcomer, "genm", ())
    said = newcomer.poll(-1)
    assert said.kind == "genp"
    assert newcomer.send(newcomer.sent).content == said.content
    assert newcomer.poll(-1).fail_info == ["badRequest"]


def test_an_rr(ruled):
    newcomer = late(ruled, "rr")
    serial = newcomer.holder().serial
    newcomer.last = waits(newcomer.revoke(serial))
    newcomer.poll(-1)
    said = newcomer.poll(-1)
    assert said.refusal == ("rp", "accepted", [])
    assert newcomer.send(newcomer.sent).content == said.content


def test_a_rejection_that_is_late(ruled):
    newcomer = late(ruled, "rr")
    ask(newcomer, "rr", ())
    said = newcomer.poll(-1)
    assert said.refusal == ("error", "rejection", ["badRequest"])
    assert newcomer.send(newcomer.sent).info == said.info


def test_a_certconf(ruled):
    newcomer = late(ruled, "certConf")
    said = newcomer.enrol(peer.new_key())
    content = (CertStatus(cert_hash=hashlib.sha256(said.der).digest(), cert_req_id=0),)
    ask(newcomer, "certConf", content)
    assert newcomer.poll(-1).kind == "pkiconf"
    assert newcomer.send(newcomer.sent).kind == "pkiconf"
    (certificate,) = newcomer.lab._office.ledger.certificates()
    assert certificate.state.value == "confirmed"


@pytest.mark.parametrize("kind", ["genm", "rr"])
def test_a_restart_while_an_answer_is_late(kept, kind):
    rules = {"delays": (kind,), "check_after": 0}
    newcomer = peer.newcomer_to(kept(**rules))
    newcomer.last = waits(newcomer.ask(kind, ()))
    newcomer.lab = kept(**rules)
    assert newcomer.poll(-1).kind == "pollRep"
    newcomer.lab = kept(**rules)
    assert newcomer.poll(-1).kind == {"genm": "genp", "rr": "error"}[kind]
