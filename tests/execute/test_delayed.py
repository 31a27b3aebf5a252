"""Answers that a transport delivers later: the reference is in the journal before it is used, and outlives us."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.ambient import CountingEntropy
from support.scripted import ScriptedCa

from runner.cmp.dialogue import Parties
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.request import Order
from runner.cmp.transaction import start
from runner.errors import Delayed, NotCmp, Unanswered
from runner.execute.conversation import Conversation
from runner.execute.endings import Lost, Parked, Unsure, Won
from runner.execute.line import Line
from runner.execute.members import Member, Standing
from runner.lab.authority import open_lab
from runner.manifest.model import Limits
from runner.pki.certificates import parse_certificate
from runner.pki.macs import SharedSecret
from runner.pki.names import parse_name
from runner.pki.profile import Profile
from runner.pki.signing import PrivateKeySigner
from runner.state.inventory import Stage


@dataclass
class Courier(ScriptedCa):
    """Takes every message, and brings its answer to who asks `rounds` times with the reference."""

    rounds: int = 1
    polled: list = field(default_factory=list)
    problems: list = field(default_factory=list)

    async def exchange(self, request, operation=""):
        self.waiting = await super().exchange(request, operation)
        self.left = self.rounds
        raise Delayed("on its way", reference=f"ref-{len(self.sent)}", seconds=5)

    async def poll(self, reference):
        self.polled.append(reference)
        if self.problems:
            raise self.problems.pop(0)
        self.left -= 1
        if self.left > 0:
            raise Delayed("still on its way", reference=reference, seconds=5)
        return self.waiting


class Trip:
    """One item whose CA is reached by courier."""

    def __init__(self, hours, **more):
        self.hours = hours
        self.ca = Courier(open_lab(None, hours.clock, CountingEntropy()), hours.clock, **more)
        reference, _, secret = self.ca.lab.psk.partition(":")
        ours = MacProtection(reference.encode(), SharedSecret(secret.encode()), b"salt" * 4)
        anchor = parse_certificate(self.ca.lab.ca_certificate)
        self.parties = Parties(ours, Peer(ours.secret, (anchor,)))
        self.signer = PrivateKeySigner(ec.derive_private_key(4711, ec.SECP256R1()))
        self.order = Order("ir", Profile(parse_name("CN=web")), self.signer.public_key_info)
        self.journal = []

    async def keep(self, changes):
        self.journal.extend((*change, len(self.ca.polled)) for change in changes)

    async def rest(self, seconds):
        self.hours.loop.jump(seconds)

    def conversation(self, dialogue, max_wait=600.0):
        line = Line(self.ca, Limits(retries=0), self.hours.clock, CountingEntropy())
        clock = self.hours.clock
        self.member = Member(self.order, self.parties, dialogue, lambda *change: change, None)
        return Conversation([self.member], line, clock, CountingEntropy(), self.keep, max_wait, self.rest)

    def begin(self, **more):
        now = self.hours.clock.now()
        dialogue = start(self.order, self.parties, self.signer, now, CountingEntropy())
        self.hours.run(self.conversation(dialogue, **more).begin())
        return self.member.ending

    def resume(self, **more):
        stage, dialogue, check_after, reference, _ = self.journal[-1]
        self.hours.run(self.conversation(dialogue, **more).resume([Standing(stage, check_after, reference)]))
        return self.member.ending


@pytest.fixture
def trip(hours):
    return Trip(hours)


def test_both_messages_come_back_later(trip):
    trip.ca.rounds = 3
    assert isinstance(trip.begin(), Won)
    assert trip.ca.kinds == ["ir", "certConf"]
    assert trip.ca.polled == ["ref-1"] * 3 + ["ref-2"] * 3


def test_the_reference_is_in_the_journal_before_it_is_used(trip):
    trip.begin()
    waiting = [entry for entry in trip.journal if entry[0] is Stage.WAITING]
    assert [(reference, polls) for *_, reference, polls in waiting] == [("ref-1", 0), ("ref-2", 1)]


def test_beyond_the_time_of_this_run_it_is_parked_and_another_process_goes_on(trip):
    assert isinstance(trip.begin(max_wait=0.0), Parked)
    assert trip.ca.polled == []
    assert isinstance(trip.resume(max_wait=0.0), Parked)
    assert trip.ca.kinds == ["ir", "certConf"]
    assert isinstance(trip.resume(max_wait=0.0), Won)
    assert trip.ca.polled == ["ref-1", "ref-2"]
    assert trip.ca.issued == 1


def test_a_wire_that_fails_meanwhile_changes_nothing(trip):
    trip.ca.problems = [Unanswered("down")]
    assert isinstance(trip.begin(), Parked)
    assert trip.journal[-1][3] == "ref-1"
    assert isinstance(trip.resume(), Won)


def test_a_reference_that_is_forgotten_leaves_the_outcome_unknown_and_the_request_to_repeat(trip):
    trip.ca.problems = [NotCmp("who?", cause="poll-unknown")]
    assert isinstance(trip.begin(), Unsure)
    stage, dialogue, _, reference, _ = trip.journal[-1]
    assert (stage, reference) == (Stage.SENT, "")
    assert isinstance(trip.resume(), Won)
    assert trip.ca.sent[1][2] == dialogue.request


def test_an_authentic_no_that_came_late_is_a_no(trip):
    trip.ca.script = [trip.ca.rejects("badPOP")]
    assert isinstance(trip.begin(), Lost)
