"""Fetches: questions that are asked once, again when the entry has changed, a file is gone, or their time has come.

Rules of reasons.py, in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.digests import asks_the_same
from runner.plan.case import Case, Decision, decide
from runner.plan.steps import Verb
from runner.plan.words import spell_span, spell_time

if TYPE_CHECKING:
    from runner.manifest.model import Fetch


def another_question(case: Case[Fetch]) -> Decision | None:
    """A question is out, and the entry has changed since: its answer is not wanted any more."""
    if case.open is None or case.open.kind != "genm" or asks_the_same(case.open.digest, case.item.digest):
        return None
    return decide(Verb.FETCH, "asked", f"the entry has changed since it was asked ({case.item.what})")


def file_in_the_way(case: Case[Fetch]) -> Decision | None:
    """Something lies where the answer is to go that this item has not written."""
    path = case.item.file
    ours = case.held.stores.split("\n") if case.held else []
    if path is None or path in ours or not case.facts.key(path).exists:
        return None
    return decide(Verb.BLOCKED, "file-in-the-way", f"{path} exists and is not ours; move it away")


def fetch_asked(case: Case[Fetch]) -> Decision | None:
    """It was not asked yet, or the entry has changed."""
    if case.as_done:
        return None
    words = "not asked yet" if case.held is None else "the entry has changed since it was carried out"
    return decide(Verb.FETCH, "asked", f"{words} ({case.item.what})")


def file_missing(case: Case[Fetch]) -> Decision | None:
    """What was written is gone."""
    missing = [path for path in case.item.files if path in _written(case) and not case.facts.key(path).exists]
    return decide(Verb.FETCH, "file-missing", f"{missing[0]} is missing") if missing else None


def _written(case: Case[Fetch]) -> list[str]:
    return case.held.stores.split("\n") if case.held else []


def refresh_due(case: Case[Fetch]) -> Decision | None:
    """It was asked so long ago that it is to be asked again."""
    refresh, held = case.item.refresh, case.held
    if refresh is None or held is None or held.at + refresh > case.now:
        return None
    return decide(Verb.FETCH, "due", f"fetched {spell_span(case.now - held.at)} ago (refresh {spell_span(refresh)})")


def fetched(case: Case[Fetch]) -> Decision | None:
    """Nothing to do."""
    when = spell_time(case.held.at) if case.held else ""
    return decide(Verb.KEEP, "done", f"fetched on {when}")
