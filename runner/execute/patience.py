"""How long a CA that does not decide is asked again: the limits over all runs (RFC 9810 §5.3.22).

What counts is in the transaction's record: how often it was asked for what is waited for now, and since when.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from runner.execute.endings import GaveUp
from runner.execute.results import Failure
from runner.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.cmp.dialogue import Dialogue
    from runner.execute.members import Member
    from runner.manifest.polling import Polling


def count_poll(members: Sequence[Member]) -> None:
    """The transport is asked for their answer once more."""
    for member in members:
        member.dialogue = replace(member.dialogue, polls=member.dialogue.polls + 1)


def no_longer(seconds: float, members: Sequence[Member], polling: Polling, now: datetime) -> float:
    """So many seconds, or until the time for asking is over: then the last pollReq goes out."""
    return min((seconds, *(_left(member.dialogue, polling, now, seconds) for member in members)))


def tired(members: Sequence[Member], polling: Polling, now: datetime, words: str) -> list[tuple[Member, GaveUp]]:
    """Those about whom the CA was asked often or long enough, and their ending; `words` are the CA's last."""
    endings = [(member, _given_up(member.dialogue, polling, now, words)) for member in members]
    return [(member, enough) for member, enough in endings if enough is not None]


def _left(dialogue: Dialogue, polling: Polling, now: datetime, otherwise: float) -> float:
    if polling.give_up_after is None or not dialogue.waits_since:
        return otherwise
    over = datetime.fromisoformat(dialogue.waits_since) + timedelta(seconds=polling.give_up_after)
    return (over - now).total_seconds()


def _given_up(dialogue: Dialogue, polling: Polling, now: datetime, words: str) -> GaveUp | None:
    if polling.max_polls and dialogue.polls >= polling.max_polls:
        return _gave_up(dialogue, "max_polls", words)
    if _left(dialogue, polling, now, 1) <= 0:
        return _gave_up(dialogue, "give_up_after", words)
    return None


def _gave_up(dialogue: Dialogue, limit: str, words: str) -> GaveUp:
    since = datetime.fromisoformat(dialogue.waits_since)
    why = f"it was asked {dialogue.polls} times since {since:%Y-%m-%d %H:%M:%S} UTC, all that `polling: {limit}` allows"
    step = f"ask the CA's operator; then raise {limit} to ask on, or begin afresh with --retry-unknown. The key is kept"
    return GaveUp(
        Failure("the CA has not decided, and is not asked any more", f"{why}: {words}" if words else why, step)
    )
