"""The schemas before judges who know nothing of us: check-jsonschema, and the language server that editors talk to.

check-jsonschema reads YAML in its own way (1.2) and has its own validator of the metaschema; nothing is fetched. The
language server is a program of its own: absent on somebody's machine its tests are skipped, in CI they fail.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.editor import editor
from support.tools import need

from runner.errors import BadInput
from runner.manifest.schema import check_schema
from runner.manifest.source import read_sources

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "schemas").glob("*.json"))
MANIFEST = ROOT / "schemas" / "manifest.schema.json"
SAMPLES = sorted((ROOT / "manifests").glob("*.yaml"))
CASES = Path(__file__).parent / "cases"
MODELINE = "# yaml-language-server: $schema=../schemas/manifest.schema.json\n"


def judged(*arguments: object) -> tuple[int, dict]:
    """What check-jsonschema says, as a process of its own."""
    command = [sys.executable, "-m", "check_jsonschema", "--output-format", "json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_every_schema_is_one():
    assert len(SCHEMAS) == 4
    assert judged("--check-metaschema", *SCHEMAS)[0] == 0


def test_a_broken_schema_is_seen(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text(MANIFEST.read_text(encoding="utf-8").replace('"type": "object"', '"type": "thing"', 1))
    assert judged("--check-metaschema", broken)[0] == 1


def test_every_sample_fits():
    assert len(SAMPLES) > 10
    assert judged("--schemafile", MANIFEST, *SAMPLES)[0] == 0


def documents(folder):
    """Each document of all cases as we read it, in a JSON file of its own → what we say of its shape."""
    said = {}
    for case in sorted(CASES.glob("*/*.yaml")):
        try:
            sources = read_sources(case.name, case.read_bytes(), ".")
        except BadInput:
            continue
        for number, source in enumerate(sources):
            file = folder / f"{case.parent.name}-{case.stem}-{number}.json"
            file.write_text(json.dumps(source.value), encoding="utf-8")
            said[file] = check_schema(source)
    return said


def test_cases_are_judged_alike(tmp_path):
    """What is accepted fits; of what is refused, the schema refuses what we say it does, and nothing else."""
    said = documents(tmp_path)
    _, report = judged("--schemafile", MANIFEST, *said)
    assert not report["parse_errors"]
    refused = {Path(each["filename"]) for each in report["errors"]}
    assert refused == {file for file, findings in said.items() if findings}
    assert not [file for file in refused if file.name.startswith("accepted-")]
    assert len(refused) > 15


@pytest.mark.parametrize(
    ("defaults", "fits"),
    [
        ({"enrollments": {"renew_before": "30d"}}, True),
        ({"enrollments": {"renew_befor": "30d"}}, False),
        ({"enrollments": {"name": "web"}}, False),
        ({"revocations": {"reason": "whim"}}, False),
        ({"tunnels": {"approve": "ask", "labels": {"site": "north"}}}, True),
        ({"tunnels": {"batch": 65}}, False),
    ],
)
def test_what_defaults_say_is_in_the_schema(tmp_path, defaults, fits):
    file = tmp_path / "m.json"
    file.write_text(json.dumps({"apiVersion": "cmp-batch/v1", "defaults": defaults}))
    assert (judged("--schemafile", MANIFEST, file)[0] == 0) is fits


def test_defaults_of_a_section_are_what_its_entries_take():
    schema = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for section, said in schema["properties"]["defaults"]["properties"].items():
        if section == "entries":
            continue
        name = schema["properties"][section]["items"]["$ref"].rpartition("/")[2]
        keys = [key for key in schema["$defs"][name]["properties"] if key not in ("name", "for_each")]
        expected = {key: {"$ref": f"#/$defs/{name}/properties/{key}"} for key in keys}
        assert said["properties"] == expected, f"a new key of {section} belongs among its defaults, too"


def test_every_sample_tells_editors_which_schema_it_follows():
    for sample in SAMPLES:
        first = sample.read_text(encoding="utf-8").splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert named, sample.name
        assert (sample.parent / named[1]).resolve() == MANIFEST


@pytest.fixture(scope="module")
def server():
    with editor(need("yaml-language-server"), ROOT) as one:
        yield one


def shown(server, text, name="shown.yaml"):
    """A manifest in the editor, beside the samples; its URI, and what is underlined."""
    file = ROOT / "manifests" / name
    return file.as_uri(), server.diagnostics(file, MODELINE + text)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_an_editor_underlines_nothing_in_a_sample(server, sample):
    assert server.diagnostics(sample, sample.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_an_editor_explains_each_key_at_the_top(server, sample):
    text = sample.read_text(encoding="utf-8")
    uri = sample.as_uri()
    server.diagnostics(sample, text)
    titles = json.loads(MANIFEST.read_text(encoding="utf-8"))["properties"]
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"([A-Za-z_]+):", line):
            assert titles[found[1]]["title"] in server.hover(uri, number, 2)


def test_an_editor_underlines_what_does_not_fit(server):
    _, found = shown(server, "apiVersion: cmp-batch/v1\nrevocations:\n  - {name: a, certificate: b, reason: whim}\n")
    assert [each.split(" ")[0] for each in found] == ["4:39"], found


def test_an_editor_explains_and_offers(server):
    text = "apiVersion: cmp-batch/v1\nenrollments:\n  - name: web\n    \n    request: ir\n"
    uri, _ = shown(server, text, "offered.yaml")
    hover = server.hover(uri, 6, 6)
    assert "Request message" in hover
    assert "p10cr" in hover
    keys = server.completions(uri, 5, 5)
    assert keys["renew_before"].startswith("So long before its end")
    assert "name" not in keys
    assert {"ir", "cr", "p10cr"} <= server.completions(uri, 6, 14).keys()


def test_an_editor_offers_what_defaults_may_say(server):
    uri, _ = shown(server, "apiVersion: cmp-batch/v1\ndefaults:\n  enrollments:\n    \n", "defaults.yaml")
    offered = server.completions(uri, 5, 5)
    assert "renew_before" in offered
    assert "name" not in offered
