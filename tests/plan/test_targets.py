"""--target: items by name, pattern and label, with what they wait for; what chooses nothing is told."""

from __future__ import annotations

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest
from runner.plan.facts import Facts
from runner.plan.planner import make_plan
from runner.plan.targets import only
from runner.state.inventory import Inventory

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
templates: {base: {subject: CN=${name}, labels: {tier: 1}}}
defaults: {enrollments: {template: base, key: "generate://pkcs8@ec:p256/${name}", output: "${name}"}}
enrollments:
  - {name: "web-${n}", for_each: {n: [1, 2]}, labels: {site: "north-${n}"}, depends_on: root}
  - {name: root}
  - {name: gate, labels: {tier: 2}}
"""


@pytest.fixture
def plan(tmp_path, request):
    from datetime import UTC, datetime

    file = tmp_path / "m.yaml"
    file.write_text(MANIFEST)
    document = load_manifest([file])
    return make_plan(document, Facts(), Inventory(), datetime(2026, 1, 1, tzinfo=UTC))


def names(plan):
    return [step.item.name for step in plan.steps]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([], ["web-1", "web-2", "root", "gate"]),
        (["gate"], ["gate"]),
        (["web-2"], ["web-2", "root"]),
        (["web-*"], ["web-1", "web-2", "root"]),
        (["site=north-1"], ["web-1", "root"]),
        (["site=north-*", "gate"], ["web-1", "web-2", "root", "gate"]),
        (["tier=2"], ["gate"]),
        (["tier=1"], ["web-1", "web-2", "root"]),
    ],
)
def test_targets_choose_items_and_what_they_wait_for(plan, targets, expected):
    assert names(only(plan, targets)) == expected


@pytest.mark.parametrize(
    ("target", "what", "step"),
    [
        ("web-3", "there is no item web-3", "did you mean web-"),
        ("x*", "there is no item x*", "--verbose"),
        ("sight=north-1", "no item has a label sight", "did you mean site?"),
        ("site=nort-1", "no item is labelled site=nort-1", "did you mean north-1?"),
        ("tier=", "no item is labelled tier=", "there are: 1, 2"),
    ],
)
def test_a_target_that_chooses_nothing_is_told_with_the_nearest(plan, target, what, step):
    with pytest.raises(BadInput) as caught:
        only(plan, [target])
    assert what in str(caught.value)
    assert step in caught.value.next_step
