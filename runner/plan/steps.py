"""A plan, as data: one Step for each item, with its verb and its reasons. Enough to execute, enough to review."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from runner.manifest.tunnel import TunnelRequest
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.manifest.model import AnyItem
    from runner.plan.pruning import Left
    from runner.state.inventory import Open


class Verb(Enum):
    """What will be done to an item; `mark` is the glyph that plans print."""

    ENROLL = "enroll"
    """ir or cr with a new key, or with the key that the entry names."""
    REKEY = "rekey"
    """kur with a new key."""
    RENEW = "renew"
    """kur with the same key."""
    REISSUE = "reissue"
    """ir or cr because the content asked for has changed."""
    REINSTALL = "reinstall"
    """Write files again that we hold; no CA traffic."""
    RESUME = "resume"
    """Continue an operation that the journal has open."""
    REVOKE = "revoke"
    RECOVER = "recover"
    """krr: fetch private keys that the CA keeps."""
    FETCH = "fetch"
    """genm: ask the CA for what is issued to nobody."""
    ADOPT = "adopt"
    """Take into the state what is there already; no CA traffic."""
    FORGET = "forget"
    """Let the state forget what no manifest speaks of any more; no CA traffic, and no file is touched."""
    FORWARD = "forward"
    """Judge a request of somebody else's, forward it to the CA, and write the answer back."""
    REFUSE = "refuse"
    """Answer a request of somebody else's with a refusal; the CA hears nothing."""
    KEEP = "keep"
    """Nothing to do."""
    BLOCKED = "blocked"
    """It cannot be done as things are; the reason says what is in the way."""

    @property
    def mark(self) -> str:
        """One character that stands for the verb."""
        return _MARKS[self]


_MARKS = {
    Verb.ENROLL: "+",
    Verb.REKEY: "~",
    Verb.RENEW: "~",
    Verb.REISSUE: "±",
    Verb.REINSTALL: "=",
    Verb.RESUME: ">",
    Verb.REVOKE: "-",
    Verb.RECOVER: "^",
    Verb.FETCH: "?",
    Verb.ADOPT: "<",
    Verb.FORGET: "x",
    Verb.FORWARD: "»",
    Verb.REFUSE: "¬",
    Verb.KEEP: " ",
    Verb.BLOCKED: "!",
}


@frozen
class Reason:
    """Why: `code` for programs (kebab-case, stable), `text` for people."""

    code: str
    text: str


@frozen
class Step:
    """What happens to one item, and why. `needs` are the names of the items that must be done first."""

    item: AnyItem | TunnelRequest
    verb: Verb
    reasons: tuple[Reason, ...]
    needs: tuple[str, ...] = ()
    request: str = ""
    """The body type that goes out first (`ir`, `cr`, `kur`, `rr`, `krr`); empty where nothing does."""

    @property
    def entry(self) -> AnyItem:
        """The entry of the manifest that it is about, where it is about one."""
        if isinstance(self.item, TunnelRequest):
            raise TypeError(f"{self.item.name} is a request and no entry")
        return self.item

    @property
    def changes(self) -> bool:
        """Whether executing it changes anything here or at the CA."""
        return self.verb is not Verb.KEEP


@frozen
class Plan:
    """The steps in manifest order, as decided at `at`.

    `orphans`: operations that the state has open for items that are not in the manifests; nothing is done about them.
    `left`: what the state holds for such items; with `pruned` the last steps do something about it.
    `notes`: what a reader should know of how the plan came about.
    """

    name: str
    at: datetime
    steps: Sequence[Step]
    orphans: tuple[Open, ...] = ()
    left: tuple[Left, ...] = ()
    pruned: bool = False
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return any(step.changes for step in self.steps)

    def counts(self) -> dict[str, int]:
        """How many steps there are of each verb that occurs, in the order of Verb."""
        verbs = [step.verb for step in self.steps]
        return {verb.value: verbs.count(verb) for verb in Verb if verb in verbs}
