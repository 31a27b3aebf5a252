"""The journal's record of one operation: every transition goes through here and is durable when it returns.

What an operation was begun with stays with it: one that is continued keeps its id and, where its request may be out,
the digest of the entry as it was then, so that a later change of the entry is not taken for done.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from runner.cmp.record import from_record, to_record
from runner.cmp.wishes import masked, restored
from runner.errors import CmpBatchError, SecretError
from runner.plan.steps import Verb
from runner.state.inventory import Open, Stage
from runner.state.journal import Change
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Any

    from runner.asn1.crmf import Control
    from runner.cmp.dialogue import Dialogue
    from runner.execute.desk import Desk
    from runner.plan.steps import Step
    from runner.state.inventory import Held

OPERATION_ID = 8
"""Octets of an operation's id."""


class Record:
    """How far an operation has come: `last` is what the journal has, `before` what it had when we began."""

    def __init__(self, step: Step, desk: Desk, before: Open | None = None) -> None:
        self._desk = desk
        self.before = before = before or desk.inventory.open.get(step.item.name)
        if before is not None and step.verb is Verb.RESUME:
            self.last = before
        else:
            continued = before is not None and before.stage is Stage.KEYED
            self.last = Open(
                item=step.item.name,
                operation=before.operation if before and continued else desk.entropy.octets(OPERATION_ID).hex(),
                kind=step.request,
                digest=step.item.digest,
                stage=Stage.KEYED,
                at=desk.clock.now(),
                attempts=before.attempts if before and continued else 0,
                key_path=before.key_path if before else None,
            )

    @property
    def key_path(self) -> str | None:
        """Where the key of this operation is now."""
        return self.last.key_path

    def now(self) -> datetime:
        """The moment, by the desk's clock."""
        return self._desk.clock.now()

    def key_is_at(self, path: str | None) -> None:
        """The key is, or is about to be, at `path`; journalled with the next transition."""
        if path != self.last.key_path:
            self.last = replace(self.last, key_path=path)

    def spends(self, mark: str) -> None:
        """The next transaction uses up the one-time secret with that mark."""
        if mark != self.last.spends:
            self.last = replace(self.last, spends=mark)

    @property
    def spent(self) -> str:
        """The mark of the one-time secret that this transaction uses up; empty where there is none."""
        return self.last.spends

    async def give_back(self, note: str) -> None:
        """Nothing went out: the secret is as good as new, and the operation begins anew next time."""
        mark, fresh = self.last.spends, {"check_after": None, "transaction_id": "", "dialogue": "", "spends": ""}
        change = self._changed(note=note, stage=Stage.KEYED, **fresh)
        await self._desk.record([replace(change, unspent=mark)])

    async def claim(self, stores: str) -> None:
        """These key stores are this operation's to write; durable before the first of them is."""
        if stores != self.last.stores:
            await self._record(stores=stores)

    def sent(self, messages: int) -> None:
        """So many more messages went out; journalled with the next transition."""
        self.last = replace(self.last, attempts=self.last.attempts + messages)

    async def enter(self, stage: Stage, dialogue: Dialogue | None = None) -> None:
        """The operation is now in `stage`."""
        await self._desk.record([self.change(stage, dialogue)])

    def change(
        self,
        stage: Stage,
        dialogue: Dialogue | None = None,
        check_after: datetime | None = None,
        reference: str = "",
    ) -> Change:
        """What the journal is to be told: that the operation is now in `stage`.

        `reference` is the transport's, where the answer is delivered later.
        """
        return self._changed(
            stage=stage,
            note="",
            check_after=check_after,
            reference=reference,
            transaction_id=dialogue.transaction_id.hex() if dialogue else "",
            dialogue=to_record(without_secrets(dialogue)) if dialogue else "",
        )

    async def stop(self, note: str, **changes: Any) -> None:
        """This run leaves the operation here; `note` says why. `changes` are fields of Open."""
        await self._record(note=note, **changes)

    async def _record(self, **changes: Any) -> None:
        await self._desk.record([self._changed(**changes)])

    def _changed(self, **changes: Any) -> Change:
        self.last = last = replace(self.last, at=self._desk.clock.now(), **changes)
        return Change(last.item, self._desk.run, last, at=last.at, note=last.note)

    async def amend(self, held: Held) -> None:
        """What is held is now `held`; an operation that is under way stays as it is."""
        now = self._desk.clock.now()
        await self._desk.record([Change(self.last.item, self._desk.run, self.before, held=held, at=now)])

    async def forget(self) -> None:
        """Nothing is held any more for this item."""
        now = self._desk.clock.now()
        await self._desk.record([Change(self.last.item, self._desk.run, None, forget=True, note="pruned", at=now)])

    async def close(self, held: Held | None, note: str = "") -> None:
        """The operation is over; `held` is what came of it."""
        now = self._desk.clock.now()
        await self._desk.record([Change(self.last.item, self._desk.run, None, held=held, note=note, at=now)])


def without_secrets(dialogue: Dialogue) -> Dialogue:
    """The dialogue as the journal may keep it: regToken and authenticator are masked in its request."""
    hidden = masked(dialogue.request) if dialogue.request else b""
    if hidden == dialogue.request:
        return dialogue
    return replace(dialogue, request=hidden, sealed=sha256(dialogue.request).hexdigest())


def with_secrets(dialogue: Dialogue, controls: Iterable[Control]) -> Dialogue:
    """The dialogue with its request as it went out. SecretError where the secrets are not those of then any more."""
    if not dialogue.sealed:
        return dialogue
    whole = restored(dialogue.request, controls)
    if sha256(whole).hexdigest() != dialogue.sealed:
        raise SecretError(
            "the request cannot be repeated: the regToken or authenticator that it was sent with is gone",
            why="the state keeps no secrets, and what the manifest names holds another one today",
            next_step="put the secret back, or begin afresh with --retry-unknown",
        )
    return replace(dialogue, request=whole, sealed="")


def dialogue_of(operation: Open) -> Dialogue:
    """The transaction of an operation that is continued. CmpBatchError where its record is not one of ours."""
    try:
        return from_record(operation.dialogue)
    except (ValueError, KeyError, TypeError) as problem:
        raise CmpBatchError(
            f"the journal's record of the transaction of {operation.item} cannot be read",
            why=str(problem),
            next_step="restore a backup of the state",
        ) from problem
