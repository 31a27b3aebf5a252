"""A plan in a file: written by `plan --out`, and executed by `apply FILE` exactly as it is, or not at all.

A plan follows from what it is bound to and from the hour that it was made for. So it is made again for that hour when
it is to be executed: where the two are one, it is still true, and nobody has changed it; otherwise it is refused.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput, Refused
from runner.report.binding import Asked, binding_of, changes_between
from runner.report.canonical import canonical_json
from runner.report.plan_json import plan_to_json
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.manifest.model import Document
    from runner.plan.facts import Facts
    from runner.plan.steps import Plan
    from runner.state.inventory import Inventory

LARGEST = 512 * 1024 * 1024
"""Octets of a plan; of a hundred thousand items it has a fifth of that."""
_AGAIN = "make a new one with cmp-batch plan --out, and have it reviewed"


@frozen
class SavedPlan:
    """A plan that was read from a file; `data` is all that it says."""

    name: str
    asked: Asked
    at: datetime
    data: Mapping[str, Any]


def saved_plan(plan: Plan, asked: Asked, document: Document, facts: Facts, inventory: Inventory) -> str:
    """The text of the file."""
    data = {**plan_to_json(plan), "bound": binding_of(asked, document, facts, inventory)}
    return canonical_json({**data, "digest": _digest(data)})


def _digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in the file: it tells a slip of the hand; who means it can make it anew."""
    said = {key: value for key, value in data.items() if key != "digest"}
    return sha256(canonical_json(said).encode()).hexdigest()


def read_saved_plan(name: str, octets: bytes) -> SavedPlan:
    """The plan in a file's octets. BadInput where it is none that was saved; Refused where it was changed since."""
    data = _read(name, octets)
    if data.get("digest") != _digest(data):
        raise Refused(f"{name} was changed after it was made", why="its digest does not fit", next_step=_AGAIN)
    said: dict[str, Any] = data["bound"]["asked"]
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    asked = Asked(**{**said, **lists})
    return SavedPlan(name, asked, datetime.fromisoformat(data["at"]), data)


def _read(name: str, octets: bytes) -> dict[str, Any]:
    try:
        data = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadInput(f"{name} is not a plan", why="it is not JSON", next_step=_AGAIN) from None
    if not isinstance(data, dict) or "steps" not in data:
        raise BadInput(f"{name} is not a plan", next_step=_AGAIN)
    if not isinstance(data.get("bound"), dict):
        why = "what it is bound to is not in it: only plan --out writes that"
        raise BadInput(f"{name} cannot be executed", why=why, next_step=_AGAIN)
    if problem := _misshapen(data):
        raise BadInput(f"{name} is not a plan", why=problem, next_step=_AGAIN)
    return data


def _misshapen(data: dict[str, Any]) -> str:
    """Where it does not fit the schema of plans."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - it takes 140 ms to import; only this needs it

    from runner.resources import resource_text  # noqa: PLC0415 - the same

    schema = json.loads(resource_text("schemas", "plan.schema.json"))
    problem = next(Draft202012Validator(schema).iter_errors(data), None)
    return f"{problem.json_path} is not what the schema says" if problem else ""


def refuse_stale(saved: SavedPlan, plan: Plan, document: Document, facts: Facts, inventory: Inventory) -> None:
    """Refused, naming what has changed, unless `plan`, made again for the hour of `saved`, is that very plan."""
    now = json.loads(saved_plan(plan, saved.asked, document, facts, inventory))
    if now == saved.data:
        return
    if changes := changes_between(saved.data["bound"], now["bound"]):
        raise Refused(f"the plan {saved.name} is stale", why="; ".join(changes), next_step=_AGAIN)
    words = "; ".join(_forged(saved.data, now)) or "it says what does not follow from the manifests"
    raise Refused(f"the plan {saved.name} was changed by hand", why=words, next_step=_AGAIN)


def _forged(said: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Items whose step is not the one that follows from what the plan is bound to."""
    before, after = ({step["item"]: step for step in data["steps"]} for data in (said, now))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) == after.get(name):
            continue
        if name not in after:
            yield f"it has an item {name} that the manifests have not"
        elif name not in before:
            yield f"it lacks the item {name}"
        else:
            yield f'{name} is "{before[name]["verb"]}" in it, and "{after[name]["verb"]}" by the manifests'
