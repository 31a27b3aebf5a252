"""The state machine as a whole: every body in every state, any sequence of events, and a restart between any two.

A model beside the machine says what may happen; hypothesis looks for a sequence in which the two disagree.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support import codec
from support.ambient import CountingEntropy
from support.answering import (
    CA,
    DEVICE,
    IMPLICIT,
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
)
from support.recipients import key_of

from runner.asn1.cmp import PKI_BODY, KeyRecRepContent, PKIStatusInfo
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL
from runner.cmp.answers import ANSWERS, REPLIES
from runner.cmp.dialogue import Challenged, Done, Offered, Rejected, Send, State, Wait
from runner.cmp.record import from_record, to_record
from runner.errors import Claimed, Mismatch, ProtocolError, Unauthentic
from runner.pki.decryption_proofs import make_challenge
from runner.pki.names import directory_name
from runner.pki.opening import PrivateKeyDecrypter

KINDS = tuple(REPLIES)
OPENER = PrivateKeyDecrypter(key_of("p256"))
CHALLENGE, NUMBER = make_challenge(directory_name(CA.ours.subject.der), OPENER.public_key_info, CountingEntropy())
CERTIFICATE = issued()
GOOD = {
    "ip": granted(CERTIFICATE),
    "cp": granted(CERTIFICATE),
    "kup": granted(CERTIFICATE),
    "rp": revoked(),
    "pkiconf": None,
    "error": error(),
    "pollRep": later(7),
    "genp": (),
    "krp": KeyRecRepContent(status=PKIStatusInfo(status=0), new_sig_cert=CERTIFICATE),
    "popdecc": POPO_DEC_KEY_CHALL.encode((CHALLENGE,)),
}
"""A good answer of every type that a client may get."""
OTHERS = {
    **dict.fromkeys(("ir", "cr", "kur", "krr", "ccr", "genm", "rr", "certConf", "pollReq"), ()),
    **dict.fromkeys(("popdecr", "ckuann", "cann", "rann", "crlann", "nested", "p10cr"), b"\x30\x00"),
    "ccp": granted(CERTIFICATE),
}


def arrived(kind: str, state: str) -> Talk:
    """A transaction in one of the states, the way it gets there."""
    if state in ("challenged", "proving"):
        wanted = order(kind, proof="challenge", public_key_info=OPENER.public_key_info)
        talk = Talk(order=wanted, parties=by_secret(CA, pvno=3, opener=OPENER))
        if state == "proving":
            talk.proves(talk.hears("popdecc", GOOD["popdecc"]))
        return talk
    talk = Talk(order=order(kind), parties=by_secret(CA))
    if state in ("polling", "confirming, polling"):
        if state == "confirming, polling":
            talk.offered()
            talk.decides()
        talk.hears("error", error("waiting", bits=()))
        talk.polls()
    elif state in ("offered", "confirming"):
        talk.offered()
        if state == "confirming":
            talk.decides()
    return talk


def awaited(kind: str, state: str) -> set[str]:
    """Permitted answers (RFC 9810 §5.3), written down a second time."""
    first = {REPLIES[kind], "error"}
    return {
        "requested": first,
        "challenged": first | {"popdecc"},
        "proving": first,
        "polling": first | {"pollRep"},
        "offered": set(),
        "confirming": {"pkiconf", "error"},
        "confirming, polling": {"pkiconf", "error", "pollRep"},
    }[state]


STATES = [(k, s) for k in KINDS for s in ("requested", "polling", "offered", "confirming", "confirming, polling")]
STATES = [(k, s) for k, s in STATES if k not in ("rr", "krr", "genm") or s in ("requested", "polling")]
STATES += [(k, s) for k in ("ir", "cr", "kur") for s in ("challenged", "proving")]


@pytest.mark.parametrize(("kind", "state"), STATES)
def test_every_body_in_every_state_is_handled_or_refused(kind, state):
    assert GOOD.keys() | OTHERS.keys() == PKI_BODY.by_name.keys()
    for body in PKI_BODY.by_name:
        talk = arrived(kind, state)
        content = {**GOOD, **OTHERS}[body]
        if body == "pollRep":
            content = later(7, cert_req_id=-1)
        before = talk.dialogue
        if body in awaited(kind, state):
            assert isinstance(talk.hears(body, content), Offered | Wait | Done | Rejected | Challenged), body
        else:
            with pytest.raises(Claimed if body == "error" else Mismatch):
                talk.hears(body, content)
            assert talk.dialogue == before


def test_every_row_is_reached():
    names = {"challenged": "requested"}
    reached = {(names.get(state, state.split(",")[0]), body) for kind, state in STATES for body in awaited(kind, state)}
    assert {(state.value, body) for state, row in ANSWERS.items() for body in row} <= reached


@pytest.mark.parametrize(("kind", "state"), STATES)
def test_a_record_continues_where_it_was_written(kind, state):
    for body in awaited(kind, state) or {"error"}:
        one = arrived(kind, state)
        two = Talk(order=one.order, parties=one.parties)
        two.dialogue = from_record(to_record(one.dialogue))
        assert two.dialogue == one.dialogue
        octets = say(body, later(7, cert_req_id=-1) if body == "pollRep" else GOOD[body], request=one.request)
        assert outcome(one, octets) == outcome(two, octets)
        assert one.dialogue == two.dialogue


def outcome(talk: Talk, octets: bytes) -> str:
    try:
        return repr(talk.gets(octets))
    except ProtocolError as refused:
        return repr(refused)


class Machine(RuleBasedStateMachine):
    """One transaction, with a CA that says whatever it likes, a wire that lies, and restarts at any moment."""

    @initialize(kind=st.sampled_from(KINDS), signed=st.booleans(), anchors=st.booleans())
    def a_transaction(self, kind, signed, anchors):
        self.begin(kind, signed, anchors)

    def begin(self, kind, signed, anchors):
        parties = by_signature(CA) if signed else by_secret(*((CA,) if anchors else ()))
        self.talk = Talk(order=order(kind), parties=parties, by=CA if signed else "secret")
        self.over = None
        self.waiting = False
        self.judged = None
        self.requests = {self.talk.dialogue.request}
        self.nonces = [self.talk.dialogue.nonce]

    @property
    def state(self) -> str:
        dialogue = self.talk.dialogue
        origin = ", polling" if dialogue.origin is State.CONFIRMING else ""
        return f"confirming{origin}" if dialogue.state is State.POLLING and origin else dialogue.state.value

    def took(self, action):
        """What the model knows about an action that came of an authentic answer."""
        self.waiting = isinstance(action, Wait)
        if isinstance(action, Wait):
            assert action.seconds >= 0
            assert self.talk.dialogue.state is not State.POLLING or action.seconds >= 1
        if isinstance(action, Offered):
            self.judged = action
        if isinstance(action, Done | Rejected):
            self.over = action

    def live(self):
        return self.over is None

    def asks(self):
        """A message of ours is out."""
        return self.over is None and not self.waiting and self.judged is None

    @precondition(asks)
    @rule(data=st.data())
    def an_authentic_answer(self, data):
        body = data.draw(st.sampled_from(sorted(GOOD)))
        content = GOOD[body]
        if body in ("ip", "cp", "kup"):
            status = data.draw(st.sampled_from(["accepted", "grantedWithMods", "waiting", "rejection"]))
            content = granted(CERTIFICATE if status != "rejection" else None, status)
        if body == "pollRep":
            content = later(data.draw(st.integers(-10, 10**9)), cert_req_id=-1 if self.talk.dialogue.whole else 0)
        if body in ("rp", "error") and data.draw(st.booleans()):
            content = revoked("waiting") if body == "rp" else error("waiting", bits=())
        items = (IMPLICIT,) if data.draw(st.booleans()) else ()
        before = self.talk.dialogue
        if body in awaited(before.kind, self.state):
            self.took(self.talk.hears(body, content, general_info=items))
        else:
            with pytest.raises(ProtocolError):
                self.talk.hears(body, content)
            assert self.talk.dialogue == before

    @precondition(live)
    @rule(data=st.data())
    def octets_from_somebody_else(self, data):
        lie = data.draw(st.sampled_from(["unprotected", "other nonce", "our own", "noise", "spoiled", "end entity"]))
        before = self.talk.dialogue
        reply = self.talk.reply
        good = GOOD[reply] if reply != "pollRep" else later(1)
        if lie == "noise":
            octets = data.draw(st.binary(max_size=40))
        elif lie == "our own":
            octets = before.request
        elif lie == "spoiled":
            whole = say(reply, good, request=self.talk.request, by=None)
            octets = data.draw(codec.spoiled(whole))
        else:
            change = {
                "unprotected": {"by": None},
                "other nonce": {"recip_nonce": b"not our nonce..."},
                "end entity": {"by": DEVICE},
            }[lie]
            octets = say(reply, good, request=self.talk.request, **{"by": self.talk.by} | change)
        with pytest.raises(ProtocolError):
            self.talk.gets(octets)
        assert self.talk.dialogue == before

    @precondition(lambda self: self.live() and self.waiting)
    @rule()
    def we_poll(self):
        self.talk.polls()
        self.waiting = False
        self.new_message()

    @precondition(lambda self: self.live() and self.judged is not None)
    @rule()
    def we_decide(self):
        certificate_path, problem = self.judged.path, self.judged.problem
        assert problem is None, "the CA of this test issues what was asked for"
        assert certificate_path[0].der == CERTIFICATE
        action = self.talk.decides()
        self.judged = None
        if isinstance(action, Send):
            self.new_message()
        else:
            assert self.talk.dialogue.confirmed
            self.over = action

    def new_message(self):
        assert self.talk.dialogue.request not in self.requests
        self.requests.add(self.talk.dialogue.request)
        self.nonces.append(self.talk.dialogue.nonce)
        header = self.talk.request.header
        assert header.recip_nonce == self.talk.dialogue.peer_nonce
        assert header.sender_nonce == self.talk.dialogue.nonce

    @precondition(lambda self: self.over is not None)
    @rule(kind=st.sampled_from(KINDS), signed=st.booleans(), anchors=st.booleans())
    def another_transaction(self, kind, signed, anchors):
        self.begin(kind, signed, anchors)

    @precondition(live)
    @rule()
    def a_restart(self):
        self.talk.dialogue = from_record(to_record(self.talk.dialogue))

    @invariant()
    def the_marks_of_a_transaction_hold(self):
        if not hasattr(self, "talk"):
            return
        dialogue = self.talk.dialogue
        assert dialogue.transaction_id == self.talk.request.header.transaction_id
        assert len(set(self.nonces)) == len(self.nonces), "a nonce was used twice"
        assert len(dialogue.extra_certs) <= 32
        assert (dialogue.state in (State.OFFERED, State.CONFIRMING)) <= bool(dialogue.certificate)

    @invariant()
    def what_is_over_was_said_to_be_over(self):
        """Done means: revoked, confirmed by pkiconf, or confirmed beforehand (implicitConfirm). Nothing else."""
        if getattr(self, "over", None) is None or isinstance(self.over, Rejected):
            return
        dialogue = self.talk.dialogue
        confirmed = dialogue.confirmed or State.CONFIRMING in (dialogue.state, dialogue.origin)
        assert dialogue.kind in ("rr", "genm") or (confirmed and dialogue.certificate == CERTIFICATE)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
test_any_sequence_of_events = Machine.TestCase


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.lists(st.integers(0, 3), max_size=12))
def test_every_sequence_ends_once_the_ca_decides(kind, pauses):
    """However often it says wait, the first decision ends it, within three more messages."""
    talk = Talk(order=order(kind), parties=by_secret(CA))
    waiting = isinstance(talk.hears("error", error("waiting", bits=())), Wait)
    for pause in pauses:
        assert waiting
        talk.polls()
        waiting = isinstance(talk.hears("pollRep", later(pause, cert_req_id=-1)), Wait)
    talk.polls()
    action = talk.hears(talk.reply, GOOD[talk.reply])
    if isinstance(action, Offered):
        assert talk.decides() == Send()
        action = talk.hears("pkiconf", None)
    assert isinstance(action, Done)


def test_an_unauthentic_answer_never_moves_anything():
    for kind, state in STATES:
        talk = arrived(kind, state)
        for body, content in GOOD.items():
            before = talk.dialogue
            with pytest.raises((Unauthentic, Mismatch)):
                talk.hears(body, content, by=None)
            assert talk.dialogue == before
