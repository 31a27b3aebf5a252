"""An item whose CA is reached by courier: the transport takes every message, and delivers the answer later."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from support.ambient import CountingEntropy
from support.scripted import ScriptedCa

from runner.cmp.dialogue import Parties
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.request import Order
from runner.cmp.transaction import start
from runner.errors import Delayed
from runner.execute.conversation import Conversation
from runner.execute.line import Line
from runner.execute.members import Member, Standing
from runner.lab.authority import open_lab
from runner.manifest.limits import Limits
from runner.pki.certificates import parse_certificate
from runner.pki.macs import SharedSecret
from runner.pki.names import parse_name
from runner.pki.profile import Profile
from runner.pki.signers import PrivateKeySigner


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

    def conversation(self, dialogue, max_wait=600.0, **more):
        line = Line(self.ca, Limits(retries=0), self.hours.clock, CountingEntropy())
        clock = self.hours.clock
        self.member = Member(self.order, self.parties, dialogue, lambda *change: change, None)
        return Conversation([self.member], line, clock, CountingEntropy(), self.keep, max_wait, self.rest, **more)

    def begin(self, **more):
        now = self.hours.clock.now()
        dialogue = start(self.order, self.parties, self.signer, now, CountingEntropy())
        self.hours.run(self.conversation(dialogue, **more).begin())
        return self.member.ending

    def resume(self, **more):
        stage, dialogue, check_after, reference, _ = self.journal[-1]
        self.hours.run(self.conversation(dialogue, **more).resume([Standing(stage, check_after, reference)]))
        return self.member.ending
