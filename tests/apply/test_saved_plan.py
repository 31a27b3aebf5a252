"""`plan --out`, then `apply plan.json`: exactly that is executed, or it is refused with what has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.markdown import ROOT, text_of

from runner.cli.main import main
from runner.report.canonical import canonical_json
from runner.report.saved_plan import _digest

MANIFEST = """\
apiVersion: cmp-batch/v1
metadata: {name: plant}
authorities: {lab: {url: lab:}}
enrollments:
  - {name: web, subject: CN=web, key: "generate://pkcs8s:s3cr3t-passphrase@ec:p256/out/web", output: out/web}
  - {name: db, subject: "CN=${name}", key: "generate://pkcs8@ec:p256/out/db", output: out/db}
"""
MANIFEST = MANIFEST.replace("pkcs8s:s3cr3t-passphrase@", "pkcs8s:${env:PASS}@")


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASS", "s3cr3t-passphrase")
    (tmp_path / "plant.yaml").write_text(MANIFEST, encoding="utf-8")
    return At(tmp_path, capsys)


class At:
    """A folder, and cmp-batch in it: (status, what it says on stderr)."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.capsys = capsys

    def run(self, *argv):
        self.capsys.readouterr()
        status = main(list(argv))
        return status, self.capsys.readouterr().err

    def plan(self, *more):
        return self.run("plan", "plant.yaml", "--out", "plan.json", *more)

    def apply(self, *more):
        return self.run("apply", "plan.json", *more)

    @property
    def data(self):
        return json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))

    def forge(self, change):
        """Change the plan, and its digest with it."""
        data = self.data
        change(data)
        data["digest"] = _digest(data)
        (self.folder / "plan.json").write_text(canonical_json(data), encoding="utf-8")

    def edit(self, old, new):
        file = self.folder / "plant.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")


def test_it_is_executed_from_anywhere_and_only_once(at, monkeypatch):
    assert at.plan() == (2, "")
    monkeypatch.chdir("/")
    plan = str(at.folder / "plan.json")
    assert at.run("apply", plan)[0] == 0
    assert (at.folder / "out" / "web-0.crt").exists()
    status, said = at.run("apply", plan)
    assert status == 6
    assert "is stale" in said
    assert "the state of web has changed" in said


def test_a_plan_with_nothing_to_do_stays_true(at):
    at.run("apply", "plant.yaml")
    assert at.plan()[0] == 0
    assert at.apply()[0] == 0
    assert at.apply()[0] == 0


def test_only_what_was_planned_is_done(at):
    at.plan("--target", "db")
    assert at.apply()[0] == 0
    assert (at.folder / "out" / "db-0.crt").exists()
    assert not (at.folder / "out" / "web-0.crt").exists()


def touch_manifest(at):
    at.edit("CN=web", "CN=www")


def touch_comment(at):
    at.edit("metadata", "# nothing\nmetadata")


def touch_settings(at):
    at.edit("{url: lab:}", "{url: lab:, version: 3}")


def touch_entries(at):
    at.edit(
        "  - {name: db,",
        '  - {name: more, subject: CN=x, key: "generate://pkcs8@ed25519/m", output: m}\n  - {name: db,',
    )


def touch_file(at):
    (at.folder / "out").mkdir()
    (at.folder / "out" / "db-0.crt").write_bytes(b"something")


def touch_state(at):
    at.run("apply", "plant.yaml", "--target", "db")


STALE = {
    "an entry": (touch_manifest, "the entry web has changed"),
    "a comment": (touch_comment, "plant.yaml has changed"),
    "an authority": (touch_settings, "the manifests' authorities have changed"),
    "one entry more": (touch_entries, "the entry more is new"),
    "a file": (touch_file, "out/db-0.crt has changed"),
    "the state": (touch_state, "the state of db has changed"),
}


@pytest.mark.parametrize(("touch", "words"), STALE.values(), ids=STALE)
def test_what_has_changed_is_named_and_nothing_is_done(at, touch, words):
    at.plan()
    touch(at)
    status, said = at.apply()
    assert status == 6
    assert words in said
    assert "next: make a new one" in said
    assert not (at.folder / "out" / "web-0.crt").exists()


def step(name, key, value):
    def change(data):
        next(each for each in data["steps"] if each["item"] == name)[key] = value

    return change


FORGED = {
    "a verb": (step("web", "verb", "keep"), 'web is "keep" in it, and "enroll" by the manifests'),
    "a name": (step("web", "item", "admin"), "it has an item admin that the manifests have not"),
    "a step less": (lambda data: data["steps"].pop(), "it lacks the item db"),
    "a reason": (step("web", "reasons", []), "was changed by hand"),
    "the hour": (lambda data: data.update(at="2020-01-01T00:00:00Z"), ""),
    "the target": (lambda data: data["bound"]["asked"].update(targets=["db"]), "it has an item web"),
    "a digest of the state": (lambda data: data["bound"]["state"].update(web=64 * "0"), "the state of web has changed"),
    "the version": (lambda data: data["bound"].update(version="0.0.0"), "it was made by version 0.0.0"),
}


@pytest.mark.parametrize(("change", "words"), FORGED.values(), ids=FORGED)
def test_a_plan_that_was_changed_is_refused(at, change, words):
    at.plan()
    at.forge(change)
    status, said = at.apply()
    if words == "":  # with no file and no state nothing depends on the hour: the plan is the same
        assert status == 0
        return
    assert status == 6
    assert words in said
    assert not (at.folder / "out").exists()


def test_a_slip_of_the_hand_is_found_by_the_digest(at):
    at.plan()
    file = at.folder / "plan.json"
    file.write_text(file.read_text(encoding="utf-8").replace("no certificate yet", "No certificate yet", 1))
    status, said = at.apply()
    assert (status, "was changed after it was made" in said) == (6, True)


@pytest.mark.parametrize(
    ("octets", "words"),
    [(b"", "not JSON"), (b"[1]", "is not a plan"), (b'{"steps": []}', "only plan --out"), (b"[" * 100_000, "not JSON")],
)
def test_what_is_no_saved_plan_is_bad_input(at, octets, words):
    (at.folder / "plan.json").write_bytes(octets)
    status, said = at.apply()
    assert (status, words in said) == (1, True)


def test_a_plan_for_people_is_not_executed(at):
    at.run("plan", "plant.yaml")
    at.capsys.readouterr()
    main(["plan", "plant.yaml", "--format", "json"])
    (at.folder / "plan.json").write_text(at.capsys.readouterr().out, encoding="utf-8")
    assert at.apply()[0] == 1


@pytest.mark.parametrize("more", [["plant.yaml"], ["--target", "web"], ["--prune"]])
def test_it_says_itself_what_it_is_about(at, more):
    at.plan()
    status, said = at.apply(*more)
    assert status == 1
    assert "a saved plan takes no other" in said


def test_variables_are_given_again_and_are_not_in_it(at):
    at.edit("CN=web", "CN=${who}")
    at.plan("--var", "who=top-secret-customer")
    assert at.data["bound"]["asked"]["variables"] == ["who"]
    assert at.apply()[0] == 6
    status, said = at.apply("--var", "who=another")
    assert (status, "the entry web has changed" in said) == (6, True)
    assert at.apply("--var", "who=top-secret-customer")[0] == 0


def test_no_secret_is_in_it_and_it_fits_the_schema(at):
    at.run("apply", "plant.yaml")
    at.plan()
    text = (at.folder / "plan.json").read_text(encoding="utf-8")
    assert "s3cr3t" not in text
    schema = json.loads(text_of(ROOT / "schemas" / "plan.schema.json"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(text))
    assert text == canonical_json(json.loads(text))
    assert {Path(path).name for path in at.data["bound"]["files"]} >= {"web-0.crt", "web.prv"}


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.text(), st.lists(st.integers()), st.booleans())))
@settings(max_examples=50)
def test_any_json_is_refused_in_words(data):
    from runner.errors import BadInput, Refused
    from runner.report.saved_plan import read_saved_plan

    for more in ({}, {"steps": [], "bound": {}}):
        with pytest.raises((BadInput, Refused)):
            read_saved_plan("plan.json", json.dumps({**data, **more}).encode())


def test_a_plan_does_not_say_where_things_are_written(at):
    """Promise 10: what is written outside needs the operator's word on this very command line."""
    (at.folder / "other").mkdir()
    at.run("plan", "plant.yaml", "--out", "plan.json", "-C", "other", "--state", "other/state")
    status, said = at.apply()
    assert status == 6
    assert f"was made with -C {at.folder / 'other'}" in said
    status, said = at.apply("-C", "other")
    assert status == 6
    assert "was made with --state" in said
    assert not list((at.folder / "other").iterdir())
    assert at.apply("-C", "other", "--state", "other/state")[0] == 0
    assert (at.folder / "other" / "out" / "web-0.crt").is_file()


def test_a_plan_without_a_folder_is_not_moved_to_another(at):
    (at.folder / "other").mkdir()
    at.plan()
    status, said = at.apply("-C", "other")
    assert status == 6
    assert "was made without -C" in said
    assert not list((at.folder / "other").iterdir())
