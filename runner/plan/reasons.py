"""Why something must be done: ordered lists of small pure functions over one item's Case; the first that speaks wins.

Each rule answers with a Decision, or None: nothing to say. The lists at the end read as checklists; the rules are in
pairs.py (the files of an enrollment), upkeep.py (a pair that is there), standing.py (how it stands with its CA),
files.py (each file of it) and onetime.py (updates and revocations).
Serial numbers, dates and key identifiers are never a reason; what the CA granted with modifications is not drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.manifest.digests import asks_the_same
from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Update
from runner.plan import fetches, files, onetime, pairs, standing, upkeep
from runner.plan.case import Case, Decision, decide
from runner.plan.steps import Verb
from runner.plan.words import spell_time
from runner.state.inventory import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.state.inventory import Open

_CONTINUATIONS = {
    Stage.SENT: "the request was sent and no usable answer came; the same octets go out again",
    Stage.WAITING: "the CA said waiting; it is asked again",
    Stage.ISSUED: "a certificate came and is not confirmed yet",
    Stage.CONFIRMED: "a certificate is confirmed and not installed yet",
}


_DOUBTFUL = (Stage.SENT, Stage.WAITING, Stage.ISSUED)


def open_operation(case: Case[Any]) -> Decision | None:
    """The journal has an operation open whose request may be out: continue it, never a second one."""
    operation = case.open
    if operation is None or operation.stage is Stage.KEYED or (case.known.retry_unknown and _is_unknown(operation)):
        return None
    words = _CONTINUATIONS[operation.stage]
    if operation.stage is Stage.SENT and operation.check_after is not None:
        words = "the CA was asked whether it has decided, and no usable answer came; it is asked again"
    if operation.given_up:
        words = "the CA said waiting, and asking was given up; it is asked again where `polling:` allows more"
    if not asks_the_same(operation.digest, case.item.digest):
        words += "; the entry has changed since: what was asked for then is finished first"
    note = f" ({operation.note})" if operation.note else ""
    return decide(Verb.RESUME, f"open-{operation.stage.value}", f"since {spell_time(operation.at)}: {words}{note}")


def _is_unknown(operation: Open) -> bool:
    """Whether it was reported as unknown, or given up. What was merely cut off is repeated, what is pending polled."""
    return operation.stage in _DOUBTFUL and bool(operation.note) and operation.check_after is None


ENROLLMENT: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    open_operation,  # what is under way goes first
    pairs.key_out_of_reach,
    pairs.request_unreadable,
    pairs.foreign_key_in_the_way,  # never overwrite a stranger's key
    pairs.store_in_the_way,
    pairs.unreadable_certificate,
    pairs.no_certificate,
    pairs.no_key,
    pairs.other_key,  # the files must be a pair
    upkeep.older_certificate,
    upkeep.replaced_by_update,  # another item holds the successor
    upkeep.revoked,
    standing.revoked_per_crl,
    upkeep.expired,
    upkeep.drift,  # the certificate must say what the entry says
    upkeep.due_for_renewal,
    upkeep.not_in_state,
    files.files_amiss,
    upkeep.waits_for_window,
    upkeep.good,
)
_ONCE: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    open_operation,
    pairs.key_out_of_reach,
    onetime.result_lost,
    pairs.store_in_the_way,
    onetime.output_in_the_way,
    files.files_amiss,
    onetime.done_before,  # once per change of the entry
)
"""Of entries that are carried out once and leave files: what they have left is looked after."""
UPDATE: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    *_ONCE,
    onetime.nothing_to_work_on,
    onetime.update_too_late,
    onetime.new_key_in_the_way,
    onetime.update_asked,
)
REVOCATION: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    open_operation,
    onetime.done_before,  # once per change of the entry, whatever lies in the file today
    onetime.nothing_to_work_on,
    onetime.successor_in_its_place,  # never revoke what an update has just made
    onetime.revocation_asked,
)

RECOVERY: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    open_operation,
    onetime.done_before,  # once per change of the entry: the keys may have been moved since
    onetime.recovery_asked,
)


FETCH: tuple[Callable[[Case[Any]], Decision | None], ...] = (
    fetches.another_question,  # nothing is lost with one that is out
    open_operation,
    fetches.file_in_the_way,
    fetches.fetch_asked,
    fetches.file_missing,
    fetches.refresh_due,
    fetches.fetched,
)

POLL: tuple[Callable[[Case[Any]], Decision | None], ...] = (*_ONCE, onetime.poll_asked)


def reasons_for(case: Case[Any]) -> Decision:
    """The first Decision of the item's list of rules; each list ends with a rule that always speaks."""
    lists: dict[type, tuple[Callable[[Case[Any]], Decision | None], ...]] = {
        Enrollment: ENROLLMENT,
        Update: UPDATE,
        Revocation: REVOCATION,
        Recovery: RECOVERY,
        Fetch: FETCH,
        Poll: POLL,
    }
    rules = lists[type(case.item)]
    return next(decision for rule in rules if (decision := rule(case)) is not None)
