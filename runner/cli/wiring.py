"""From a plan to a desk that can carry it out: where the floors are put together.

The only place that gives the executor its real clock, disk and wires, and that lends it the embedded lab.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.execute.access import Access, Keyring, open_access
from runner.execute.desk import Desk, create_files, install_files
from runner.execute.grouped import Grouped
from runner.execute.line import Line
from runner.execute.preflight import Findings, preflight
from runner.execute.spending import without_spent
from runner.keystores.keys import KeyMaker
from runner.keystores.secrets import SecretReader
from runner.manifest.credentials import CertificateCredential
from runner.manifest.tunnel import TunnelRequest
from runner.plan.needs import relations_of
from runner.plan.steps import Verb
from runner.state.folder import STATE_FOLDER
from runner.system import SystemClock, SystemEntropy
from runner.values import mutable, replace

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from runner.cli.review import Reviewer
    from runner.cli.surveying import Situation
    from runner.cli.trace import Trace
    from runner.execute.desk import Durable
    from runner.execute.policies import Standing
    from runner.lab.authority import Lab
    from runner.manifest.credentials import Credential
    from runner.manifest.model import Authority, Document
    from runner.manifest.tunnel import Tunnel
    from runner.state.journal import Change
    from runner.transports.base import Transport

RUN_ID = 6
"""Octets of a run's id."""


@mutable
class Workshop:
    """The means of an apply: opened in two steps, so that bad input is found before anything is written."""

    situation: Situation
    keyring: Keyring
    maker: KeyMaker
    accesses: dict[str, Access]
    clock: SystemClock
    entropy: SystemEntropy
    secrets: SecretReader
    trace: Trace | None = None
    reviewer: Reviewer | None = None
    lab: Lab | None = None
    standings: dict[str, Standing] = field(default_factory=dict)
    approvals: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def open(cls, situation: Situation, args: Namespace, clock: SystemClock) -> Workshop:
        """Read everything that the plan needs, and write nothing. BadInput with all findings; Refused."""
        entropy = SystemEntropy()
        secrets = SecretReader(Path(situation.document.base), os.environ, args.allow_commands, clock)
        maker = KeyMaker(secrets, entropy)
        trace, reviewer = _trace_for(args), _reviewer_for(args)
        workshop = cls(situation, Keyring(secrets, entropy), maker, {}, clock, entropy, secrets, trace, reviewer)
        findings = Findings()
        workshop.open_accesses(findings)
        preflight(situation.plan.steps, situation.document, situation.folder, workshop.keyring, maker, findings)
        for tunnel in workshop.tunnels():
            findings.attempt(tunnel.place, partial(workshop.open_tunnel, tunnel))
        findings.raise_if_any()
        plan = without_spent(situation.plan, situation.document, workshop.keyring, situation.inventory)
        workshop.situation = replace(situation, plan=plan)
        return workshop

    def let_go_of_items(self) -> None:
        """From now on those who carry the plan out have them alone."""
        document, plan = replace(self.situation.document, items=()), replace(self.situation.plan, steps=())
        self.situation = replace(self.situation, document=document, plan=plan)

    def tunnels(self) -> tuple[Tunnel, ...]:
        """Those that have something to do, or wait for it."""
        if not self.situation.document.tunnels:
            return ()
        steps = self.situation.plan.steps
        busy = {step.item.tunnel.name for step in steps if isinstance(step.item, TunnelRequest) and step.changes}
        return tuple(each for each in self.situation.document.tunnels if each.watch or each.name in busy)

    def open_tunnel(self, tunnel: Tunnel) -> None:
        """Read what it judges by, and see whether it may answer where it is to."""
        from runner.execute.policies import standing_of

        situation = self.situation
        self.standings[tunnel.name] = standing_of(tunnel, self.keyring, situation.inventory)
        if tunnel.output is not None:
            situation.folder.check(Path(tunnel.output) / "request.answer.der")
        for step in situation.plan.steps:
            if isinstance(step.item, TunnelRequest) and step.item.tunnel == tunnel and step.changes:
                situation.folder.check(Path(step.item.answer))
        credential = situation.document.credentials.get(tunnel.credential or "")
        if credential is not None and not _is_made(credential, situation.document):
            self.keyring.protection(credential)

    def open_accesses(self, findings: Findings) -> None:
        """Every authority of the plan but the lab, which begins to exist when it is first used."""
        for authority in self._authorities():
            if not authority.is_lab:
                findings.attempt(authority.place, partial(self._reach, authority))

    def _authorities(self) -> list[Authority]:
        """Those that the plan talks to."""
        steps = self.situation.plan.steps
        names = {step.item.authority for step in steps if step.verb not in (Verb.KEEP, Verb.BLOCKED)}
        names |= {tunnel.authority for tunnel in self.tunnels()}
        return [authority for name, authority in self.situation.document.authorities.items() if name in names]

    def _reach(self, authority: Authority) -> None:
        from runner.cli.routes import address_of
        from runner.transports.open import open_transport

        address = address_of(authority, self.situation.document.logins, self.secrets, os.environ)
        if address.folder is not None:
            self.situation.folder.check(address.folder / "requests" / "request.der")
        transport = open_transport(address, concurrency=authority.limits.concurrency, clock=self.clock)
        self.accesses[authority.name] = open_access(authority, self._line(authority, transport))

    def _line(self, authority: Authority, transport: Transport) -> Line:
        if self.trace is not None:
            from runner.cli.trace import TracingTransport

            transport = TracingTransport(transport, self.trace, authority.name)
        return Line(transport, authority.limits, self.clock, self.entropy)

    def open_lab(self) -> None:
        """The embedded lab for the authorities that are one; its CA is made where it is not there yet."""
        if not any(authority.is_lab for authority in self.situation.document.authorities.values()):
            return
        for authority in self._authorities():
            if authority.is_lab:
                self.lab = self.lab or _lab(self.situation, self.clock, self.entropy)
                from runner.transports.loopback import LoopbackTransport

                transport = LoopbackTransport(self.lab.answerer(), authority.limits.timeout)
                line = self._line(authority, transport)
                self.accesses[authority.name] = _lab_access(authority, self.lab, line, self.entropy)

    def close_lab(self) -> None:
        """Let another process meet the lab."""
        if self.lab is not None:
            self.lab.close()

    def share(self, number: int, of: int) -> None:
        """Keep to one worker's part of what each authority bears."""
        for access in self.accesses.values():
            access.line.share(number, of)

    def desk(self, run: str, journal: Durable[Sequence[Change]], threads: Threads) -> Desk:
        """Where the executor finds everything; transitions go to `journal`."""
        folder, entropy = self.situation.folder, self.entropy
        return Desk(
            run=run,
            document=replace(self.situation.document, items=()),  # a run has them as its steps, and lets go of those
            inventory=self.situation.inventory,
            facts=self.situation.facts,
            accesses=self.accesses,
            keyring=self.keyring,
            maker=self.maker,
            journal=journal,
            creations=Grouped(partial(create_files, folder, entropy), threads.files),
            installations=Grouped(partial(install_files, folder, entropy), threads.files),
            key_threads=threads.keys,
            clock=self.clock,
            entropy=entropy,
            standings=self.standings,
            approvals=self.approvals,
            review=self.reviewer.accepts if self.reviewer else None,
        )


def _trace_for(args: Namespace) -> Trace | None:
    """What keeps the messages of a run, where that is asked for."""
    if not args.trace:
        return None
    from runner.cli.trace import Trace

    return Trace(args.trace)


def _reviewer_for(args: Namespace) -> Reviewer | None:
    if not getattr(args, "review", False):
        return None
    from runner.cli.review import reviewer_for

    return reviewer_for(args)


def _is_made(credential: Credential, document: Document) -> bool:
    """Whether an item of the manifest makes a credential's certificate or key."""
    made = relations_of(document).makers
    if not isinstance(credential, CertificateCredential):
        return False
    return credential.certificate in made or credential.key.path in made


class Threads:
    """One thread writes the journal, one the files (both where the disk is slow), `makers` make RSA keys."""

    def __init__(self, makers: int) -> None:
        self.journal = ThreadPoolExecutor(1, "journal")
        self.files = ThreadPoolExecutor(1, "files")
        self.keys = ThreadPoolExecutor(makers, "keys")

    def close(self) -> None:
        """Wait for what is being written; drop what was not begun."""
        for pool in (self.keys, self.files, self.journal):
            pool.shutdown(cancel_futures=True)


def _lab(situation: Situation, clock: SystemClock, entropy: SystemEntropy) -> Lab:
    from runner.lab.authority import open_lab
    from runner.lab.manners import parse_manners

    manners = next((each.manners for each in situation.document.authorities.values() if each.manners), ())
    folder = Path(situation.document.base) / STATE_FOLDER / "lab"
    return open_lab(folder, clock, entropy, parse_manners(manners))


def _lab_access(authority: Authority, lab: Lab, line: Line, entropy: SystemEntropy) -> Access:
    """The lab as an authority: trusted, named and with a credential for whoever brings none."""
    from runner.cmp.protection import MacProtection
    from runner.pki.certificates import parse_certificate
    from runner.pki.mac_parameters import MacParameters
    from runner.pki.macs import SharedSecret

    reference, _, key = lab.psk.partition(":")
    parameters = MacParameters(iterations=LAB_ITERATIONS)
    salt = entropy.octets(parameters.salt_length)
    handed_out = MacProtection(reference.encode(), SharedSecret(key.encode()), salt, parameters)
    certificate = parse_certificate(lab.ca_certificate)
    told = open_access(authority, line)
    recipient = told.recipient or certificate.subject
    return replace(told, anchors=(certificate, *told.anchors), recipient=recipient, handed_out=handed_out)


LAB_ITERATIONS = 1000
"""Of PasswordBasedMac with the embedded lab: it is in this process, nobody overhears."""
