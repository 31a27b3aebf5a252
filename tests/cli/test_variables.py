"""Variables from outside the manifests, through the whole program: which one wins, what is shown, where it is told."""

from __future__ import annotations

import json

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
vars: {site: vars, city: "${site}-city"}
enrollments:
  - {name: "a-${site}", subject: CN=${city}, key: "generate://pkcs8@ec/${name}", output: "${name}"}
"""


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SITE", raising=False)
    return At(tmp_path, capsys)


class At:
    """A folder, and cmp-batch in it."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.capsys = capsys

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def names(self, *arguments, manifest=MANIFEST):
        """The items of a plan."""
        self.write("m.yaml", manifest)
        assert main(["plan", "m.yaml", "--format", "json", *arguments]) == 2
        return [step["item"] for step in json.loads(self.capsys.readouterr().out)["steps"]]

    def errors(self, *arguments, manifest=MANIFEST):
        """What is said of something that cannot be used."""
        self.write("m.yaml", manifest)
        assert main(["validate", "m.yaml", *arguments]) == 1
        said = self.capsys.readouterr()
        return said.err + said.out


def test_each_source_wins_over_those_below_it(at, monkeypatch):
    at.write("one.yaml", "site: one")
    at.write("two.json", '{"site": "two"}')
    assert at.names() == ["a-vars"]
    assert at.names("--vars-file", "one.yaml") == ["a-one"]
    assert at.names("--vars-file", "one.yaml", "--vars-file", "two.json") == ["a-two"]
    assert at.names("--vars-file", "two.json", "--vars-file", "one.yaml") == ["a-one"]
    assert at.names("--var", "site=var", "--vars-file", "one.yaml") == ["a-var"]
    assert at.names("--var", "site=x", "--var", "site=last") == ["a-last"]
    rows = MANIFEST.replace("subject:", "for_each: {site: [row]}, subject:")
    assert at.names("--var", "site=var", manifest=rows) == ["a-row"]


def test_vars_may_use_what_is_given(at):
    at.write("m.yaml", MANIFEST)
    assert main(["plan", "m.yaml", "--var", "site=${x}"]) == 1  # a value is a value, and no name has a brace
    said = at.errors(manifest=MANIFEST.replace("{site: vars, ", "{").replace('"}', '", site: late}'))
    assert "m.yaml:3:" in said
    assert "undefined variable 'site'" in said


@pytest.mark.parametrize("value", ["1.10", "010", "yes", "1_000", "2024-01-31", "true"])
def test_values_are_taken_as_they_are_written(at, value):
    at.write("v.yaml", f"site: {value}\n")
    assert at.names("--vars-file", "v.yaml") == [f"a-{value}"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("site: {a: b}\n", "v.yaml:1:1", "should be text, a number, true or false"),
        ("ok: 1\n  bad: x\n", "v.yaml:2:", ""),
        ("- a\n", "v.yaml:1:1", "a file of variables is a mapping"),
        ("site: a\nsite: b\n", "v.yaml:2:1", "site"),
        ("a.b: c\n", "v.yaml:1:1", "is no name of a variable"),
    ],
)
def test_a_mistake_in_a_file_of_variables_is_told_at_its_place(at, text, place, words):
    at.write("v.yaml", text)
    said = at.errors("--vars-file", "v.yaml")
    assert place in said
    assert words in said


def test_a_file_of_variables_that_is_not_there_is_named(at):
    assert "cannot read nowhere.yaml" in at.errors("--vars-file", "nowhere.yaml")


ENV = MANIFEST.replace("a-${site}", "a-${env:SITE}")


def test_the_environment_is_shown_only_where_it_is_allowed(at, monkeypatch):
    monkeypatch.setenv("SITE", "s3cr3t-site")
    said = at.errors(manifest=ENV)
    assert "m.yaml:5:" in said
    assert "--allow-env SITE" in said
    assert "s3cr3t" not in said
    assert at.names("--allow-env", "SITE", manifest=ENV) == ["a-s3cr3t-site"]
    monkeypatch.delenv("SITE")
    assert "the environment variable SITE is not set" in at.errors("--allow-env", "SITE", manifest=ENV)


def test_variables_with_our_prefix_are_meant_to_be_shown(at, monkeypatch):
    monkeypatch.setenv("CMP_BATCH_VAR_SITE", "north")
    free = MANIFEST.replace("site: vars", "site: '${env:CMP_BATCH_VAR_SITE}'")
    assert at.names(manifest=free) == ["a-north"]


def test_the_environment_is_no_way_round_the_passphrase_of_a_key(at, monkeypatch):
    """In key URLs `${env:…}` stays a reference, allowed or not: its value is in no plan."""
    monkeypatch.setenv("PASS", "s3cr3t-passphrase")
    sealed = MANIFEST.replace("pkcs8@ec", "pkcs8s:${env:PASS}@ec")
    at.write("m.yaml", sealed)
    for allowed in ([], ["--allow-env", "PASS"]):
        assert main(["plan", "m.yaml", "--format", "json", *allowed]) == 2
        assert "s3cr3t" not in at.capsys.readouterr().out


def test_a_control_character_in_the_environment_is_refused(at, monkeypatch):
    monkeypatch.setenv("CMP_BATCH_VAR_X", "a\nb")
    assert "CMP_BATCH_VAR_X holds a control character" in at.errors()


@pytest.mark.parametrize("argument", ["site", "=x", "a b=c", "1=2"])
def test_a_variable_on_the_command_line_is_name_and_value(at, argument):
    said = at.errors("--var", argument)
    assert "NAME=VALUE" in said
