"""`batching:`: several requests in one message, and each item's own ending, with the lab as CA, end to end.

The lab was built apart from the client, from the standards; `openssl` judges the pairs.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import timedelta

import pytest
from support.peers import Peer
from support.site import CREDENTIALS, PeerSite

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.manners import Manners

MANY = """enrollments:
  - name: web-${n}
    for_each: {n: [0, 1, 2, 3]}
    subject: CN=web-${n}
    key: "generate://pkcs8@ec:p256/out/web-${n}"
    output: out/web-${n}
"""
NAMES = [f"web-{n}" for n in range(4)]
REVOKE = """revocations:
  - {name: "gone-${n}", for_each: {n: [0, 1, 2, 3]}, certificate: "out/web-${n}-0.crt", reason: superseded}
"""


@pytest.fixture
def ca(tmp_path, capsys):
    """`ca(**manners)`: a site whose lab behaves so."""
    open_peers = []

    def make(**manners):
        folder = tmp_path / f"site-{len(open_peers)}"
        folder.mkdir()
        peer = Peer(rules=Manners(**manners))
        open_peers.append(peer.__enter__())
        return PeerSite(folder, capsys.readouterr, peer)

    yield make
    for peer in open_peers:
        peer.__exit__(None, None, None)


def batched(site, items=MANY, size=4, more="polling: {max_wait: 30s}"):
    return site.ask(items, more=f"batching: {{size: {size}}}\n    {more}")


def messages(site):
    return [decode(PKIMessage, octets) for octets in site.peer.requests]


def kinds(site):
    return Counter(message.body.name for message in messages(site))


def is_a_pair(site, openssl, name):
    crt, key = str(site.file(f"out/{name}-0.crt")), str(site.file(f"out/{name}.prv"))
    of = [
        subprocess.run([openssl, *words], check=True, capture_output=True).stdout
        for words in (("x509", "-in", crt, "-noout", "-pubkey"), ("pkey", "-in", key, "-pubout"))
    ]
    return of[0] == of[1]


def test_four_requests_and_four_confirmations_are_two_messages(ca, openssl):
    site = batched(ca())
    done = site.apply()
    assert (done.status, done.outcomes) == (0, dict.fromkeys(NAMES, "issued")), done.items
    assert kinds(site) == {"ir": 1, "certConf": 1}
    first, second = messages(site)
    assert [each.cert_req.cert_req_id for each in first.body.value] == [0, 1, 2, 3]
    assert sorted(each.cert_req_id for each in second.body.value) == [0, 1, 2, 3]
    assert all(is_a_pair(site, openssl, name) for name in NAMES)
    assert site.apply().outcomes == dict.fromkeys(NAMES, "unchanged")
    assert site.issued == 4


def test_a_message_holds_as_many_as_were_allowed(ca):
    site = batched(ca(), size=3)
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    assert sorted(len(each.body.value) for each in messages(site) if each.body.name == "ir") == [1, 3]


def test_answers_in_another_order_find_their_requests(ca, openssl):
    site = batched(ca(reordered=True))
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    assert all(is_a_pair(site, openssl, name) for name in NAMES)


def test_one_that_is_rejected_spoils_no_other(ca):
    site = batched(ca(reject_names=("web-2",)))
    done = site.apply()
    assert (done.status, done.outcomes) == (3, {**dict.fromkeys(NAMES, "issued"), "web-2": "failed"})
    assert "notAuthorized" in done.error("web-2")
    assert kinds(site) == {"ir": 1, "certConf": 1}
    assert sorted(each.cert_req_id for each in messages(site)[1].body.value) == [0, 1, 3]


def test_one_that_is_left_out_is_unknown_and_no_other(ca):
    site = batched(ca(withheld=True))
    done = site.apply()
    assert Counter(done.outcomes.values()) == {"issued": 3, "unknown": 1}
    (name,) = (name for name, outcome in done.outcomes.items() if outcome == "unknown")
    assert site.file(f"out/{name}.prv").exists()
    assert [message.body.name for message in messages(site)] == ["ir", "certConf", "pollReq"]  # it is asked for, once


def test_all_rejected_alike_for_their_form_are_asked_for_one_by_one(ca):
    site = batched(ca(reject_names=("web-*",), reject_with="badRequest"))
    done = site.apply()
    assert (done.status, done.outcomes) == (3, dict.fromkeys(NAMES, "failed"))
    assert sorted(len(each.body.value) for each in messages(site)) == [1, 1, 1, 1, 4]


def test_all_rejected_alike_for_another_reason_are_not_asked_for_again(ca):
    site = batched(ca(reject_names=("web-*",), reject_with="notAuthorized"))
    assert site.apply().outcomes == dict.fromkeys(NAMES, "failed")
    assert kinds(site) == {"ir": 1}


def test_what_was_granted_is_confirmed_while_others_wait(ca, openssl):
    site = batched(ca(waiting_polls=1, waiting_names=("web-1", "web-3")))
    done = site.apply()
    assert (done.status, done.outcomes) == (0, dict.fromkeys(NAMES, "issued")), done.items
    said = [message.body for message in messages(site)]
    assert said[0].name == "ir"
    assert (said[1].name, sorted(each.cert_req_id for each in said[1].value)) == ("certConf", [0, 2])
    assert (said[2].name, sorted(each.cert_req_id for each in said[2].value)) == ("pollReq", [1, 3])
    assert {body.name for body in said[2:]} == {"pollReq", "certConf"}
    assert all(is_a_pair(site, openssl, name) for name in NAMES)
    assert site.issued == 4


def test_each_waits_for_its_own_time(ca, openssl):
    site = batched(ca(waiting_polls=1, staggered=True))
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    assert kinds(site)["ir"] == 1
    assert kinds(site)["certConf"] >= 2
    assert all(is_a_pair(site, openssl, name) for name in NAMES)
    assert site.issued == 4


def test_those_that_wait_are_pending_and_go_on_together(ca):
    site = batched(ca(waiting_polls=1, waiting_names=("web-1", "web-3")), more="polling: {max_wait: 0s}")
    done = site.apply()
    waiting = {"web-1": "pending", "web-3": "pending"}
    assert (done.status, done.outcomes) == (4, {**dict.fromkeys(NAMES, "issued"), **waiting})
    batched(site)
    done = site.apply()
    assert done.outcomes == {**dict.fromkeys(NAMES, "unchanged"), "web-1": "issued", "web-3": "issued"}
    assert (kinds(site)["ir"], site.issued) == (1, 4)


def test_a_ca_that_takes_one_at_a_time_gets_one_at_a_time(ca, openssl):
    site = batched(ca(batches=False))
    done = site.apply()
    assert (done.status, done.outcomes) == (0, dict.fromkeys(NAMES, "issued")), done.items
    assert sorted(len(each.body.value) for each in messages(site) if each.body.name == "ir") == [1, 1, 1, 1, 4]
    assert all(is_a_pair(site, openssl, name) for name in NAMES)
    assert site.issued == 4


def test_implicit_confirmation_makes_it_one_message(ca):
    site = batched(ca(), more="implicit_confirm: true")
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    assert kinds(site) == {"ir": 1}


def test_an_answer_that_is_late_as_a_whole(ca):
    site = batched(ca(delays=("certConf",)))
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    assert (kinds(site)["ir"], kinds(site)["certConf"]) == (1, 1)
    polls = [message.body.value for message in messages(site) if message.body.name == "pollReq"]
    assert polls
    assert {each.cert_req_id for poll in polls for each in poll} == {-1}


def test_four_revocations_are_one_message_and_one_that_is_none_spoils_no_other(ca):
    site = batched(ca())
    site.apply()
    batched(site, MANY + REVOKE)
    done = site.apply()
    assert {name: done.outcomes[name] for name in done.outcomes if name.startswith("gone")} == dict.fromkeys(
        [f"gone-{n}" for n in range(4)], "revoked"
    )
    assert kinds(site)["rr"] == 1
    assert len(messages(site)[-1].body.value) == 4


def test_signed_requests_share_a_message(ca, openssl):
    site = batched(ca())
    site.ask(
        """enrollments:
  - {name: op, subject: CN=op, key: "generate://pkcs8@ec:p256/out/op", output: out/op}
"""
    ).apply()
    items = MANY.replace("    output", "    credential: op\n    output")
    site.ask(
        items,
        more="batching: {size: 4}",
        credentials=f'{CREDENTIALS}\n  op: {{certificate: out/op-0.crt, key: "file:out/op.prv"}}',
    )
    done = site.apply()
    assert done.outcomes == dict.fromkeys(NAMES, "issued"), done.items
    assert len(messages(site)[2].body.value) == 4
    assert messages(site)[2].body.name == "cr"
    assert all(is_a_pair(site, openssl, name) for name in NAMES)


def test_an_update_that_each_certificate_signs_by_its_own_key_goes_alone(ca, openssl, shift):
    """Also where the authority has a credential: it asks for the first certificate, the certificate for the next."""
    site = batched(ca(), MANY + "    renew_before: 30d\n")
    assert site.apply().outcomes == dict.fromkeys(NAMES, "issued")
    shift(timedelta(days=345))
    assert site.apply().outcomes == dict.fromkeys(NAMES, "updated")
    assert [len(each.body.value) for each in messages(site) if each.body.name == "kur"] == [1, 1, 1, 1]
    assert all(is_a_pair(site, openssl, name) for name in NAMES)
