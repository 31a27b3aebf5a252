"""Any bit that is flipped in a protected message, from its first octet to the last of its protection, has it refused.

Every body that may come, under a MAC and under a signature, to one request or to several; hypothesis draws where.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ambient import NOON
from support.answering import (
    CA,
    PROOF,
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

from runner.asn1.cmp import CertRepMessage, InfoTypeAndValue, KeyRecRepContent, PKIMessage
from runner.asn1.structures import decode
from runner.cmp.request import Order, Request
from runner.cmp.transaction import Fellow, poll, receive_together, start_together
from runner.errors import ProtocolError
from runner.values import replace

SEVERAL = 3
PARTIES = {"mac": by_secret(CA), "signature": by_signature(CA)}
BY = {"mac": "secret", "signature": CA}


def opened(protection, kind):
    """A transaction after its first message."""
    asked = Order("genm", questions=(InfoTypeAndValue(info_type="1.3.6.1.5.5.7.4.17", info_value=None),))
    return Talk(order=asked if kind == "genm" else order(kind), parties=PARTIES[protection], by=BY[protection])


def polling(protection):
    talk = opened(protection, "ir")
    talk.hears("ip", granted(None, "waiting"))
    return talk.polls()


def confirming(protection):
    talk = opened(protection, "ir")
    talk.decides(talk.offered().problem)
    return talk


ONE = {
    "ip": (lambda how: opened(how, "ir"), lambda: granted(issued())),
    "ip, waiting": (lambda how: opened(how, "ir"), lambda: granted(None, "waiting")),
    "cp": (lambda how: opened(how, "cr"), lambda: granted(issued())),
    "kup": (lambda how: opened(how, "kur"), lambda: granted(issued())),
    "rp": (lambda how: opened(how, "rr"), revoked),
    "krp": (lambda how: opened(how, "krr"), lambda: KeyRecRepContent(status=error().pki_status_info)),
    "genp": (lambda how: opened(how, "genm"), tuple),
    "error": (lambda how: opened(how, "ir"), error),
    "pollRep": (polling, lambda: later(7)),
    "pkiconf": (confirming, lambda: None),
}


class Several:
    """Requests that share a message, and what it is to take an answer to it."""

    def __init__(self, protection):
        self.parties = PARTIES[protection]
        self.orders = [order("ir")] * SEVERAL
        requests = [Request(each, PROOF, self.parties) for each in self.orders]
        self.entropy = opened(protection, "ir").entropy
        self.dialogues = start_together(requests, self.parties, NOON, self.entropy)

    @property
    def request(self):
        return decode(PKIMessage, self.dialogues[0].request)

    def gets(self, octets):
        fellows = [Fellow(each, wish, self.parties) for each, wish in zip(self.dialogues, self.orders, strict=True)]
        return receive_together(fellows, octets, NOON)

    def polls(self):
        self.dialogues = poll(self.dialogues, self.parties, NOON, self.entropy)
        return self


def each(content, field):
    """What is said of one, said of all."""
    return tuple(replace(one, cert_req_id=number) for number in range(SEVERAL) for one in field(content))


TOGETHER = {
    "ip": (Several, lambda: CertRepMessage(response=each(granted(issued()), lambda found: found.response))),
    "ip, waiting": (
        Several,
        lambda: CertRepMessage(response=each(granted(None, "waiting"), lambda found: found.response)),
    ),
    "pollRep": (lambda how: Several(how).polls(), lambda: each(later(7), tuple)),
    "error": (Several, error),
}
CASES = [(how, ONE, name) for how in PARTIES for name in ONE] + [
    (how, TOGETHER, name) for how in PARTIES for name in TOGETHER
]


def whole(cases, name, how):
    """A transaction and the answer to it, with how many of its octets are protected or the protection itself."""
    prepare, content = cases[name]
    talk = prepare(how)
    octets = say(name.partition(",")[0], content(), request=talk.request, by=BY[how], extra_certs=())
    return talk, octets


@pytest.mark.parametrize(("how", "cases", "name"), CASES, ids=[f"{how} {name} {len(c)}" for how, c, name in CASES])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_is_refused(how, cases, name, data):
    talk, octets = whole(cases, name, how)
    at = data.draw(st.integers(0, 8 * len(octets) - 1))
    spoiled = bytearray(octets)
    spoiled[at // 8] ^= 1 << at % 8
    with pytest.raises(ProtocolError):
        talk.gets(bytes(spoiled))


@pytest.mark.parametrize(("how", "cases", "name"), CASES, ids=[f"{how} {name} {len(c)}" for how, c, name in CASES])
def test_as_it_was_sent_it_is_taken(how, cases, name):
    """Else the test above would prove nothing."""
    talk, octets = whole(cases, name, how)
    talk.gets(octets)
