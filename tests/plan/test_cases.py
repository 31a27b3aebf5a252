"""Each file in cases/ is a situation (given: entries, files, state, the hour) and the plan that it must come to (then).

How the words of a case are read: tests/support/planning.py. Times count from the first of March 2026, noon. A plan is
written as one line for each item: verb, reason codes, (request), after its needs. `why` holds words of the reasons.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.planning import Given, told

from runner.errors import BadInput
from runner.plan import reasons

CASES = sorted((Path(__file__).parent / "cases").rglob("*.yaml"))
LISTS = {"ENROLLMENT": reasons.ENROLLMENT, "UPDATE": reasons.UPDATE, "REVOCATION": reasons.REVOCATION}
RULES = [(name, rule) for name, rules in LISTS.items() for rule in rules]


def read(case):
    return yaml.safe_load(case.read_text(encoding="utf-8"))


def plan_of(case, folder):
    return Given(folder, read(case)["given"]).plan()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_the_plan_is_what_the_case_says(case, tmp_path):
    then = read(case)["then"]
    if "error" in then:
        with pytest.raises(BadInput, match=then["error"]):
            plan_of(case, tmp_path)
        return
    plan = plan_of(case, tmp_path)
    orphans, why, left = then.pop("orphans", []), then.pop("why", {}), then.pop("left", {})
    assert {step.item.name: told(step) for step in plan.steps} == then
    assert [orphan.item for orphan in plan.orphans] == orphans
    if left:
        decided = {each.held.item: each.decision for each in plan.left}
        assert {name: f"{said.verb.value} {said.reasons[0].code}" for name, said in decided.items()} == left
    for step in plan.steps:
        assert why.get(step.item.name, "") in "; ".join(reason.text for reason in step.reasons)


def test_there_are_cases():
    assert len(CASES) > 60


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[f"{name}-{rule.__name__}" for name, rule in RULES])
def test_every_rule_has_a_case_that_fails_without_it(name, rule, tmp_path, monkeypatch):
    left = tuple(other for other in LISTS[name] if other is not rule)
    monkeypatch.setattr(reasons, name, left)
    for number, case in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        then = read(case)["then"]
        if "error" in then:
            continue
        try:
            found = {step.item.name: told(step) for step in plan_of(case, folder).steps}
        except (StopIteration, AssertionError, RuntimeError):
            return
        if any(found[item] != line for item, line in then.items() if item in found):
            return
    pytest.fail(f"no case notices that {rule.__name__} is gone from {name}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_case_says_what_it_is_about(case):
    assert case.read_text(encoding="utf-8").startswith("# ")
