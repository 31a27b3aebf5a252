"""Authorities and credentials under other names: apply lets the state know, so that an old name may mean another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import planning
from support.planning import Given

from runner.execute.restoring import remembered
from runner.plan.planner import make_plan

ENTRY = "revocations:\n  - {name: gone, certificate: old.crt, credential: op, reason: superseded}\n"
WORDS = {
    "items": ENTRY,
    "certificates": {"old": {}},
    "files": {"old.crt": "certificate old"},
    "held": {"gone": {"outcome": "revoked", "credential": "op"}},
}


@pytest.mark.parametrize("older", [False, True], ids=["this version's state", "an older one's"])
def test_the_state_learns_the_new_names_and_digests(tmp_path, monkeypatch, older):
    situation = Given(tmp_path, WORDS)
    inventory = situation.inventory(situation.document())
    if older:
        held = inventory.held["gone"]
        inventory = replace(inventory, held={"gone": replace(held, digest=held.digest.partition(".")[0])})
    else:
        monkeypatch.setattr(planning, "HEAD", planning.HEAD.replace("{ca:", "{plant:").replace("  op:", "  o:"))
        situation = Given(tmp_path, {**WORDS, "items": ENTRY.replace("credential: op", "credential: o")})
    document = situation.document()
    plan = make_plan(document, situation.facts(document), inventory, situation.now)
    assert not plan.changes
    (change,) = remembered(plan, inventory, "run", situation.now)
    (item,) = document.items
    assert (change.held.digest, change.held.authority, change.held.credential) == (
        item.digest,
        item.authority,
        item.credential,
    )
    assert change.held.outcome == "revoked"
    assert not remembered(plan, replace(inventory, held={"gone": change.held}), "run", situation.now)
