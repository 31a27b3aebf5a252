"""A manifest may be divided into files and documents, and what its author named may be renamed: no plan changes.

Every case of cases/ is taken. The state is that of the manifest as it was before.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support import planning
from support.planning import Given

from runner.manifest.load import load_manifest
from runner.plan.planner import make_plan
from runner.plan.steps import Verb

CASES = sorted((Path(__file__).parent / "cases").rglob("*.yaml"))
WORDS = [yaml.safe_load(case.read_text(encoding="utf-8")) for case in CASES]
GIVEN = [words["given"] for words in WORDS if "error" not in words["then"] and "further" not in words["given"]]
REFER = ("credential", "authority", "template", "extends", "answer_credential")
NAMED = ("authorities", "credentials", "templates")


def decided(plan, *, words):
    """What was decided, whatever the order; texts of reasons may hold names of the author's."""
    return {
        step.item.name: (
            step.verb,
            tuple((reason.code, reason.text if words else "") for reason in step.reasons),
            frozenset(step.needs),
            step.request,
        )
        for step in plan.steps
    }


def planned(document, situation, inventory, authority="ca"):
    """The plan of a document for a situation in which the only authority has that name now."""
    facts = situation.facts(document)
    facts = replace(
        facts,
        anchors=dict.fromkeys([authority] if facts.anchors else [], facts.anchors.get("ca")),
        crls=dict.fromkeys([authority] if facts.crls else [], facts.crls.get("ca")),
    )
    more = {key: situation.words.get(key, False) for key in ("retry_unknown", "prune")}
    return make_plan(document, facts, inventory, situation.now, **more)


def before(folder, words):
    """A situation, its document and its state, and what was decided."""
    situation = Given(folder, {**words, "targets": []})
    document = situation.document()
    (folder / "m.yaml").unlink()
    return situation, document, situation.inventory(document)


def whole(situation):
    return {**yaml.safe_load(planning.HEAD), **yaml.safe_load(situation.items)}


def pieces(data, manifest):
    """Each entry and each declaration goes into one of some parts; a part is a manifest of its own."""
    count = data.draw(st.integers(1, 4))
    parts = [{"apiVersion": "cmp-batch/v1"} for _ in range(count)]
    for section, said in manifest.items():
        if section == "apiVersion":
            continue
        if section in ("policy", "strategy", "metadata", "vars", "defaults"):
            parts[data.draw(st.integers(0, count - 1))][section] = said
            continue
        for each in said:
            part = parts[data.draw(st.integers(0, count - 1))]
            if isinstance(said, dict):
                part.setdefault(section, {})[each] = said[each]
            else:
                part.setdefault(section, []).append(each)
    return parts


def written(data, folder, parts):
    """The parts as files that include each other, as a folder, or as documents of one file: PATH."""
    way = data.draw(st.sampled_from(["documents", "folder", "include", "glob"]))
    if way == "documents":
        (folder / "m.yaml").write_text("---\n".join(yaml.safe_dump(part) for part in parts), encoding="utf-8")
        return folder / "m.yaml"
    names = [f"part-{number}.yaml" for number in range(len(parts))]
    if way == "include":
        parts = [{**part, "include": names[number + 1 : number + 2] or ["*.none"]} for number, part in enumerate(parts)]
    if way == "glob":
        parts = [{**parts[0], "include": ["part-[1-9].yaml"]}, *parts[1:]]
    for name, part in zip(names, parts, strict=True):
        (folder / name).write_text(yaml.safe_dump(part), encoding="utf-8")
    return folder if way == "folder" else folder / names[0]


@given(st.data())
@settings(max_examples=80)
def test_dividing_a_manifest_changes_no_plan(data):
    words = data.draw(st.sampled_from(GIVEN))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        situation, document, inventory = before(folder, words)
        expected = decided(planned(document, situation, inventory), words=True)
        path = written(data, folder, pieces(data, whole(situation)))
        assert decided(planned(load_manifest([path]), situation, inventory), words=True) == expected


def renamed(value, names):
    """A manifest with other names: where they are declared, and where they are referred to."""
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: renamed(each, names) for key, each in value.items()}
    for key in REFER:
        if isinstance(found.get(key), str):
            found[key] = names.get(found[key], found[key])
    for section in NAMED:
        if isinstance(found.get(section), dict):
            found[section] = {names.get(key, key): each for key, each in found[section].items()}
    return found


@given(st.data())
@settings(max_examples=80)
def test_renaming_what_is_the_authors_own_changes_no_plan(data):
    # what is in no manifest any more knows its authority by name alone: it is blocked where that is gone
    words = data.draw(st.sampled_from([each for each in GIVEN if not each.get("prune")]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        situation, document, inventory = before(folder, words)
        expected = decided(planned(document, situation, inventory), words=False)
        manifest = whole(situation)
        labels = [key for section in NAMED for key in manifest.get(section, ())]
        names = {key: data.draw(st.sampled_from([key, f"{key}-2", f"x.{key}"])) for key in labels}
        for section in ("enrollments", "updates", "revocations", "recoveries", "fetches", "polls"):
            for entry in manifest.get(section, ()):
                entry["labels"] = {data.draw(st.sampled_from(["site", "tier"])): data.draw(st.sampled_from("ab"))}
        path = written(data, folder, pieces(data, renamed(manifest, names)))
        plan = planned(load_manifest([path]), situation, inventory, names["ca"])
        assert decided(plan, words=False) == expected


ONCE = """\
updates:
  - {name: up, authority: ca, certificate: old.crt, key: "file:old.prv", output: up}
revocations:
  - {name: gone, authority: ca, certificate: old.crt, credential: op, reason: superseded}
"""
DONE = {
    "items": ONCE,
    "certificates": {"old": {}, "up": {}},
    "files": {"old.crt": "certificate old", "old.prv": "key a", "up-0.crt": "certificate up"},
    "held": {
        "up": {"certificate": "up", "outcome": "updated"},
        "gone": {"outcome": "revoked", "credential": "op"},
    },
}
OTHER = "  other: {url: 'http://other.test/', trust: [ca.pem], credential: psk}\n"


def then(tmp_path, monkeypatch, head=(), items=(), digest=str):
    """What is planned of entries that were carried out, once words of the manifest are replaced."""
    situation = Given(tmp_path, DONE)
    inventory = situation.inventory(situation.document())
    held = {name: replace(each, digest=digest(each.digest)) for name, each in inventory.held.items()}
    text = planning.HEAD.replace("{ca: {", "\n  ca: {").replace("psk}}", "psk}")
    for old, new in head:
        assert old in text
        text = text.replace(old, new)
    entries = ONCE
    for old, new in items:
        assert old in entries
        entries = entries.replace(old, new)
    monkeypatch.setattr(planning, "HEAD", text)
    after = Given(tmp_path, {**DONE, "items": entries})
    document = after.document()
    plan = make_plan(document, after.facts(document), replace(inventory, held=held), after.now)
    return {step.item.name: step.verb for step in plan.steps}


KEPT = {"up": Verb.KEEP, "gone": Verb.KEEP}


@pytest.mark.parametrize(
    ("head", "items"),
    [
        ([], []),
        ([("  ca:", "  plant:")], [("authority: ca", "authority: plant")]),
        ([("  op:", "  operator:")], [("credential: op", "credential: operator")]),
        ([("  ca:", "  plant:"), ("  op:", "  o:")], [("authority: ca", "authority: plant"), ("l: op", "l: o")]),
    ],
)
def test_what_was_done_once_is_not_done_again_under_another_name(tmp_path, monkeypatch, head, items):
    assert then(tmp_path, monkeypatch, head, items) == KEPT


def test_another_authority_is_no_other_name(tmp_path, monkeypatch):
    """The name that it was done under still means somebody: the entry means somebody else now, and is done again."""
    head, items = (
        [("credentials:", f"{OTHER}credentials:")],
        [("name: gone, authority: ca", "name: gone, authority: other")],
    )
    assert then(tmp_path, monkeypatch, head, items) == {"up": Verb.KEEP, "gone": Verb.REVOKE}


def test_another_credential_is_no_other_name(tmp_path, monkeypatch):
    assert then(tmp_path, monkeypatch, [], [("credential: op", "credential: psk")])["gone"] is Verb.REVOKE


def test_another_wish_under_another_name_is_another_wish(tmp_path, monkeypatch):
    items = [("authority: ca", "authority: plant"), ("superseded", "keyCompromise")]
    assert then(tmp_path, monkeypatch, [("  ca:", "  plant:")], items)["gone"] is Verb.REVOKE


def test_a_state_of_an_older_version_knows_its_entries(tmp_path, monkeypatch):
    """Its digests have one half; the entries are the same, and nothing is done again."""
    assert then(tmp_path, monkeypatch, digest=lambda digest: digest.partition(".")[0]) == KEPT
