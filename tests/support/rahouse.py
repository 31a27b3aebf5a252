"""An RA between a lab and strangers: the sans-IO core with both wires joined."""

from __future__ import annotations

from dataclasses import replace

from support.requester import Requester, Secret, Signature, newcomer_to

from runner.cmp.dialogue import Parties
from runner.cmp.protection import Peer, SignatureProtection
from runner.pki.certificates import parse_certificate
from runner.pki.macs import SharedSecret
from runner.pki.signers import PrivateKeySigner
from runner.ra.cases import Policy
from runner.ra.relay import Forward, take, transaction_id_in
from runner.ra.relayed import Office, Relayed, give
from runner.ra.requesters import Trust


class House:
    """`respond` is the RA's door; behind it the CA hears `house.upstream` and says `house.downstream`."""

    def __init__(self, lab, clock, entropy, *, policy=None):
        self.lab, self.clock, self.entropy = lab, clock, entropy
        self.ca_certificate = lab.ca_certificate
        holder = newcomer_to(lab).holder("CN=RA")
        ca, own = parse_certificate(lab.ca_certificate), parse_certificate(holder.protection.certificate)
        self.certificate = own
        protection = SignatureProtection(PrivateKeySigner(holder.protection.key), (own, ca))
        trust = Trust({b"dev": SharedSecret(b"device secret")}, (ca,))
        parties = Parties(protection, Peer(None, (ca,), ca.subject), ca.subject)
        self.office = Office(policy or Policy(trust), parties)
        self.relayed: dict[bytes, Relayed] = {}
        self.used: set[str] = set()
        self.upstream: list[bytes] = []
        self.downstream: list[bytes] = []
        self.refused: list[str] = []
        self.ca = lab.respond
        self.psk = "dev:device secret"

    @property
    def ca_name(self):
        return self.certificate.subject

    def set(self, **fields):
        """Change the policy."""
        self.office = replace(self.office, policy=replace(self.office.policy, **fields))

    def device(self) -> Requester:
        return Requester(self, Secret(b"dev", b"device secret"))

    def signer(self, holder: Requester) -> Requester:
        """The same holder, at this door."""
        return Requester(self, Signature(holder.protection.certificate, holder.protection.key))

    def respond(self, octets: bytes) -> bytes:
        identifier = transaction_id_in(octets)
        now = self.clock.now()
        taken = take(octets, self.office, self.relayed.get(identifier), self.used, now, self.entropy)
        if not isinstance(taken, Forward):
            self.refused.append(taken.refused)
            return taken.octets
        self.relayed[identifier] = taken.relayed
        self.used.add(taken.requester.holder)
        self.upstream.append(taken.relayed.upstream)
        self.downstream.append(self.ca(taken.relayed.upstream))
        given = give(taken.relayed, taken.requester, self.downstream[-1], self.office, now)
        self.relayed[identifier] = given
        return given.answer
