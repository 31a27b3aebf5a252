"""Nested messages: one for added protection, several as a batch, none deeper than is good."""

from __future__ import annotations

import pytest
from support import requester as peer

from runner.asn1.cmp import PKIMessage
from runner.asn1.der import elements, open_sequence, tlv
from runner.asn1.structures import decode
from runner.lab.nesting import DEEPEST


def wrap(who, *messages, transaction_id=None, nonce=None) -> bytes:
    """The messages inside one of `who`; without marks it is a batch with marks of its own."""
    marks = {"recip_nonce": None, "transaction_id": transaction_id or peer.marks(b"batch")}
    if nonce:
        marks["sender_nonce"] = nonce
    return who.message("nested", tlv(0x30, b"".join(messages)), **marks)


def added(who, inner: bytes) -> bytes:
    header = decode(PKIMessage, inner).header
    return wrap(who, inner, transaction_id=header.transaction_id, nonce=header.sender_nonce)


def inside(answer) -> list:
    return elements(answer.content, *open_sequence(answer.content), 64)


@pytest.fixture
def ra(newcomer):
    return newcomer.holder("CN=ra")


def test_protection_that_was_added(lab, newcomer, ra):
    inner = newcomer.begin().message("ir", (peer.cert_req(peer.new_key()),))
    said = peer.heard(lab, lab.respond(added(ra, inner)), newcomer.protection)
    assert said.refusal == ("ip", "accepted", [])
    assert said.header.transaction_id == newcomer.transaction_id
    assert said.header.recip_nonce == decode(PKIMessage, inner).header.sender_nonce


def test_protection_that_was_added_twice_and_once_too_often(lab, newcomer, ra):
    octets = newcomer.begin().message("ir", (peer.cert_req(peer.new_key()),))
    for _ in range(DEEPEST):
        octets = added(ra, octets)
    assert peer.heard(lab, lab.respond(octets), newcomer.protection).kind == "ip"
    said = peer.heard(lab, lab.respond(added(ra, octets)), ra.protection)
    assert said.refusal == ("error", "rejection", ["badRequest"])


def test_a_batch(lab, newcomer, ra):
    others = [peer.newcomer_to(lab) for _ in range(3)]
    good = [other.message("ir", (peer.cert_req(peer.new_key()),)) for other in others]
    spoiled = good[1][:-1] + bytes((good[1][-1] ^ 1,))
    answer = ra.send(wrap(ra, good[0], spoiled, b"\x30\x00", good[2]))
    assert answer.kind == "nested"
    said = [peer.heard(lab, octets, newcomer.protection) for octets in inside(answer)]
    assert [each.kind for each in said] == ["ip", "error", "error", "ip"]
    assert said[1].fail_info == ["badMessageCheck"]
    assert said[3].header.transaction_id == others[2].transaction_id


def test_a_batch_again_issues_nothing_again(lab, newcomer, ra):
    batch = wrap(ra, *(peer.newcomer_to(lab).message("ir", (peer.cert_req(peer.new_key()),)) for _ in range(2)))
    first = [peer.heard(lab, octets, newcomer.protection).der for octets in inside(ra.send(batch))]
    assert [peer.heard(lab, octets, newcomer.protection).der for octets in inside(ra.send(batch))] == first


def test_a_batch_of_one_comes_back_nested(lab, newcomer, ra):
    answer = ra.send(wrap(ra, newcomer.message("ir", (peer.cert_req(peer.new_key()),))))
    assert answer.kind == "nested"
    assert len(inside(answer)) == 1


@pytest.mark.parametrize("content", [b"\x30\x00", b"\x30\x03\x02\x01\x00", b"\x04\x00"])
def test_a_nested_message_without_any_is_refused(ra, content):
    said = ra.ask("nested", content)
    assert said.refusal[:2] == ("error", "rejection")


def test_a_nested_message_of_a_stranger_is_not_opened(lab, newcomer, ra):
    inner = newcomer.begin().message("ir", (peer.cert_req(peer.new_key()),))
    ra.protection.key = peer.new_key()
    said = peer.heard(lab, lab.respond(added(ra, inner)), ra.protection)
    assert said.refusal == ("error", "rejection", ["badMessageCheck"])


def test_a_ca_that_opens_one_at_a_time(ruled):
    newcomer = ruled(batches=False)
    messages = [peer.newcomer_to(newcomer.lab).message("genm", ()) for _ in range(2)]
    assert newcomer.send(wrap(newcomer, *messages)).refusal == ("error", "rejection", ["badRequest"])
    assert newcomer.send(wrap(newcomer, messages[0])).kind == "nested"


def test_the_one_message_of_cmp_v1(lab, newcomer, ra):
    inner = newcomer.begin().message("ir", (peer.cert_req(peer.new_key()),))
    octets = ra.message("nested", inner, transaction_id=newcomer.transaction_id, recip_nonce=None)
    assert peer.heard(lab, lab.respond(octets), newcomer.protection).kind == "ip"
