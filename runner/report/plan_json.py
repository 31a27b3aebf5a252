"""A Plan as JSON, in the shape of schemas/plan.schema.json: what a review, a policy or another program reads.

Key URLs are printed redacted and credentials not at all, so that a plan can be attached to a pull request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Update
from runner.manifest.tunnel import TunnelRequest
from runner.plan.pruning import IN_NO_MANIFEST
from runner.report.canonical import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.errors import Place
    from runner.manifest.model import AnyItem
    from runner.pki.keyurls import KeyUrl
    from runner.plan.pruning import Left
    from runner.plan.steps import Plan, Step

SCHEMA_VERSION = 1
SECTIONS: dict[type, str] = {
    Enrollment: "enrollments",
    Update: "updates",
    Revocation: "revocations",
    Recovery: "recoveries",
    Fetch: "fetches",
    Poll: "polls",
    TunnelRequest: "tunnels",
}
"""The class of an item → the section of the manifest it stands in."""


def plan_to_json(plan: Plan) -> dict[str, object]:
    """The whole plan as plain data, ready for canonical_json."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": plan.name,
        "at": rfc3339(plan.at),
        "summary": plan.counts(),
        "steps": [_step(step) for step in plan.steps],
        "left": [_left(left) for left in plan.left],
        "notes": list(plan.notes),
    }


def _left(left: Left) -> dict[str, object]:
    (reason,) = left.decision.reasons
    return {
        "item": left.held.item,
        "certificate": left.held.certificate_path,
        "prune": left.decision.verb.value,
        "reason": {"code": reason.code, "text": reason.text},
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "item": step.item.name,
        "section": "state" if step.item.place is IN_NO_MANIFEST else SECTIONS[type(step.item)],
        "verb": step.verb.value,
        "request": step.request or None,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in step.reasons],
        "needs": list(step.needs),
        "authority": step.item.authority,
        "place": _place(step.item.place),
        **_files(step.item),
    }


def _place(place: Place) -> dict[str, object]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _files(item: AnyItem | TunnelRequest) -> dict[str, object]:
    """What the step reads (`certificate`, `key`) and what it writes (`new_key`, `output`)."""
    return _FILES[type(item)](item)


def _of_enrollment(item: Enrollment) -> dict[str, object]:
    made, used = (item.key, None) if item.key and item.key.generates else (None, item.key)
    return _four(None, used, made, item.output.certificate)


def _four(certificate: str | None, key: KeyUrl | None, new_key: KeyUrl | None, output: str | None) -> dict[str, object]:
    return {
        "certificate": certificate,
        "key": str(key) if key else None,
        "new_key": str(new_key) if new_key else None,
        "output": output,
    }


_FILES: dict[type, Callable[[Any], dict[str, object]]] = {
    Enrollment: _of_enrollment,
    Update: lambda item: _four(item.certificate, item.key, item.new_key, item.output.certificate),
    Revocation: lambda item: _four(item.certificate, item.key, None, None),
    Recovery: lambda item: _four(item.certificate, None, item.key, item.output.certificate),
    Fetch: lambda item: _four(None, None, None, item.file),
    Poll: lambda item: _four(None, item.key, None, item.output.certificate),
    TunnelRequest: lambda item: _four(None, None, None, item.certificate),
}
