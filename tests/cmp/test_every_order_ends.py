"""Every order of events ends: transactions with a challenge in them, and the answers to a nested batch.

Beside test_machine.py (one request of every kind) and test_together.py (several in one message). Whatever the CA says
and in whatever order, what is not permitted changes nothing, and its first decision ends what it is about.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import answering as a
from support.ambient import CountingEntropy
from support.recipients import key_of

from runner.asn1.bodies import nested_content
from runner.asn1.cmp import PKIMessage
from runner.asn1.infotypes import POPO_DEC_KEY_CHALL
from runner.asn1.structures import Chosen, decode
from runner.cmp.dialogue import Challenged, Done, Offered, Rejected, Wait
from runner.cmp.inquiry import inquire
from runner.cmp.record import from_record, to_record
from runner.errors import ProtocolError
from runner.pki.decryption_proofs import make_challenge
from runner.pki.names import directory_name
from runner.pki.opening import PrivateKeyDecrypter
from runner.ra.forwarding import answers_in
from runner.values import replace

OPENER = PrivateKeyDecrypter(key_of("p256"))
CHALLENGE, NUMBER = make_challenge(directory_name(a.CA.ours.subject.der), OPENER.public_key_info, CountingEntropy())
CERTIFICATE = a.issued(subject_public_key_info=OPENER.public_key_info)
SAYS = {
    "challenge": ("popdecc", POPO_DEC_KEY_CHALL.encode((CHALLENGE,))),
    "waiting": ("ip", a.granted(None, "waiting")),
    "waiting as a whole": ("error", a.error("waiting", bits=())),
    "grant": ("ip", a.granted(CERTIFICATE)),
    "reject": ("ip", a.granted(None, "rejection", bits=(9,))),
    "refuse": ("error", a.error()),
    "later": ("pollRep", a.later(5)),
    "later as a whole": ("pollRep", a.later(5, cert_req_id=-1)),
    "confirm": ("pkiconf", None),
    "revoke": ("rp", a.revoked()),
    "tell": ("genp", ()),
    "another's": ("kup", a.granted(CERTIFICATE)),
}
GREATEST = 12


def follow(talk, action):
    """What we do about an action; the ending, if it is one."""
    if isinstance(action, Challenged):
        assert action.numbers == (NUMBER,)
        talk.proves(action)
    elif isinstance(action, Wait):
        talk.polls()
    elif isinstance(action, Offered):
        assert action.problem is None
        talk.decides()
    return action if isinstance(action, Done | Rejected) else None


@settings(max_examples=80, deadline=None)
@given(
    words=st.lists(st.sampled_from(sorted(SAYS)), max_size=GREATEST),
    signed=st.booleans(),
    restarts=st.booleans(),
)
def test_a_transaction_with_a_challenge(words, signed, restarts):
    by = a.CA if signed else "secret"
    ours = (a.by_signature if signed else a.by_secret)(a.CA, pvno=3, opener=OPENER)
    wanted = a.order(proof="challenge", public_key_info=OPENER.public_key_info)
    talk, ending, challenges = a.Talk(order=wanted, parties=ours, by=by), None, 0
    for word in (*words, "grant", "confirm"):
        if ending is not None:
            break
        before = talk.dialogue
        try:
            action = talk.hears(*SAYS[word])
        except ProtocolError:
            assert talk.dialogue == before
            continue
        challenges += isinstance(action, Challenged)
        ending = follow(talk, action)
        if restarts:
            talk.dialogue = from_record(to_record(talk.dialogue))
    assert ending is not None
    assert challenges <= 1
    assert isinstance(ending, Rejected) or talk.dialogue.certificate == CERTIFICATE


def answered(question, **header):
    return a.say("genp", (), request=decode(PKIMessage, question.request), **header)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(1, 5))
def test_a_batch_whose_answers_come_in_any_order_and_not_all(data, count):
    """Each request gets the answer with its transactionID, or none; nobody gets another's."""
    parties, entropy = a.by_secret(a.CA), CountingEntropy()
    asked = [inquire(parties, a.NOON, entropy) for _ in range(count)]
    others = [inquire(parties, a.NOON, entropy) for _ in range(2)]
    came = data.draw(st.lists(st.sampled_from([*asked, *others]), min_size=1, unique_by=id))
    answers = {each.transaction_id: answered(each) for each in came}
    outer = decode(PKIMessage, answered(asked[0]))
    outer = replace(outer, body=Chosen("nested", nested_content(tuple(answers.values()))))
    found = answers_in(outer, [each.transaction_id for each in asked])
    assert found == {each.transaction_id: answers[each.transaction_id] for each in asked if each in came}


def test_an_answer_to_a_batch_that_holds_something_else_is_none():
    outer = decode(PKIMessage, answered(inquire(a.by_secret(a.CA), a.NOON, CountingEntropy())))
    with pytest.raises(ProtocolError):
        answers_in(replace(outer, body=Chosen("nested", b"\x30\x03\x02\x01\x00")), [b"t"])
