"""One item, end to end: prepare, talk, install, remember. The item's own trouble ends in its Result.

The order of things is the promise: the key is durable, then the intent, then the wire; what came is
journalled, then confirmed, then installed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, KeyStoreError
from runner.execute.agreeing import with_announced
from runner.execute.central import is_central, keep_key, served_once
from runner.execute.company import again, company
from runner.execute.continuing import path_now, refuse_other_kinds
from runner.execute.desk import Installation
from runner.execute.endings import GaveUp, Lost, Parked, Unsure, Won
from runner.execute.filing import Filing
from runner.execute.groundwork import Preparation
from runner.execute.holding import held_as
from runner.execute.install import aside, is_taken
from runner.execute.lobby import Ticket
from runner.execute.preparation import prepare
from runner.execute.record import Record, dialogue_of
from runner.execute.restoring import QUIET
from runner.execute.results import Failure, Outcome, Result, answered_result
from runner.execute.spending import kept_open, mark_for
from runner.execute.trial import is_held_back, leftovers
from runner.execute.trusting import new_trust
from runner.manifest.model import Fetch, Recovery
from runner.pki.certificates import parse_certificate
from runner.plan.case import certificate_path_of, key_path_of, key_url_of
from runner.plan.steps import Verb
from runner.state.inventory import Stage
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from runner.cmp.dialogue import Dialogue
    from runner.cmp.response import Status
    from runner.execute.desk import Desk
    from runner.execute.endings import Ending
    from runner.execute.groundwork import Prepared
    from runner.keystores.base import StoredKey
    from runner.pki.certificates import Certificate
    from runner.plan.steps import Step
    from runner.state.inventory import Open


class Operation:
    """One step under way. `before` is what the journal has of one that is gone on with, which waits until `until`."""

    def __init__(
        self,
        step: Step,
        desk: Desk,
        rest: Callable[[float], Awaitable[None]],
        before: Open | None = None,
        until: float = 0.0,
    ) -> None:
        self.verb = step.verb
        self.step = step if before is None else replace(step, verb=Verb.RESUME)
        self.item = step.entry
        self.desk = desk
        self.rest = rest
        self.until = until
        """How long it may wait for its CA, by the monotonic clock; 0: it has not begun to."""
        self.record = Record(self.step, desk, before)
        self.key: StoredKey | None = None
        """The key to be certified, once it is prepared."""
        self.url = key_url_of(step.entry)
        self.filing = Filing(desk, step.entry, self.url, self.record)

    async def run(self) -> Result:
        """Whatever the step's verb asks for."""
        if quiet := QUIET.get(self.step.verb):
            return await quiet(self.step, self.desk)
        if self.step.verb is Verb.RESUME and self.record.before is not None:
            return await self._resume(self.record.before)
        await self._keep_what_came()
        prepared = await self._prepare()
        return await self._settle(await self._converse(prepared), prepared)

    async def _keep_what_came(self) -> None:
        """Begun afresh (--retry-unknown) after a certificate had come: that one is put aside, the CA may count it."""
        before = self.record.before
        if before is not None and before.stage in (Stage.ISSUED, Stage.WAITING):
            await self._put_aside(dialogue_of(before).certificate)

    async def _prepare(self) -> Prepared:
        prepared = await prepare(Preparation(self.step, self.desk, self.record.before, self._keyed))
        self.key = prepared.key
        self.record.key_is_at(prepared.key_now)
        self.record.spends(mark_for(self.step, self.desk) or self.record.spent)
        return prepared

    async def _keyed(self, path: str) -> None:
        self.record.key_is_at(path)
        await self.record.enter(Stage.KEYED)

    async def _converse(self, prepared: Prepared) -> Ending:
        """Talk; begin again with a new transaction where the CA asks for that, and alone where it wants that."""
        line, alone, attempt = self.desk.access(self.item.authority).line, False, 0
        while True:
            ending = await self._talk(prepared, alone=alone)
            if not isinstance(ending, Lost) or self.record.spent:
                return ending
            if not (ending.alone or (ending.try_later and attempt < line.retries)):
                return ending
            alone |= ending.alone
            if ending.try_later:
                await line.pause(attempt)
                attempt += 1

    async def _talk(self, prepared: Prepared, *, alone: bool) -> Ending:
        size = 1 if alone or self.record.spent else self.desk.access(self.item.authority).authority.batch_size
        ending = await self._told(self._ticket(prepared), company(self.item, prepared), size)
        found = with_announced(ending, prepared, self.desk.clock.now())
        return ending if found is None else await self._told(self._ticket(found), None, 1)

    async def _told(self, ticket: Ticket, key: Hashable, size: int) -> Ending:
        """What comes of a talk; its messages are counted however it ends."""
        told = await self.desk.lobby.talk(self.desk, ticket, key, size)
        self.record.sent(told.messages)
        if isinstance(told.outcome, Exception):
            raise told.outcome
        return told.outcome

    def _ticket(self, prepared: Prepared, before: Open | None = None) -> Ticket:
        now = self.desk.clock.monotonic()
        self.until = self.until or now + self.desk.access(self.item.authority).authority.polling.max_wait
        return Ticket(
            authority=self.item.authority,
            prepared=prepared,
            change=self.record.change,
            keep_key=partial(keep_key, self.desk, self.record, self.url),
            trial=self.filing.trial,
            rest=self.rest,
            max_wait=self.until - now,
            before=before,
        )

    async def _resume(self, before: Open) -> Result:
        refuse_other_kinds(self.item, before)
        dialogue = dialogue_of(before)
        if before.stage is Stage.CONFIRMED and isinstance(self.item, Recovery):
            return await self._recovered(self.item, dialogue, await self._prepare(), None)
        if before.stage is Stage.CONFIRMED:
            return await self._install(dialogue, self._path_of(dialogue), None, ())
        await self._miss_no_key(before)
        prepared = await self._prepare()
        ticket = self._ticket(prepared, before)
        return await self._settle(await self._told(ticket, again(before, dialogue), dialogue.of), prepared)

    async def _miss_no_key(self, before: Open) -> None:
        """Without its key, what the CA will issue is of no use."""
        if self.url is None or not self.url.is_file or before.kind == "rr" or is_central(self.item):
            return
        if before.key_path is not None and is_taken(before.key_path):
            return
        await self.record.stop(f"its key {before.key_path} is gone")
        raise KeyStoreError(
            f"the key {before.key_path} is gone, and its request may be at the CA",
            why="it was there when the request was sent",
            next_step="restore the file, or begin afresh with --retry-unknown",
        )

    def _path_of(self, dialogue: Dialogue) -> tuple[Certificate, ...]:
        return path_now(dialogue, self.desk.access(self.item.authority).anchors, self.desk.clock.now())

    async def _settle(self, ending: Ending, prepared: Prepared) -> Result:
        if isinstance(ending, Won):
            return await self._won(ending, prepared)
        if isinstance(ending, Lost):
            return await self._lost(ending)
        if isinstance(ending, Unsure):
            return await self._unsure(ending)
        if isinstance(ending, GaveUp):
            await self.record.stop(ending.failure.what, stage=Stage.WAITING, check_after=None)
            return self.result(Outcome.FAILED, failure=ending.failure)
        return await self._parked(ending)

    async def _won(self, ending: Won, prepared: Prepared) -> Result:
        if isinstance(self.item, Fetch):
            from runner.execute.fetch import fetched  # noqa: PLC0415 - few plans have a question

            lines = await fetched(self.item, ending, self.desk, self.record)
            return replace(self.result(Outcome.FETCHED, status=ending.status), status_text="; ".join(lines))
        if isinstance(self.item, Recovery):
            await self.record.enter(Stage.CONFIRMED, ending.dialogue)
            return await self._recovered(self.item, ending.dialogue, prepared, ending.status)
        if ending.offered is None:
            await self.record.close(held_as(Outcome.REVOKED, self.item, self.url, self.record, ending.dialogue.about))
            return self.result(Outcome.REVOKED, status=ending.status, certificate=prepared.order.certificate)
        await self.record.enter(Stage.CONFIRMED, ending.dialogue)
        told = (*ending.offered.remarks, *prepared.remarks)
        return await self._install(ending.dialogue, ending.offered.path, ending.status, told)

    async def _recovered(self, item: Recovery, dialogue: Dialogue, prepared: Prepared, status: Status | None) -> Result:
        """The keys that came are in their files; then the new one that was certified with them, and it is over."""
        from runner.execute.recovering import store_recovered  # noqa: PLC0415 - few plans have a recovery

        kept = await store_recovered(self.desk, item, dialogue, prepared.parties)
        if dialogue.certificate:
            return await self._install(dialogue, self._path_of(dialogue), status, kept.remarks)
        await self.desk.installations.do(Installation((), (), removals=served_once(item, None)))
        self.record.key_is_at(kept.key_path)
        await self.record.close(held_as(Outcome.RECOVERED, item, self.url, self.record, "", kept.certificate))
        return self.result(Outcome.RECOVERED, status=status, certificate=kept.certificate, warnings=kept.remarks)

    async def _install(
        self, dialogue: Dialogue, path: tuple[Certificate, ...], status: Status | None, remarks: tuple[str, ...]
    ) -> Result:
        """Put everything in its place at once; then the operation is over."""
        key_now, target = self.record.key_path, self.filing.key_target()
        files, seals = await self.filing.files(path, key_now)
        over = (*served_once(self.item, key_now), *leftovers(self.item, files))
        trust = new_trust(self.desk.access(self.item.authority).authority, dialogue, self.desk.clock.now())
        await self.desk.installations.do(replace(files, removals=over, anchors=trust.anchors))
        if self.url is not None and self.url.kept == "token" and key_now is not None and key_now != target:
            await self.desk.promote_key(self.url, key_now, backup=self.filing.output.ownership.backup)
        self.record.key_is_at(target)
        outcome = {"kur": Outcome.UPDATED, "krr": Outcome.RECOVERED}.get(dialogue.kind, Outcome.ISSUED)
        held = held_as(outcome, self.item, self.url, self.record, dialogue.about, path[0])
        chain = b"".join(each.der for each in path[1:])
        await self.record.close(replace(held, chain=chain, seals=seals))
        return self.result(outcome, status=status, certificate=path[0], warnings=(*remarks, *trust.remarks))

    async def _lost(self, ending: Lost) -> Result:
        """The key that was made for it is kept for the next attempt."""
        if self.record.spent and ending.unheard:
            return self.result(Outcome.FAILED, failure=await kept_open(self.record, ending))
        await self._put_aside(ending.aside)
        if is_held_back(self.item) and ending.aside:
            await self.filing.undo(parse_certificate(ending.aside))
        await self.desk.installations.do(Installation((), (), removals=served_once(self.item, self.record.key_path)))
        if self.url is not None and self.url.generates and self.record.key_path is not None:
            await self.record.stop(
                ending.failure.what, stage=Stage.KEYED, check_after=None, transaction_id="", dialogue=""
            )
        else:
            await self.record.close(None, note=ending.failure.what)
        return self.result(Outcome.FAILED, status=ending.status, failure=ending.failure)

    async def _unsure(self, ending: Unsure) -> Result:
        """The journal keeps what was sent; the next apply repeats it. With a question nothing is lost."""
        if isinstance(self.item, Fetch):
            return await self._lost(Lost(ending.failure, ending.status))
        await self.record.stop(ending.failure.what, check_after=None)
        next_step = f"{ending.failure.next_step}; the key is kept. Run apply again: it repeats the request. If the CA"
        words = f"{next_step} does not answer that either, --retry-unknown begins afresh"
        failure = replace(ending.failure, next_step=words.removeprefix("; "))
        return self.result(Outcome.UNKNOWN, status=ending.status, failure=failure)

    async def _put_aside(self, der: bytes) -> None:
        if der:
            await self.desk.installations.do(aside(self.filing.output, parse_certificate(der)))

    async def _parked(self, ending: Parked) -> Result:
        moment = self.record.last.check_after or ending.check_after
        stage = Stage.SENT if ending.doubt else Stage.WAITING
        await self.record.stop(ending.words, stage=stage, check_after=moment)
        words = f"ask again after {ending.check_after:%Y-%m-%d %H:%M:%S} UTC by running apply again"
        return self.result(Outcome.PENDING, failure=Failure("the CA has not decided yet", ending.words, words))

    def failure(self, problem: CmpBatchError) -> Failure:
        """What went wrong; where a certificate is in the journal already, with the word that it is safe."""
        if self.record.last.stage not in (Stage.ISSUED, Stage.CONFIRMED):
            return Failure(problem.what, problem.why, problem.next_step)
        words = "the certificate is safe in the journal, and the next apply goes on from there"
        return Failure(problem.what, problem.why, f"{problem.next_step}; {words}".removeprefix("; "))

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
        return replace(
            answered_result(self.item.name, self.verb, outcome, status, certificate, self.key),
            certificate_path=certificate_path_of(self.item),
            key_path=self.record.key_path or key_path_of(self.item),
            warnings=warnings,
            attempts=self.record.last.attempts,
            failure=failure,
            hooks=self.filing.hooks,
        )
