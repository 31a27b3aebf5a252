"""Recorded questions and their recorded answers, through our own dialogue: what Insta and Siemens said is taken.

Insta signs errors, rp and genp with its CA's key, whose keyUsage does not allow that: the profile `insta` tolerates it,
and nothing else does.
"""

from __future__ import annotations

import pytest

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.cmp.dialogue import Dialogue, Done, Offered, Parties, Rejected, State
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.request import Order
from runner.cmp.tidings import Circumstances, tidings_in
from runner.cmp.transaction import receive
from runner.errors import ProtocolError
from runner.pki.certificates import certificates_in, parse_certificate
from runner.pki.certification_requests import parse_request
from runner.pki.macs import SharedSecret
from runner.pki.names import name_from_der
from runner.pki.profile import Profile
from runner.pki.servers import PROFILES

SECRET = SharedSecret(b"insta")


def octets_of(vectors, name):
    return (vectors / name).read_bytes()


def insta(vectors, name):
    octets = octets_of(vectors, f"openssl-msgs/{name}_Insta.der")
    return decode(PKIMessage, octets), octets


def parties(*anchors, tolerates=frozenset()):
    protection = MacProtection(b"3078", SECRET, b"salt of the test")
    return Parties(protection, Peer(SECRET, tuple(anchors), tolerates=tolerates))


def asking(request, **more):
    header = request.header
    nonces = {"nonce": header.sender_nonce, "delayed_nonce": header.sender_nonce}
    return Dialogue(request.body.name, State.REQUESTED, header.transaction_id, b"", **(nonces | more))


def insta_ca(vectors, answer):
    """The CA's certificate as it came along, or, of an answer without any, from the file beside."""
    along = [parse_certificate(der) for der in answer.extra_certs]
    return [each for each in along if "Insta Demo CA" in str(each.subject)] or list(
        certificates_in(octets_of(vectors, "openssl-vfy/insta_ca.cert.pem"))
    )


def heard(vectors, answer_name, order, *, tolerant):
    """Our side of a transaction whose answer was recorded."""
    answer, octets = insta(vectors, answer_name)
    anchors = insta_ca(vectors, answer)
    tolerates = PROFILES["insta"].tolerates if tolerant else frozenset()
    now = (
        max(anchor.not_before for anchor in anchors)
        if answer.header.message_time is None
        else answer.header.message_time
    )
    header = answer.header
    dialogue = Dialogue(order.kind, State.REQUESTED, header.transaction_id, b"", header.recip_nonce or b"", b"")
    return receive(dialogue, octets, order, parties(*anchors, tolerates=tolerates), max(now, anchors[0].not_before))


@pytest.mark.parametrize("tolerant", [True, False])
def test_the_recorded_revocation(vectors, tolerant):
    request, _ = insta(vectors, "RR")
    template = request.body.value[0].cert_details
    order = Order("rr", issuer=name_from_der(template.issuer), serial=template.serial_number)
    if tolerant:
        assert isinstance(heard(vectors, "RP", order, tolerant=True)[1], Done)
    else:
        with pytest.raises(ProtocolError):
            heard(vectors, "RP", order, tolerant=False)


@pytest.mark.parametrize("tolerant", [True, False])
def test_the_recorded_question_without_any_item(vectors, tolerant):
    order = Order("genm")
    if not tolerant:
        with pytest.raises(ProtocolError):
            heard(vectors, "GenP", order, tolerant=False)
        return
    _, done = heard(vectors, "GenP", order, tolerant=True)
    assert isinstance(done, Done)
    answer, _ = insta(vectors, "GenP")
    given = Circumstances((), (), answer.header.message_time)
    assert len(tidings_in("general", done.told, given).lines) == 3
    for what in ("signKeyPairTypes", "encKeyPairTypes", "preferredSymmAlg"):
        assert tidings_in(what, done.told, given).lines


def test_the_recorded_error_is_heard_where_its_signer_is_tolerated(vectors):
    order = Order("cr")
    _, action = heard(vectors, "Error", order, tolerant=True)
    assert isinstance(action, Rejected)
    assert action.status.fail_info == ("badMessageCheck",)


def test_the_recorded_key_update(vectors):
    request, _ = insta(vectors, "KUR")
    answer, octets = insta(vectors, "KUP")
    template = request.body.value[0].cert_req.cert_template
    order = Order("kur", Profile(name_from_der(template.subject or b"\x30\x00")), template.public_key)
    dialogue = Dialogue("kur", State.REQUESTED, answer.header.transaction_id, b"", answer.header.recip_nonce, b"")
    _, action = receive(dialogue, octets, order, parties(), answer.header.message_time)
    assert isinstance(action, Offered)


def test_the_recorded_requests_of_pkcs10_are_signed_by_their_keys(vectors):
    request, _ = insta(vectors, "P10CR")
    inside = parse_request(request.body.value)
    alone = parse_request(octets_of(vectors, "openssl-msgs/pkcs10.der"))
    assert inside.subject.text
    assert alone.subject.text


@pytest.mark.parametrize("hop", ["downstream", "upstream"])
def test_the_recorded_transaction_of_siemens_at_both_hops(vectors, hop):
    flow = "siemens-messageflows/CrWithSignatureProtection"
    octets = {
        step: octets_of(vectors, f"{flow}/{hop}_{step}.der")
        for step in ("CERT_REQ", "CERT_REP", "CERT_CONFIRM", "CONFIRM")
    }
    messages = {step: decode(PKIMessage, each) for step, each in octets.items()}
    now = messages["CERT_REP"].header.message_time
    chains = [parse_certificate(der) for step in ("CERT_REP", "CONFIRM") for der in messages[step].extra_certs[2:]]
    peer = parties(*chains)
    template = messages["CERT_REQ"].body.value[0].cert_req.cert_template
    order = Order("cr", Profile(name_from_der(template.subject or b"\x30\x00")), template.public_key)
    dialogue, offered = receive(asking(messages["CERT_REQ"]), octets["CERT_REP"], order, peer, now)
    assert isinstance(offered, Offered)
    assert offered.problem is None
    confirm = messages["CERT_CONFIRM"].header
    offered_one = {"certificate": dialogue.certificate, "granted": "accepted"}
    nonce = confirm.sender_nonce
    confirming = Dialogue("cr", State.CONFIRMING, confirm.transaction_id, b"", nonce, b"", **offered_one)
    assert isinstance(receive(confirming, octets["CONFIRM"], order, peer, now)[1], Done)
