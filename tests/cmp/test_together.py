"""Several requests in one transaction: each is handled by itself, whatever order and company its answer comes in.

A CA that answers at random drives the machine: every run of it ends, nobody's ending depends on another's, and a record
continues where it was written.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ambient import NOON, CountingEntropy
from support.answering import CA, DEVICE, PROOF, by_secret, error, issued, order, say, status
from support.hierarchy import entity

from runner.asn1.cmp import CertifiedKeyPair, CertRepMessage, CertResponse, PKIMessage, PollRep, RevRepContent
from runner.asn1.structures import Chosen, decode
from runner.cmp.dialogue import Done, Offered, Rejected, Send, State, Wait
from runner.cmp.record import from_record, to_record
from runner.cmp.request import Order, Request
from runner.cmp.transaction import Fellow, confirm, in_step, poll, receive_together, start_together
from runner.errors import BadCertificate, Mismatch, ProtocolError
from runner.pki.names import parse_name
from runner.pki.profile import Profile

PARTIES = by_secret(CA)
OTHER = entity("other", CA)


class Together:
    """`count` requests of one kind, and a CA that a test speaks for."""

    def __init__(self, count=3, kind="ir"):
        self.entropy = CountingEntropy()
        if kind == "rr":
            self.orders = [Order("rr", certificate=each.ours) for each in (DEVICE, OTHER)][:count]
        else:
            self.orders = [
                replace(order(kind), wanted=Profile(parse_name(f"CN=web-{number}"))) for number in range(count)
            ]
        requests = [Request(each, PROOF if kind != "rr" else None, PARTIES) for each in self.orders]
        self.dialogues = list(start_together(requests, PARTIES, NOON, self.entropy))

    @property
    def request(self):
        return decode(PKIMessage, self.dialogues[0].request)

    def hears(self, kind, content, numbers=None):
        """The CA answers what is out about `numbers`; each one's outcome."""
        numbers = list(range(len(self.dialogues))) if numbers is None else numbers
        octets = say(kind, content, request=decode(PKIMessage, self.dialogues[numbers[0]].request))
        fellows = [Fellow(self.dialogues[n], self.orders[n], PARTIES) for n in numbers]
        found = receive_together(fellows, octets, NOON)
        for number, outcome in zip(numbers, found, strict=True):
            if not isinstance(outcome, ProtocolError):
                self.dialogues[number] = outcome[0]
        return [outcome if isinstance(outcome, ProtocolError) else outcome[1] for outcome in found]


def answer(number, word="accepted", subject=None):
    """One CertResponse."""
    der = issued(subject=parse_name(subject or f"CN=web-{number}").der, extensions=NO_CA)
    pair = (
        CertifiedKeyPair(cert_or_enc_cert=Chosen("certificate", der))
        if word in ("accepted", "grantedWithMods")
        else None
    )
    bits = (9,) if word == "rejection" else ()
    return CertResponse(cert_req_id=number, status=status(word, bits=bits), certified_key_pair=pair)


NO_CA = ()


def answers(*responses):
    return CertRepMessage(response=tuple(responses))


def test_requests_are_numbered_and_share_their_marks():
    talk = Together()
    assert [each.cert_req.cert_req_id for each in talk.request.body.value] == [0, 1, 2]
    assert len({each.request for each in talk.dialogues}) == 1
    assert len({(each.transaction_id, each.nonce, each.of) for each in talk.dialogues}) == 1


@pytest.mark.parametrize("sequence", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_answers_find_their_requests_in_any_order(sequence):
    talk = Together()
    actions = talk.hears("ip", answers(*(answer(number) for number in sequence)))
    assert [action.certificate.subject.text for action in actions] == ["CN=web-0", "CN=web-1", "CN=web-2"]
    assert [action.problem for action in actions] == [None] * 3


def test_each_has_its_own_verdict():
    talk = Together()
    actions = talk.hears("ip", answers(answer(0), answer(1, "rejection"), answer(2, "waiting")))
    assert [type(action) for action in actions] == [Offered, Rejected, Wait]
    assert actions[1].status.fail_info == ("badPOP",)
    assert not actions[1].whole


def test_the_certificate_of_another_request_is_rejected():
    talk = Together(2)
    first, second = talk.hears("ip", answers(answer(0, subject="CN=web-1"), answer(1)))
    assert "not what was asked for" in first.problem.what
    assert second.problem is None


def test_one_that_is_left_out_concerns_itself_alone():
    talk = Together()
    first, second, third = talk.hears("ip", answers(answer(2), answer(0)))
    assert isinstance(first, Offered)
    assert isinstance(second, Wait)
    assert talk.dialogues[1].left_out
    assert isinstance(third, Offered)


def asked_for_what_was_left_out():
    """The CA has said nothing of the second of three, which is polled for by itself."""
    talk = Together()
    talk.hears("ip", answers(answer(2), answer(0)))
    (talk.dialogues[1],) = poll([talk.dialogues[1]], PARTIES, NOON, talk.entropy)
    assert [each.cert_req_id for each in decode(PKIMessage, talk.dialogues[1].request).body.value] == [1]
    return talk


def test_what_was_left_out_is_asked_for_and_may_come_now():
    (action,) = asked_for_what_was_left_out().hears("ip", answers(answer(1)), [1])
    assert isinstance(action, Offered)
    talk = asked_for_what_was_left_out()
    (action,) = talk.hears("pollRep", (PollRep(cert_req_id=1, check_after=7),), [1])
    assert action == Wait(7, "")


@pytest.mark.parametrize(
    ("kind", "content"),
    [("error", error()), ("ip", answers(answer(0))), ("pollRep", (PollRep(cert_req_id=0, check_after=7),))],
)
def test_what_is_left_out_again_is_known_to_nobody(kind, content):
    (problem,) = asked_for_what_was_left_out().hears(kind, content, [1])
    assert isinstance(problem, Mismatch)


def refused(number, *bits):
    return CertResponse(cert_req_id=number, status=status("rejection", bits=bits))


BAD_REQUEST, BAD_DATA_FORMAT, BAD_POP = 2, 5, 9


@pytest.mark.parametrize("bit", [BAD_REQUEST, BAD_DATA_FORMAT])
def test_each_refused_alike_for_its_form_is_the_message_refused(bit):
    actions = Together().hears("ip", answers(*(refused(number, bit) for number in range(3))))
    assert [action.whole for action in actions] == [True] * 3


@pytest.mark.parametrize(
    "responses",
    [
        (refused(0, BAD_REQUEST), refused(1, BAD_REQUEST), answer(2)),
        (refused(0, BAD_REQUEST), refused(1, BAD_REQUEST), answer(2, "waiting")),
        (refused(0, BAD_REQUEST), refused(1, BAD_REQUEST), refused(2, BAD_DATA_FORMAT)),
        (refused(0, BAD_REQUEST), refused(1, BAD_REQUEST)),
        tuple(refused(number, BAD_POP) for number in range(3)),
        tuple(refused(number) for number in range(3)),
        tuple(refused(number, BAD_REQUEST, BAD_POP) for number in range(3)),
    ],
)
def test_anything_else_is_about_the_requests(responses):
    actions = Together().hears("ip", answers(*responses))
    assert not any(action.whole for action in actions if isinstance(action, Rejected))


@pytest.mark.parametrize("numbers", [(0, 0, 1, 2), (0, 1, 2, 3), (0, 1, -1), ()])
def test_what_nobody_asked_for_spoils_the_answer(numbers):
    talk = Together()
    before = list(talk.dialogues)
    assert all(isinstance(each, Mismatch) for each in talk.hears("ip", answers(*map(answer, numbers))))
    assert talk.dialogues == before


def test_one_certconf_accepts_some_and_rejects_others():
    talk = Together()
    talk.hears("ip", answers(*map(answer, range(3))))
    problems = [None, BadCertificate("no", fail_info="badCertTemplate"), None]
    decided = confirm(list(zip(talk.dialogues, problems, strict=True)), PARTIES, NOON, talk.entropy)
    assert [type(action) for _, action in decided] == [Send] * 3
    statuses = decode(PKIMessage, decided[0][0].request).body.value
    assert [each.cert_req_id for each in statuses] == [0, 1, 2]
    assert [each.status_info is None for each in statuses] == [True, False, True]
    talk.dialogues = [dialogue for dialogue, _ in decided]
    assert all(isinstance(action, Done) for action in talk.hears("pkiconf", None))


def waiting(count=3):
    talk = Together(count)
    talk.hears("ip", answers(*(answer(number, "waiting") for number in range(count))))
    talk.dialogues = list(poll(talk.dialogues, PARTIES, NOON, talk.entropy))
    return talk


def test_one_pollreq_asks_for_all_and_answers_come_in_parts():
    talk = waiting()
    assert [each.cert_req_id for each in talk.request.body.value] == [0, 1, 2]
    first, second, third = talk.hears("ip", answers(answer(1)))
    assert isinstance(second, Offered)
    assert isinstance(first, Wait)
    assert isinstance(third, Wait)
    assert (first.seconds, talk.dialogues[0].state) == (1, State.POLLING)


def test_each_is_told_when_to_ask_again():
    talk = waiting(2)
    content = tuple(PollRep(cert_req_id=number, check_after=7 + number, reason=()) for number in (1, 0))
    assert [action.seconds for action in talk.hears("pollRep", content)] == [7, 8]


def test_who_waits_goes_on_from_the_last_message():
    talk = Together(2)
    talk.hears("ip", answers(answer(0), answer(1, "waiting")))
    ((first, _),) = confirm([(talk.dialogues[0], None)], PARTIES, NOON, talk.entropy)
    talk.dialogues[0] = first
    talk.hears("pkiconf", None, [0])
    later = in_step(talk.dialogues[1], talk.dialogues[0])
    (asking,) = poll([later], PARTIES, NOON, talk.entropy)
    header = decode(PKIMessage, asking.request).header
    assert header.recip_nonce == talk.dialogues[0].peer_nonce != talk.dialogues[1].peer_nonce
    talk.dialogues[1] = asking
    original = talk.dialogues[1].delayed_nonce
    octets = say("ip", answers(answer(1)), request=decode(PKIMessage, asking.request), recip_nonce=original)
    ((_, action),) = receive_together([Fellow(asking, talk.orders[1], PARTIES)], octets, NOON)
    assert isinstance(action, Offered)


def test_an_error_is_about_all_of_them():
    talk = Together()
    actions = talk.hears("error", error(bits=(2,)))
    assert all(isinstance(action, Rejected) and action.whole for action in actions)


def test_revocations_are_answered_in_their_order():
    talk = Together(2, "rr")
    assert len(talk.request.body.value) == 2
    content = RevRepContent(status=(status("accepted"), status("rejection", bits=(4,))))
    first, second = talk.hears("rp", content)
    assert isinstance(first, Done)
    assert second.status.fail_info == ("badCertId",)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_statuses_is_refused(count):
    talk = Together(2, "rr")
    content = RevRepContent(status=(status("accepted"),) * count)
    assert all(isinstance(outcome, Mismatch) for outcome in talk.hears("rp", content))


WORDS = st.sampled_from(["accepted", "rejection", "waiting", "left out"])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(1, 4))
def test_every_transaction_ends_and_nobody_s_ending_is_another_s(data, count):
    """What the CA has said of each is what became of each, whatever it said of the others; records continue."""
    talk = Together(count)
    open_ones, said = list(range(count)), {}
    for round_ in range(20):
        if not open_ones:
            break
        words = {n: data.draw(WORDS if round_ < 10 else st.just("accepted"), label=f"{n}") for n in open_ones}
        if count == 1 or round_ == 0:
            words = {n: "rejection" if word == "left out" else word for n, word in words.items()}
        if all(word == "left out" for word in words.values()):
            words[open_ones[0]] = "waiting"
        talk.dialogues = [from_record(to_record(dialogue)) for dialogue in talk.dialogues]
        spoken = data.draw(st.permutations([n for n in open_ones if words[n] != "left out"]))
        outcomes = talk.hears("ip", answers(*(answer(n, words[n]) for n in spoken)), open_ones)
        for number, outcome in zip(list(open_ones), outcomes, strict=True):
            word = words[number]
            expected = {"accepted": Offered, "rejection": Rejected, "waiting": Wait, "left out": Wait}[word]
            assert isinstance(outcome, expected), (word, outcome)
            if word in ("accepted", "rejection"):
                said[number] = word
                open_ones.remove(number)
        if open_ones:
            asking = poll([talk.dialogues[n] for n in open_ones], PARTIES, NOON, talk.entropy)
            for number, dialogue in zip(open_ones, asking, strict=True):
                talk.dialogues[number] = dialogue
    assert not open_ones
    assert {n: "accepted" if talk.dialogues[n].certificate else "rejection" for n in said} == said
