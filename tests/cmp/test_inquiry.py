"""A genm and its genp with the real lab: what is believed, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.ambient import CountingEntropy, FixedClock

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.cmp.dialogue import Parties
from runner.cmp.inquiry import answer_to, inquire, inquire_together
from runner.cmp.message import read_message
from runner.cmp.protection import MacProtection, Peer
from runner.errors import Claimed, Mismatch
from runner.lab.authority import open_lab
from runner.pki.macs import SharedSecret


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
def lab(clock):
    return open_lab(None, clock, CountingEntropy())


@pytest.fixture
def parties(lab):
    reference, _, secret = lab.psk.partition(":")
    ours = MacProtection(reference.encode(), SharedSecret(secret.encode()), b"salt" * 4)
    return Parties(ours, Peer(ours.secret))


def test_a_question_is_answered_and_believed(lab, parties, clock, entropy):
    question = inquire(parties, clock.now(), entropy)
    verified = answer_to(question, lab.respond(question.request), parties, clock.now())
    assert verified.message.body.name == "genp"
    assert verified.signer is None


def test_an_answer_to_another_question_is_not(lab, parties, clock, entropy):
    first, second = (inquire(parties, clock.now(), entropy) for _ in range(2))
    with pytest.raises(Mismatch):
        answer_to(second, lab.respond(first.request), parties, clock.now())


def test_a_refusal_of_a_wrong_secret_is_a_claim(lab, parties, clock, entropy):
    wrong = replace(parties, protection=replace(parties.protection, secret=SharedSecret(b"another")))
    question = inquire(wrong, clock.now(), entropy)
    with pytest.raises(Claimed):
        answer_to(question, lab.respond(question.request), wrong, clock.now())


def test_who_has_no_credential_asks_unprotected(clock, entropy):
    message = decode(PKIMessage, inquire(None, clock.now(), entropy).request)
    assert message.protection is None
    assert message.header.pvno == 2


def test_implicit_confirm_is_asked_for_in_the_header(parties, clock, entropy):
    message = decode(PKIMessage, inquire(parties, clock.now(), entropy, implicit_confirm=True).request)
    assert len(message.header.general_info) == 1


def test_several_questions_go_in_one_nested_message(parties, clock, entropy):
    pair = [inquire(parties, clock.now(), entropy) for _ in range(2)]
    batch = inquire_together(parties, pair, clock.now(), entropy)
    body = read_message(batch.request).message.body
    assert body.name == "nested"
    assert all(inquiry.request in body.value for inquiry in pair)
