"""--target: items by name, pattern and label, with what they wait for; what chooses nothing is told."""

from __future__ import annotations

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest
from runner.plan.facts import Facts
from runner.plan.planner import make_plan
from runner.plan.targets import only, watched
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


TUNNELS = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
templates: {device: {subject: CN=x, labels: {kind: device}}}
defaults:
  entries: {labels: {site: plant}, depends_on: root}
  tunnels: {template: device, approve: ask, labels: {line: "${n}", site: "${n}"}}
enrollments:
  - name: root
    subject: CN=root
    key: generate://pkcs8@ec:p256/root
    output: root
    labels: {kind: root, site: plant}
    depends_on: []
tunnels:
  - {name: "line-${n}", for_each: {n: [7, 8]}, requests: "inbox-${n}", watch: true}
  - {name: desk, requests: desk, labels: {line: desk}, template: device}
"""


@pytest.fixture
def relayed(tmp_path):
    """A plan with a request of each tunnel but the desk's, and the tunnels."""
    from datetime import UTC, datetime

    from runner.execute.gather import find_requests, look_at_requests

    file = tmp_path / "m.yaml"
    file.write_text(TUNNELS)
    for number in (7, 8):
        (tmp_path / f"inbox-{number}").mkdir()
        (tmp_path / f"inbox-{number}" / "r").write_text("no request")
    document = load_manifest([file])
    requests = find_requests(document, Inventory())
    facts = Facts(relays=look_at_requests(requests))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return make_plan(document, facts, Inventory(), moment, requests=requests), document.tunnels


@pytest.mark.parametrize(
    ("target", "expected", "watching"),
    [
        ("line=7", ["line-7/r"], ["line-7"]),
        ("kind=device", ["line-7/r", "line-8/r"], ["line-7", "line-8"]),
        ("kind=*", ["root", "line-7/r", "line-8/r"], ["line-7", "line-8"]),
        ("tunnel=line-8", ["line-8/r"], ["line-8"]),
        ("line-7", ["line-7/r"], ["line-7"]),
        ("line-*", ["line-7/r", "line-8/r"], ["line-7", "line-8"]),
        ("line-8/r", ["line-8/r"], []),
        ("line-8/*", ["line-8/r"], []),
        ("site=plant", ["root"], []),
        ("desk", [], []),
        ("line=desk", [], []),
    ],
)
def test_a_target_chooses_tunnels_with_all_that_they_find(relayed, target, expected, watching):
    """What is not chosen is not watched, either; a tunnel that nobody has sent anything to is no mistake."""
    plan, tunnels = relayed
    assert names(only(plan, [target], tunnels)) == expected
    assert [tunnel.name for tunnel in watched(tunnels, [target]) if tunnel.watch] == watching


@pytest.mark.parametrize(("target", "step"), [("line-9", "did you mean line-"), ("lin=7", "did you mean line?")])
def test_the_nearest_may_be_a_tunnel(relayed, target, step):
    plan, tunnels = relayed
    with pytest.raises(BadInput) as caught:
        only(plan, [target], tunnels)
    assert step in caught.value.next_step


def test_labels_and_defaults_of_a_tunnel_decide_nothing_about_its_requests(tmp_path):
    """Of a request that was refused: it is not judged again because a label has changed, or a line was moved."""
    file = tmp_path / "m.yaml"
    file.write_text(TUNNELS)
    before = [tunnel.digest for tunnel in load_manifest([file]).tunnels]
    moved = TUNNELS.replace("approve: ask, labels: {line", "labels: {way").replace("watch: true", "approve: ask")
    file.write_text(moved.replace("labels: {line: desk}", "approve: ask, labels: {line: table}"))
    assert [tunnel.digest for tunnel in load_manifest([file]).tunnels] == before
