"""A recovery into memory only: whether what the CA keeps could be used on the day it is needed (RFC 9810 §5.3.8).

Nothing is journalled and nothing is written: the protocol encryption key and the keys that come are gone with the
process. A new key for signatures is not asked for, since a certificate would come of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cmp.recovering import RecoveredKey, recovered_keys
from runner.cmp.transaction import start
from runner.errors import CmpBatchError
from runner.execute.access import parties
from runner.execute.conversation import Conversation
from runner.execute.endings import Parked, Won
from runner.execute.groundwork import protection_at
from runner.execute.members import Member
from runner.execute.recovering import protocol_spec, recovery_order, recovery_parties
from runner.values import frozen

if TYPE_CHECKING:
    from runner.ambient import Clock, Entropy
    from runner.cmp.dialogue import Parties
    from runner.execute.access import Access, Keyring
    from runner.execute.endings import Ending
    from runner.keystores.keys import KeyMaker
    from runner.manifest.model import Document, Recovery


@frozen
class Drilled:
    """How one recovery went: the keys that came, each good or with its problem; or why none came."""

    name: str
    keys: tuple[RecoveredKey, ...] = ()
    pending: str = ""
    problem: str = ""

    @property
    def is_good(self) -> bool:
        """Whether keys came, and every one of them can be used."""
        return bool(self.keys) and not self.pending and all(key.private_key for key in self.keys)


@frozen
class DrillGround:
    """What a drill needs: the document, whom it talks to and as whom, the clock, chance."""

    document: Document
    accesses: dict[str, Access]
    keyring: Keyring
    maker: KeyMaker
    clock: Clock
    entropy: Entropy


async def drill(item: Recovery, ground: DrillGround) -> Drilled:
    """Recover into memory; what goes wrong is in what comes back."""
    try:
        return await _drilled(item, ground)
    except CmpBatchError as problem:
        return Drilled(item.name, problem=_words(problem.what, problem.why))


async def _drilled(item: Recovery, ground: DrillGround) -> Drilled:
    access = ground.accesses[item.authority]
    own = ground.maker.fleeting(protocol_spec(access.authority))
    order = recovery_order(item, own, None)
    plain = parties(access, protection_at(access, ground.keyring, ground.document, item))
    both = recovery_parties(plain, item, access.authority, own)
    dialogue = start(order, both, None, ground.clock.now(), ground.entropy)
    member = Member(order, both, dialogue, _unchanged, _nowhere)
    limits = access.authority.polling
    talk = Conversation([member], access.line, ground.clock, ground.entropy, _nowhere, limits.max_wait, polling=limits)
    await talk.begin()
    return _told(item.name, member.ending, both, ground)


def _unchanged(*_: object) -> None:
    """No change is journalled."""


async def _nowhere(*_: object, **__: object) -> None:
    """Nothing of a drill is kept."""


def _told(name: str, ending: Ending | None, both: Parties, ground: DrillGround) -> Drilled:
    if isinstance(ending, Parked):
        return Drilled(name, pending=ending.words or "the CA has not decided")
    if ending is None:
        raise AssertionError("a conversation is over when every member has an ending")
    if not isinstance(ending, Won):
        return Drilled(name, problem=_words(ending.failure.what, ending.failure.why))
    keys = recovered_keys(ending.dialogue, both, ground.clock.now())
    return Drilled(name, keys, problem="" if keys else "the CA keeps no key for it")


def _words(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what
