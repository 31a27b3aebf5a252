"""One item, end to end: prepare, talk, install, remember. The item's own trouble ends in its Result.

The order of things is the promise (design §5): the key is durable, then the intent, then the wire; what came is
journalled, then confirmed, then installed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cmp.record import from_record, to_record
from runner.cmp.transaction import start
from runner.errors import CmpBatchError, ProtocolError, StateError
from runner.execute.conversation import Conversation, Lost, Parked, Unsure, Won
from runner.execute.install import aside, installation
from runner.execute.preparation import Preparation, prepare
from runner.execute.results import Failure, Outcome, Result
from runner.keystores.keys import key_file_facts
from runner.manifest.model import Revocation
from runner.pki.certificates import parse_certificate
from runner.pki.keyspecs import key_spec_of
from runner.pki.paths import find_path
from runner.plan.case import certificate_path_of, key_path_of, key_url_of
from runner.plan.steps import Verb
from runner.state.inventory import Held, Open, Stage
from runner.state.journal import Change

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue
    from runner.cmp.response import Status
    from runner.execute.conversation import Ending
    from runner.execute.desk import Desk
    from runner.execute.preparation import Prepared
    from runner.pki.certificates import Certificate
    from runner.plan.steps import Step

OPERATION_ID = 8
"""Octets of an operation's id."""


async def run_step(step: Step, desk: Desk) -> Result:
    """Carry out one step of the plan; what goes wrong with it is in the Result. StateError alone is raised."""
    began = desk.clock.monotonic()
    operation = _Operation(step, desk)
    try:
        result = await operation.run()
    except StateError:
        raise
    except CmpBatchError as problem:
        result = operation.result(Outcome.FAILED, failure=_failure(problem))
    return replace(result, duration=desk.clock.monotonic() - began)


def _failure(problem: CmpBatchError) -> Failure:
    return Failure(problem.what, problem.why, problem.next_step)


class _Operation:
    """One step under way: where the journal's record of it is kept up to date."""

    def __init__(self, step: Step, desk: Desk) -> None:
        self.step = step
        self.item = step.item
        self.desk = desk
        before = desk.inventory.open.get(self.item.name)
        self.before = before
        continued = before is not None and (step.verb is Verb.RESUME or before.stage is Stage.KEYED)
        self.id = before.operation if before and continued else desk.entropy.octets(OPERATION_ID).hex()
        self.attempts = before.attempts if before and continued else 0
        self.key_now = before.key_path if before else None
        self.kind = step.request
        self.dialogue: Dialogue | None = None
        self.last: Open | None = before

    async def run(self) -> Result:
        """Whatever the step's verb asks for."""
        if self.step.verb is Verb.REINSTALL:
            return await self._reinstall()
        if self.step.verb is Verb.RESUME and self.before is not None:
            return await self._resume(self.before)
        prepared = await self._prepare()
        return await self._settle(await self._converse(prepared))

    async def _prepare(self) -> Prepared:
        prepared = await prepare(Preparation(self.step, self.desk, self.before, self._keyed))
        self.key_now = prepared.key_now
        return prepared

    async def _keyed(self, path: str) -> None:
        self.key_now = path
        await self._record(Stage.KEYED)

    async def _converse(self, prepared: Prepared) -> Ending:
        """Talk; begin again with a new transaction where the CA asks for that."""
        desk, proof = self.desk, prepared.key.signer if prepared.key else None
        for attempt in range(desk.access(self.item.authority).line.retries + 1):
            conversation = self._conversation(prepared)
            dialogue = start(prepared.order, prepared.parties, proof, desk.clock.now(), desk.entropy)
            ending = await conversation.begin(dialogue)
            self.attempts += conversation.tally.attempts
            if not (isinstance(ending, Lost) and ending.try_later):
                break
            await conversation.line.pause(attempt, None)
        return ending

    def _conversation(self, prepared: Prepared) -> Conversation:
        access = self.desk.access(self.item.authority)
        return Conversation(
            order=prepared.order,
            parties=prepared.parties,
            line=access.line,
            clock=self.desk.clock,
            entropy=self.desk.entropy,
            note=self._note,
            max_wait=access.authority.max_wait,
        )

    async def _resume(self, before: Open) -> Result:
        dialogue = self.dialogue = from_record(before.dialogue)
        if before.stage is Stage.CONFIRMED:
            return await self._install(dialogue, self._path_of(dialogue), None, ())
        prepared = await self._prepare()
        conversation = self._conversation(prepared)
        ending = await conversation.resume(dialogue)
        self.attempts += conversation.tally.attempts
        return await self._settle(ending)

    def _path_of(self, dialogue: Dialogue) -> tuple[Certificate, ...]:
        """The path of a certificate that was judged before; itself alone where the anchors have gone since."""
        certificate = parse_certificate(dialogue.certificate)
        intermediates = [parse_certificate(der) for der in dialogue.extra_certs]
        anchors = self.desk.access(self.item.authority).anchors
        try:
            return find_path(certificate, intermediates, anchors, self.desk.clock.now())
        except ProtocolError:
            return (certificate,)

    async def _settle(self, ending: Ending) -> Result:
        if isinstance(ending, Won):
            return await self._won(ending)
        if isinstance(ending, Lost):
            return await self._lost(ending)
        if isinstance(ending, Unsure):
            return await self._unsure(ending)
        return await self._parked(ending)

    async def _won(self, ending: Won) -> Result:
        if ending.offered is None:
            return await self._revoked(ending)
        await self._note(Stage.CONFIRMED, ending.dialogue, None)
        return await self._install(ending.dialogue, ending.offered.path, ending.status, ending.offered.remarks)

    async def _revoked(self, ending: Won) -> Result:
        await self._close(self._held(Outcome.REVOKED, ending.dialogue, None))
        return self.result(Outcome.REVOKED, status=ending.status)

    async def _install(
        self, dialogue: Dialogue, path: tuple[Certificate, ...], status: Status | None, remarks: tuple[str, ...]
    ) -> Result:
        """Put everything in its place at once; then the operation is over."""
        if isinstance(self.item, Revocation):
            raise StateError(f"the state says that {self.item.name} brought a certificate", why="it is a revocation")
        target = key_path_of(self.item)
        await self.desk.installations.do(installation(self.item.output, path, self.key_now, target))
        self.key_now = target
        outcome = Outcome.UPDATED if dialogue.kind == "kur" else Outcome.ISSUED
        await self._close(self._held(outcome, dialogue, path[0]))
        return self.result(outcome, status=status, certificate=path[0], warnings=remarks)

    def _held(self, outcome: Outcome, dialogue: Dialogue, certificate: Certificate | None) -> Held:
        url = key_url_of(self.item)
        sealed = url is not None and bool(url.passphrase) and self.key_now is not None
        return Held(
            item=self.item.name,
            digest=self.item.digest,
            outcome=outcome.value,
            at=self.desk.clock.now(),
            certificate=certificate.der if certificate else None,
            certificate_path=certificate_path_of(self.item) if certificate else None,
            key_path=self.key_now,
            key_digest=key_file_facts(Path(self.key_now)).digest if sealed and self.key_now else None,
            replaces=dialogue.about or None,
        )

    async def _lost(self, ending: Lost) -> Result:
        """The key that was made for it is kept for the next attempt."""
        if ending.aside and not isinstance(self.item, Revocation):
            await self.desk.installations.do(aside(self.item.output, parse_certificate(ending.aside)))
        url = key_url_of(self.item)
        if url is not None and url.generates and self.key_now is not None:
            await self._record(Stage.KEYED, note=ending.failure.what)
        else:
            await self._close(None, note=ending.failure.what)
        return self.result(Outcome.FAILED, status=ending.status, failure=ending.failure)

    async def _unsure(self, ending: Unsure) -> Result:
        """The journal keeps what was sent; the next apply repeats it."""
        await self._record_last(note=ending.failure.what)
        next_step = f"{ending.failure.next_step}; the key is kept. Run apply again: it repeats the request. If the CA"
        words = f"{next_step} does not answer that either, --retry-unknown begins afresh"
        failure = replace(ending.failure, next_step=words.removeprefix("; "))
        return self.result(Outcome.UNKNOWN, status=ending.status, failure=failure)

    async def _parked(self, ending: Parked) -> Result:
        await self._record_last(note=ending.words)
        words = f"ask again after {ending.check_after:%Y-%m-%d %H:%M:%S} UTC by running apply again"
        return self.result(Outcome.PENDING, failure=Failure("the CA has not decided yet", ending.words, words))

    async def _reinstall(self) -> Result:
        """Write again what the state holds; nothing is said to the CA."""
        held = self.desk.inventory.held[self.item.name]
        if held.certificate is None or isinstance(self.item, Revocation):
            raise StateError(f"the state holds no certificate for {self.item.name}")
        certificate = parse_certificate(held.certificate)
        await self.desk.installations.do(installation(self.item.output, (certificate,), None, None))
        words = ("the certificate file was written again from the state",)
        return self.result(Outcome.UNCHANGED, certificate=certificate, warnings=words)

    async def _note(self, stage: Stage, dialogue: Dialogue, check_after: datetime | None) -> None:
        """The conversation's journal."""
        self.dialogue = dialogue
        await self._record(stage, check_after=check_after)

    async def _record(self, stage: Stage, *, note: str = "", check_after: datetime | None = None) -> None:
        dialogue = self.dialogue if stage is not Stage.KEYED else None
        self.last = Open(
            item=self.item.name,
            operation=self.id,
            kind=self.kind,
            digest=self.item.digest,
            stage=stage,
            at=self.desk.clock.now(),
            attempts=self.attempts,
            transaction_id=dialogue.transaction_id.hex() if dialogue else "",
            key_path=self.key_now,
            note=note,
            check_after=check_after,
            dialogue=to_record(dialogue) if dialogue else "",
        )
        await self.desk.record(Change(self.item.name, self.desk.run, self.last, at=self.last.at, note=note))

    async def _record_last(self, note: str) -> None:
        """The same stage once more, with words."""
        if self.last is not None:
            self.last = replace(self.last, note=note, attempts=self.attempts)
            await self.desk.record(Change(self.item.name, self.desk.run, self.last, at=self.last.at, note=note))

    async def _close(self, held: Held | None, note: str = "") -> None:
        now = self.desk.clock.now()
        await self.desk.record(Change(self.item.name, self.desk.run, None, held=held, note=note, at=now))

    def result(
        self,
        outcome: Outcome,
        *,
        status: Status | None = None,
        certificate: Certificate | None = None,
        warnings: tuple[str, ...] = (),
        failure: Failure | None = None,
    ) -> Result:
        """The item's Result with everything that is known so far."""
        return Result(
            name=self.item.name,
            operation=self.step.verb.value,
            outcome=outcome,
            certificate=certificate,
            certificate_path=certificate_path_of(self.item),
            key_path=self.key_now or key_path_of(self.item),
            key_spec=key_spec_of(certificate.public_key_info) if certificate else None,
            pki_status=status.status if status else None,
            fail_info=status.fail_info if status else (),
            status_text=status.text if status else "",
            warnings=warnings,
            attempts=self.attempts,
            failure=failure,
        )
