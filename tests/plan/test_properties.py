"""What must hold for whole families of manifests: order, labels, the calendar, every field of a certificate."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.ambient import NOON
from support.planning import Given, certificate

from runner.manifest.placing import RenewBefore
from runner.pki.certificates import parse_certificate
from runner.plan.case import Case, Known
from runner.plan.facts import Facts
from runner.plan.planner import make_plan
from runner.plan.seasons import FRESH_SHARE
from runner.plan.steps import Verb
from runner.plan.upkeep import due_for_renewal
from runner.state.inventory import Inventory

CASES = sorted((Path(__file__).parent / "cases").rglob("*.yaml"))
SITUATIONS = [case for case in CASES if "error" not in yaml.safe_load(case.read_text(encoding="utf-8"))["then"]]

SHUFFLED = ("needs", "enrollment", "files", "standing", "pruning", "renewal", "drift")


def decided(plan):
    """What was decided, whatever the order; reasons in full."""
    return {step.item.name: (step.verb, step.reasons, frozenset(step.needs), step.request) for step in plan.steps}


@given(st.data())
@settings(max_examples=60)
def test_the_order_of_entries_decides_nothing(data):
    case = data.draw(st.sampled_from([case for case in SITUATIONS if case.parent.name in SHUFFLED]))
    words = yaml.safe_load(case.read_text(encoding="utf-8"))["given"]
    with tempfile.TemporaryDirectory() as folder:
        situation = Given(Path(folder), {**words, "targets": []})
        document = situation.document()
        shuffled = replace(document, items=tuple(data.draw(st.permutations(document.items))))
        assert decided(situation.plan(document)) == decided(situation.plan(shuffled))


MANY = """\
templates:
  one: {subject: "C=FI, CN=${name}", alt_names: [dns=a.example], key_usage: [digitalSignature]}
  two: {subject: "C=FI, CN=${name}", extended_key_usage: [serverAuth]}
enrollments:
  - {name: a, template: one, credential: psk, key: "generate://pkcs8@ec:p256/out/a", output: out/a, renew_before: 30d}
  - {name: b, template: two, credential: op, key: "generate://pkcs8@ec:p256/out/b", output: out/b, renew_before: 30d}
  - {name: c, template: one, key: "generate://pkcs8@ec:p256/out/c", output: out/c}
  - {name: d, template: two, key: "generate://pkcs8@ed25519/out/d", output: out/d, depends_on: [a]}
"""
DISK = {
    "certificates": {
        "a": {"alt_names": ["dns=a.example"], "key_usage": ["digitalSignature"], "key": "a"},
        "b": {"extended_key_usage": ["1.3.6.1.5.5.7.3.1"], "key": "b"},
        "c": {"key": "c"},
    },
    "files": {
        **{f"out/{name}-0.crt": f"certificate {name}" for name in "abc"},
        **{f"out/{name}.prv": f"key {name}" for name in "abc"},
    },
    "held": {"a": {"certificate": "a"}, "b": {"certificate": "b"}},
}


@pytest.mark.parametrize("days", [0, 65, 95])
@pytest.mark.parametrize(
    "labels",
    [{"one": "uno", "two": "due"}, {"psk": "shared", "op": "signing"}, {"ca": "plant"}],
    ids=["templates", "credentials", "authorities"],
)
def test_labels_decide_nothing(labels, days, tmp_path, monkeypatch):
    """The state was written under the old labels: digests differ, and nothing follows from that."""
    from support import planning

    before = Given(tmp_path, {**DISK, "items": MANY, "now": f"{days}d"})
    document = before.document()
    inventory = before.inventory(document)
    monkeypatch.setattr(planning, "HEAD", renamed(planning.HEAD, labels))
    after = Given(tmp_path, {**DISK, "items": renamed(MANY, labels), "now": f"{days}d"})
    new = after.document()
    first = make_plan(document, before.facts(document), inventory, before.now)
    second = make_plan(new, after.facts(new), inventory, after.now)
    assert decided(first) == decided(second)


def renamed(text, labels):
    """The manifest with other names for its authorities, credentials and templates."""
    data = yaml.safe_load(text)
    for section in ("authorities", "credentials", "templates"):
        if section in data:
            data[section] = {labels.get(name, name): entry for name, entry in data[section].items()}
    entries = [*data.get("authorities", {}).values(), *data.get("enrollments", ())]
    for entry in entries:
        entry |= {key: labels.get(entry[key], entry[key]) for key in ("credential", "template") if key in entry}
    return yaml.safe_dump(data, sort_keys=False)


days = st.integers(1, 4000)
windows = st.builds(lambda n: RenewBefore(before=timedelta(days=n)), days) | st.builds(
    lambda share: RenewBefore(share=share), st.floats(0.001, 0.999)
)


@given(life=days, window=windows, used=st.floats(0, FRESH_SHARE * 0.99))
@settings(max_examples=150)
def test_what_was_just_issued_is_never_due(life, window, used):
    """Back-dated or not: whatever window is asked for, a renewal is followed by peace."""
    assert renewed(life, window, used) is None


@given(life=days, window=windows)
@settings(max_examples=150)
def test_what_has_a_window_is_due_before_it_is_over(life, window):
    assert renewed(life, window, 0.9999) is not None


@given(life=days, window=windows, used=st.floats(0, 1), later=st.floats(0, 1))
@settings(max_examples=150)
def test_what_is_due_stays_due(life, window, used, later):
    assume(used <= later)
    if renewed(life, window, used) is not None:
        assert renewed(life, window, later) is not None


def renewed(life, window, used):
    """What the rule says of a certificate of which so much (0 to 1) was lived."""
    der = certificate(until=f"{life}d")
    present = parse_certificate(der)
    now = NOON + (present.not_after - present.not_before) * used
    return due_for_renewal(_case(present, window, now))


def _case(present, window, now):
    from support.samples import full_plan

    from runner.plan.facts import CertificateFacts

    item = replace(full_plan().steps[0].item, renew_before=window)
    facts = Facts({item.output.certificate: CertificateFacts(exists=True, certificate=present)})
    return Case(item, Known(facts, Inventory(), now, {}, {}, {}, {}))


ASKED = {
    "subject": "C=FI, CN=web",
    "alt_names": ["dns=a.example", "ip=192.0.2.1"],
    "key_usage": ["digitalSignature"],
    "extended_key_usage": ["1.3.6.1.5.5.7.3.1"],
}
OTHERWISE = {
    "subject": ["C=FI, CN=other", "CN=web", "C=FI, O=x, CN=web"],
    "alt_names": [[], ["dns=a.example"], ["dns=a.example", "ip=192.0.2.1", "dns=b.example"], ["ip=192.0.2.2"]],
    "key_usage": [[], ["keyAgreement"], ["digitalSignature", "keyAgreement"]],
    "extended_key_usage": [[], ["1.3.6.1.5.5.7.3.2"], ["1.3.6.1.5.5.7.3.1", "1.2.3.4"]],
    "key": ["ed-a"],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in OTHERWISE.items() for value in values]
)
def test_exactly_the_field_that_differs_is_named(field, value, tmp_path):
    said = {**ASKED, field: value}
    words = {
        "entry": {**ASKED, "extended_key_usage": ["serverAuth"]},
        "certificates": {"web": said},
        "files": {"out/web-0.crt": "certificate web", "out/web.prv": f"key {said.get('key', 'a')}"},
    }
    (step,) = Given(tmp_path, words).plan().steps
    assert step.verb is Verb.REISSUE
    assert [reason.code for reason in step.reasons] == ["key_type" if field == "key" else field]


@pytest.mark.parametrize("more", [{"serial": 9}, {"since": "-5d"}, {"until": "500d"}, {"issuer": "Other CA"}])
def test_what_is_nobodys_wish_is_never_named(more, tmp_path):
    words = {
        "entry": {**ASKED, "extended_key_usage": ["serverAuth"]},
        "certificates": {"web": {**ASKED, **more}},
        "files": {"out/web-0.crt": "certificate web", "out/web.prv": "key a"},
    }
    (step,) = Given(tmp_path, words).plan().steps
    assert step.verb is Verb.ADOPT  # as asked for, and not in the state


def test_the_state_is_gone_through_once_and_not_once_for_each_item(tmp_path, monkeypatch):
    """What a plan costs grows with its items, not with their square."""
    counted = count()
    for name in ("updated", "revoked"):
        real = getattr(Inventory, name)
        monkeypatch.setattr(Inventory, name, lambda self, real=real: (next(counted), real(self))[1])
    Given(tmp_path, {**DISK, "items": MANY}).plan()
    assert next(counted) == 2


def test_a_plan_is_the_same_every_time(tmp_path):
    situation = Given(tmp_path, {**DISK, "items": MANY, "now": "65d"})
    assert situation.plan() == situation.plan()


def test_a_key_of_a_kind_that_nobody_knows_is_a_difference_and_not_a_crash(tmp_path):
    situation = Given(tmp_path, {"files": {"out/web-0.crt": "certificate web", "out/web.prv": "key a"}})
    ec_public_key, unknown = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0209")
    der = certificate().replace(ec_public_key, unknown)
    situation.certificates["web"] = der
    document = situation.document()
    facts = situation.facts(document)
    key = replace(next(iter(facts.keys.values())), public_key_info=parse_certificate(der).public_key_info)
    plan = make_plan(document, replace(facts, keys=dict.fromkeys(facts.keys, key)), Inventory(), situation.now)
    assert [reason.text for reason in plan.steps[0].reasons] == ["key is of a kind that is not known here, not ec:p256"]
