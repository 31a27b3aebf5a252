"""`polls:`: a request that another tool left pending is asked for again, and its certificate kept.

The other tool is `openssl cmp`, which gives up while the lab waits; the transactionID is what its message says.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from support.peers import Peer
from support.site import PeerSite

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.manners import Manners

LATE = 'polls:\n  - {name: late, id: "%s", output: out/late%s}\n'


@pytest.fixture
def waiting(tmp_path, capsys):
    """A site at a CA that grants nothing before it was asked twice."""
    folder = tmp_path / "site"
    folder.mkdir()
    with Peer(rules=Manners(waiting_polls=3)) as peer:
        yield PeerSite(folder, capsys.readouterr, peer)


@pytest.fixture
def left(waiting, openssl):
    """The transactionID of a request that `openssl cmp` left pending; its key is other.key."""
    return left_by(openssl, waiting, "-cmd", "ir", "-newkey", "other.key", "-subject", "/C=FI/CN=late")


def left_by(openssl, waiting, *asked):
    folder, peer = waiting.folder, waiting.peer
    reference, _, secret = peer.lab.psk.partition(":")
    made = [openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other.key"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    where = ("-server", peer.url.removeprefix("http://"), "-no_proxy", "127.0.0.1")
    if "p10cr" in asked:
        words = (
            "req",
            "-new",
            "-key",
            "other.key",
            "-subj",
            "/C=FI/CN=late",
            "-config",
            os.devnull,
            "-out",
            "other.csr",
        )
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)
    asking = (*asked, "-certout", "never.pem")
    who = ("-ref", reference, "-secret", f"pass:{secret}", "-total_timeout", "1")
    done = subprocess.run(
        [openssl, "cmp", "-config", "", "-batch", *where, *asking, *who], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert not (folder / "never.pem").exists()
    return decode(PKIMessage, peer.requests[0]).header.transaction_id.hex()


def test_what_openssl_left_pending_is_fetched_confirmed_and_kept(waiting, left, openssl):
    before = len(waiting.peer.requests)
    site = waiting.ask(LATE % (left, ', key: "file:other.key"'), more="polling: {max_wait: 30s}")
    assert site.verbs() == {"late": ("resume", ["asked"])}
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"late": "issued"}), done.items
    messages = [decode(PKIMessage, octets) for octets in waiting.peer.requests[before:]]
    assert messages[0].body.name == "pollReq"
    assert messages[0].header.recip_nonce is None
    assert {message.header.transaction_id.hex() for message in messages} == {left}
    assert messages[-1].body.name == "certConf"
    crt = str(site.file("out/late-0.crt"))
    words = [openssl, "x509", "-in", crt, "-noout", "-pubkey"]
    ours = subprocess.run(words, check=True, capture_output=True).stdout
    theirs = subprocess.run(
        [openssl, "pkey", "-in", str(site.file("other.key")), "-pubout"], check=True, capture_output=True
    ).stdout
    assert ours == theirs
    assert site.apply().outcomes == {"late": "unchanged"}
    assert site.issued == 1


def test_a_p10cr_is_found_under_the_number_that_is_none(waiting, openssl):
    """Its certReqId is -1, which is asked for where nothing is known of 0."""
    left = left_by(openssl, waiting, "-cmd", "p10cr", "-csr", "other.csr")
    before = len(waiting.peer.requests)
    done = waiting.ask(LATE % (left, ', key: "file:other.key"'), more="polling: {max_wait: 30s}").apply()
    assert (done.status, done.outcomes) == (0, {"late": "issued"}), done.error("late")
    polls = [decode(PKIMessage, octets).body for octets in waiting.peer.requests[before:]]
    asked = [[each.cert_req_id for each in body.value] for body in polls if body.name == "pollReq"]
    assert asked[:2] == [[0], [-1]]
    assert asked.count([0]) == 1


def test_one_that_still_waits_is_pending_and_the_next_apply_asks_on(waiting, left):
    site = waiting.ask(LATE % (left, ', key: "file:other.key"'), more="polling: {max_wait: 0s}")
    done = site.apply()
    assert (done.status, done.outcomes) == (4, {"late": "pending"})
    assert site.verbs() == {"late": ("resume", ["open-waiting"])}
    site.ask(LATE % (left, ', key: "file:other.key"'), more="polling: {max_wait: 30s}")
    for _ in range(5):
        done = site.apply()
        if done.outcomes != {"late": "pending"}:
            break
    assert done.outcomes == {"late": "issued"}
    assert site.issued == 1


def test_without_its_key_it_is_kept_with_a_word(waiting, left):
    site = waiting.ask(LATE % (left, ""), more="polling: {max_wait: 30s}")
    done = site.apply()
    assert done.outcomes == {"late": "issued"}
    assert any("was not checked" in word for word in done.items["late"]["warnings"])


def test_a_certificate_for_another_key_is_rejected(waiting, left, openssl):
    made = [openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "mine.key"]
    subprocess.run(made, cwd=waiting.folder, check=True, capture_output=True)
    site = waiting.ask(LATE % (left, ', key: "file:mine.key"'), more="polling: {max_wait: 30s}")
    done = site.apply()
    assert (done.status, done.outcomes) == (3, {"late": "failed"})
    assert "for another key" in done.error("late")
    assert not site.file("out/late-0.crt").exists()


def test_what_the_ca_does_not_know_has_failed(waiting):
    done = waiting.ask(LATE % ("00ff" * 8, "")).apply()
    assert (done.status, done.outcomes) == (3, {"late": "failed"})
    assert waiting.issued == 0


def test_an_answer_to_another_transaction_is_not_taken(waiting, left):
    honest = waiting.peer.lab.respond
    answers = []

    def mixed(lab, octets, _number):
        answers.append(honest(octets))
        return answers[0] if len(answers) > 1 else answers[-1]

    other = waiting.ask(LATE % (left, ""), more="polling: {max_wait: 0s}")
    waiting.peer.behave = mixed
    other.apply()
    assert other.apply().outcomes == {"late": "pending"}
    assert not other.file("out/late-0.crt").exists()
