"""Transactions from end to end, message by message: what is sent, what is awaited, what comes of it (RFC 9810 §5.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.ambient import NOON
from support.answering import (
    CA,
    DEVICE,
    SUBJECT,
    Talk,
    by_secret,
    by_signature,
    error,
    granted,
    issued,
    later,
    order,
    revoked,
    say,
    status,
)

from runner.asn1.cmp import CERT_PROFILE, CertifiedKeyPair, CertRepMessage, PKIMessage
from runner.asn1.structures import Chosen, decode
from runner.cmp.answers import ANSWERS
from runner.cmp.dialogue import Done, Offered, Rejected, Send, State, Wait
from runner.cmp.judging import judge
from runner.cmp.response import MAX_TEXT
from runner.errors import Malformed, Mismatch, Unauthentic
from runner.pki.mac_parameters import MacParameters
from runner.pki.names import directory_name, parse_name
from runner.system import SystemEntropy

KINDS = ["ir", "cr", "kur", "p10cr"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("parties", "by"),
    [(by_secret(CA), "secret"), (by_signature(CA), CA), (by_secret(CA), CA)],
    ids=["MAC", "sig", "mix"],
)
def test_a_certificate_from_first_to_last(kind, parties, by):
    talk = Talk(order=order(kind), parties=parties, by=by)
    first = talk.request
    assert (first.body.name, first.header.recip_nonce) == (kind, None)
    assert len(first.header.transaction_id) == len(first.header.sender_nonce) == 16
    offered = talk.offered()
    assert isinstance(offered, Offered)
    assert talk.dialogue.state is State.OFFERED
    theirs = talk.dialogue.peer_nonce
    assert talk.decides() == Send()
    second = talk.request
    assert (second.body.name, talk.dialogue.state) == ("certConf", State.CONFIRMING)
    assert second.header.transaction_id == first.header.transaction_id
    assert second.header.recip_nonce == theirs
    assert second.header.sender_nonce != first.header.sender_nonce
    assert second.header.recipient == directory_name(CA.certificate.subject.public_bytes())
    assert second.header.protection_alg == first.header.protection_alg
    assert second.header.sender == first.header.sender
    assert second.extra_certs == first.extra_certs == (() if by == "secret" or parties.peer.secret else (DEVICE.der,))
    assert talk.hears("pkiconf", None) == Done(offered.status)


def test_what_the_first_message_says_about_us():
    talk = Talk(parties=by_secret(recipient=parse_name("CN=The CA"), cert_profile="tls"))
    header = talk.request.header
    assert (header.sender, header.sender_kid) == (directory_name(parse_name("CN=3078").der), b"3078")
    assert header.recipient == directory_name(parse_name("CN=The CA").der)
    assert (header.pvno, header.message_time) == (2, NOON)
    assert [item.info_type for item in header.general_info] == [CERT_PROFILE]
    signed = Talk(order=order("cr"), parties=by_signature(CA)).request
    assert signed.header.sender == directory_name(DEVICE.certificate.subject.public_bytes())
    assert signed.header.sender_kid is not None
    assert signed.extra_certs == (DEVICE.der,)
    assert signed.header.recipient == directory_name(b"\x30\x00")


@pytest.mark.parametrize("reference", [b"3078", b" ", b"#1", b'a,b+c="d"\\', "ä\n".encode(), b"\r\n"])
def test_any_reference_number_can_be_sent(reference):
    parties = by_secret()
    parties = replace(parties, protection=replace(parties.protection, reference=reference))
    header = Talk(parties=parties).request.header
    assert header.sender_kid == reference
    assert header.sender.endswith(b"\x0c" + bytes((len(reference),)) + reference)


@pytest.mark.parametrize("reference", [b"\xff\x00", bytes.fromhex("112233445566778880"), b""])
def test_a_reference_number_that_is_no_text_names_nobody(reference):
    """As octets of hexadecimal digits may be, and cryptlib's user IDs are: senderKID alone tells who it is."""
    parties = by_secret()
    parties = replace(parties, protection=replace(parties.protection, reference=reference))
    header = Talk(parties=parties).request.header
    assert (header.sender_kid, header.sender) == (reference or None, directory_name(b"\x30\x00"))


def test_a_mac_that_needs_a_nonce_takes_another_for_every_message():
    """AES-GMAC gives its key away when a nonce serves twice (RFC 9044)."""
    gmac = MacParameters(mac="aes256-gmac", iterations=500)
    parties = by_secret(CA)
    parties = replace(parties, protection=replace(parties.protection, parameters=gmac))
    talk = Talk(parties=parties, entropy=SystemEntropy())
    first = talk.request.header
    talk.offered()
    talk.decides()
    second = talk.request.header
    assert first.sender_nonce[:12] in first.protection_alg.parameters
    assert second.sender_nonce[:12] in second.protection_alg.parameters
    assert first.protection_alg != second.protection_alg


@pytest.mark.parametrize("pvno", [1, 2, 3])
def test_the_version_is_ours_from_first_to_last(pvno):
    talk = Talk(parties=by_secret(CA, pvno=pvno))
    assert talk.request.header.pvno == pvno
    talk.offered()
    talk.decides()
    assert talk.request.header.pvno == pvno


# No.


@pytest.mark.parametrize("kind", KINDS)
def test_a_rejection(kind):
    talk = Talk(order=order(kind))
    action = talk.hears(talk.reply, granted(None, "rejection", bits=(9, 19)))
    assert isinstance(action, Rejected)
    assert (action.status.status, action.status.fail_info) == ("rejection", ("badPOP", "badCertTemplate"))
    assert not action.after_issue


@pytest.mark.parametrize("name", ["revocationWarning", "revocationNotification", "keyUpdateWarning"])
def test_other_statuses_are_no_grant(name):
    assert isinstance(Talk().hears("ip", granted(issued(), name)), Rejected)


def test_a_rejection_that_brings_a_certificate_is_a_rejection():
    assert isinstance(Talk().hears("ip", granted(issued(), "rejection")), Rejected)


def test_an_error_instead_of_an_answer():
    action = Talk().hears("error", error("rejection", "no", bits=(24, 40), code=7, details=("why",)))
    assert action == Rejected(action.status, after_issue=False, whole=True, pvno=2)
    assert str(action.status) == "rejection (systemUnavail, bit 40): no; why; errorCode 7"


def test_an_error_after_cert_conf():
    talk = Talk()
    talk.offered()
    talk.decides()
    action = talk.hears("error", error(bits=(11,)))
    assert isinstance(action, Rejected)
    assert action.after_issue
    assert action.status.fail_info == ("certConfirmed",)


def test_a_text_without_end_is_cut():
    action = Talk().hears("error", error("rejection", *["x" * 30_000] * 3))
    assert len(action.status.text) == MAX_TEXT + 1
    assert action.status.text.endswith("x…")
    waiting = replace(granted(None, "waiting").response[0], status=status("waiting", "y" * 3000))
    assert len(Talk().hears("ip", CertRepMessage(response=(waiting,))).reason) == MAX_TEXT + 1


def test_an_unknown_status_is_told_by_its_number():
    content = error()
    action = Talk().hears("error", replace(content, pki_status_info=replace(content.pki_status_info, status=17)))
    assert str(action.status) == "status 17 (badMessageCheck)"


# One request, one answer.


@pytest.mark.parametrize("kind", ["ir", "cr", "kur"])
@pytest.mark.parametrize("more", [{"cert_req_id": 1}, {"cert_req_id": -1}, {"times": 0}, {"times": 2}], ids=str)
def test_an_answer_about_something_else(kind, more):
    talk = Talk(order=order(kind))
    with pytest.raises(Mismatch, match="not about our one request"):
        talk.hears(talk.reply, granted(issued(), **more))


@pytest.mark.parametrize("number", [0, -1])
def test_a_p10cr_has_no_number_of_its_own(number):
    talk = Talk(order=order("p10cr"))
    assert isinstance(talk.hears("cp", granted(issued(), cert_req_id=number)), Offered)
    talk.decides()
    assert talk.request.body.value[0].cert_req_id == number
    with pytest.raises(Mismatch, match="not about our one request"):
        Talk(order=order("p10cr")).hears("cp", granted(issued(), cert_req_id=1))


def test_a_grant_without_a_certificate():
    with pytest.raises(Malformed, match="brings no certificate"):
        Talk().hears("ip", granted(None))


def test_a_certificate_that_comes_encrypted_although_nothing_can_open_it():
    (response,) = granted(issued()).response
    sealed = CertifiedKeyPair(cert_or_enc_cert=Chosen("encryptedCert", b"\x30\x00"))
    with pytest.raises(Malformed, match="its key cannot open it"):
        Talk().hears("ip", CertRepMessage(response=(replace(response, certified_key_pair=sealed),)))


# Revocation.


@pytest.mark.parametrize("name", ["accepted", "grantedWithMods", "revocationWarning", "revocationNotification"])
def test_a_revocation(name):
    talk = Talk(order=order("rr"))
    assert talk.request.body.name == "rr"
    action = talk.hears("rp", revoked(name))
    assert isinstance(action, Done)
    assert action.status.status == name


def test_what_is_revoked_already_is_what_we_wanted():
    action = Talk(order=order("rr")).hears("rp", revoked("rejection", bits=(10,)))
    assert isinstance(action, Done)
    assert action.status.fail_info == ("certRevoked",)


@pytest.mark.parametrize("bits", [(), (4,), (4, 10)])
def test_a_revocation_that_is_refused(bits):
    assert isinstance(Talk(order=order("rr")).hears("rp", revoked("rejection", bits=bits)), Rejected)


@pytest.mark.parametrize("times", [0, 2])
def test_a_revocation_of_something_else(times):
    with pytest.raises(Mismatch, match="not about our one request"):
        Talk(order=order("rr")).hears("rp", revoked(times=times))


def test_a_revocation_asks_for_no_implicit_confirmation():
    assert Talk(order=order("rr"), parties=by_secret(implicit_confirm=True)).request.header.general_info == ()


# Polling.


def test_waiting_and_polling_and_a_certificate():
    talk = Talk(parties=by_secret(CA))
    first = talk.request
    assert talk.hears("ip", granted(None, "waiting", texts=("soon",))) == Wait(0, "soon")
    poll = talk.polls().request
    assert (poll.body.name, talk.dialogue.state) == ("pollReq", State.POLLING)
    assert poll.body.value[0].cert_req_id == 0
    assert poll.header.recip_nonce == talk.dialogue.peer_nonce
    assert poll.header.transaction_id == first.header.transaction_id
    assert talk.hears("pollRep", later(60, "the officer", "is out")) == Wait(60, "the officer; is out")
    again = talk.polls().request
    assert again.header.sender_nonce != poll.header.sender_nonce
    assert isinstance(talk.hears("ip", granted(issued())), Offered)
    talk.decides()
    assert isinstance(talk.hears("pkiconf", None), Done)


@pytest.mark.parametrize(
    ("said", "meant"),
    [(-5, 1), (0, 1), (1, 1), (86_400, 86_400), (86_401, 86_400), (1 << 4000, 86_400), (-(1 << 99), 1)],
)
def test_check_after_is_taken_into_bounds(said, meant):
    talk = Talk()
    talk.hears("ip", granted(None, "waiting"))
    assert talk.polls().hears("pollRep", later(said)) == Wait(meant, "")


def test_a_server_that_says_waiting_again_and_again_does_not_keep_us_running():
    """The first time we poll at once; after that never without a pause (attack 9)."""
    talk = Talk()
    assert talk.hears("ip", granted(None, "waiting")).seconds == 0
    for _ in range(3):
        assert talk.polls().hears("ip", granted(None, "waiting")).seconds == 1
        assert talk.polls().hears("error", error("waiting", bits=())).seconds == 1


def test_a_final_answer_may_repeat_the_nonce_of_the_original_request():
    """As a Siemens RA does (RFC 9483 §4.4)."""
    talk = Talk()
    original = talk.request
    talk.hears("ip", granted(None, "waiting"))
    talk.polls().hears("pollRep", later(1))
    stale = talk.request
    talk.polls()
    with pytest.raises(Mismatch, match="recipNonce"):
        talk.hears("ip", granted(issued()), request=stale)
    assert isinstance(talk.hears("ip", granted(issued()), request=original), Offered)


def test_a_confirmation_repeats_the_nonce_of_cert_conf_and_no_other():
    """An error in answer to the first message, kept back by somebody between, is not about certConf."""
    talk = Talk()
    original = talk.request
    talk.offered()
    talk.decides()
    with pytest.raises(Unauthentic):
        talk.hears("error", error(bits=(21,)), request=original)
    with pytest.raises(Mismatch, match="recipNonce"):
        talk.hears("pkiconf", None, request=original)
    assert isinstance(talk.hears("pkiconf", None), Done)


def test_a_confirmation_that_is_put_off():
    talk = Talk()
    offered = talk.offered()
    talk.decides()
    confirmation = talk.request
    assert talk.hears("error", error("waiting", bits=())) == Wait(0, "")
    assert talk.polls().request.body.value[0].cert_req_id == -1
    assert isinstance(talk.hears("pollRep", later(5, cert_req_id=-1)), Wait)
    talk.polls()
    with pytest.raises(Mismatch, match="body is ip"):
        talk.hears("ip", granted(issued()))
    assert talk.hears("pkiconf", None, request=confirmation) == Done(offered.status)


def test_an_error_while_a_confirmation_is_put_off_comes_after_the_issue():
    talk = Talk()
    talk.offered()
    talk.decides()
    talk.hears("error", error("waiting", bits=()))
    assert talk.polls().hears("error", error()).after_issue


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_is_put_off_as_a_whole(kind):
    talk = Talk(order=order(kind))
    assert talk.hears("error", error("waiting", "later", bits=())) == Wait(0, "later")
    assert talk.polls().request.body.value[0].cert_req_id == -1
    assert isinstance(talk.hears("pollRep", later(5, cert_req_id=-1)), Wait)
    talk.polls()
    assert isinstance(talk.hears(talk.reply, granted(issued())), Offered)


def test_a_revocation_that_is_put_off():
    talk = Talk(order=order("rr"))
    assert isinstance(talk.hears("rp", revoked("waiting")), Wait)
    assert talk.polls().request.body.value[0].cert_req_id == -1
    assert isinstance(talk.hears("rp", revoked()), Done)


@pytest.mark.parametrize("entries", [(), later(1, cert_req_id=1), later(1, cert_req_id=-1)], ids=["none", "1", "-1"])
def test_a_poll_rep_about_something_else(entries):
    talk = Talk()
    talk.hears("ip", granted(None, "waiting"))
    with pytest.raises(Mismatch, match="not about our request"):
        talk.polls().hears("pollRep", entries)


def test_a_poll_rep_that_nobody_awaits():
    with pytest.raises(Mismatch, match="body is pollRep"):
        Talk().hears("pollRep", later(1))


def test_a_rejection_while_polling():
    talk = Talk()
    talk.hears("ip", granted(None, "waiting"))
    action = talk.polls().hears("ip", granted(None, "rejection", bits=(23,)))
    assert action == Rejected(action.status)


# The table.


def test_every_state_has_its_row_or_awaits_nothing():
    assert set(ANSWERS) == set(State) - {State.OFFERED}
    assert all("error" in row for row in ANSWERS.values()), "any request may be answered by an error"


def test_the_table_is_that_of_the_standard():
    """Permitted answers: RFC 9810 §5.3."""
    awaited = {state: sorted(row) for state, row in ANSWERS.items()}
    assert awaited == {
        State.REQUESTED: ["cp", "error", "genp", "ip", "krp", "kup", "popdecc", "rp"],
        State.PROVING: ["cp", "error", "ip", "kup"],
        State.POLLING: ["error", "pollRep"],
        State.CONFIRMING: ["error", "pkiconf"],
    }


def test_what_was_offered_can_be_judged_again():
    """After a restart: the dialogue alone is left."""
    talk = Talk(parties=by_secret(CA))
    first = talk.offered(name="grantedWithMods")
    talk.decides()
    again = judge(talk.dialogue, talk.order, talk.parties, NOON)
    assert (again.certificate, again.path, again.problem) == (first.certificate, first.path, None)
    assert again.status.status == "grantedWithMods"
    late = judge(talk.dialogue, talk.order, talk.parties, NOON + timedelta(days=365))
    assert "expired" in late.problem.what


def test_messages_are_built_from_what_is_given_and_nothing_else():
    """The same clock, the same chance, the same key: the same octets."""
    one, two = Talk(), Talk()
    assert one.dialogue.request == two.dialogue.request
    assert decode(PKIMessage, one.dialogue.request).body.name == "ir"
    assert SUBJECT.split("CN=")[1].encode() in one.dialogue.request


def test_the_helper_answers_as_it_is_told():
    """say() of this folder, judged by itself: what is dropped is absent, what is given is there."""
    talk = Talk()
    bare = decode(PKIMessage, say("pkiconf", None, request=talk.request, by=None))
    assert (bare.protection, bare.header.protection_alg, bare.extra_certs) == (None, None, ())
