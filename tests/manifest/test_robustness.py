"""Whatever stands in a manifest, it is read, or refused with places; and no secret is ever part of the words."""

from __future__ import annotations

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import BadInput
from runner.manifest.load import load_manifest
from runner.resources import resource_text

MANIFEST = {
    "apiVersion": "cmp-batch/v1",
    "metadata": {"name": "plant-7"},
    "authorities": {
        "plant": {
            "url": "https://pki.example/cmp",
            "name": "CN=CA",
            "trust": ["ca.pem"],
            "credential": "line-7",
            "limits": {"concurrency": 8, "timeout": "30s"},
            "polling": {"max_wait": "2d"},
        }
    },
    "credentials": {
        "line-7": {"psk": "4711:swordfish"},
        "operator": {"certificate": "ca.pem", "key": "file://swordfish/ca.pem"},
    },
    "templates": {"server": {"subject": "CN=${name}", "alt_names": ["ip=${ip}"], "key_usage": ["digitalSignature"]}},
    "enrollments": [
        {
            "name": "web-${n}",
            "for_each": {"n": [1, 2], "ip": ["10.0.0.1", "10.0.0.2"]},
            "template": "server",
            "key": "generate://pkcs8s:swordfish@ec/${name}",
            "output": {"prefix": "out/${name}", "format": "pem"},
            "renew_before": "33%",
        }
    ],
    "updates": [{"name": "up", "certificate": "web-1", "key": "file:ca.pem", "output": "up", "depends_on": ["web-1"]}],
    "revocations": [{"name": "r", "certificate": "ca.pem", "credential": "operator", "reason": "superseded"}],
}
TEXTS = ["", "x", "${", "${x}", "${name}", "$$", "a b", "/", "..", "\n", "lab:", "http://[", "a" * 300]
LISTS = [[], [None], [[]], ["web-1", 7]]
MAPPINGS = [{}, {"x": 1}, {"": ""}, {"psk": {"env": 7}}, {"n": [[]]}]
JUNK = st.sampled_from([None, True, 7, -1, 0.5, *TEXTS, *LISTS, *MAPPINGS])


def ways(value, path=()):
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from ways(each, (*path, key))


WAYS = [path for path in ways(MANIFEST) if path and path != ("apiVersion",)]


def changed(manifest, path, kind, junk):
    *before, last = path
    for step in before:
        try:
            manifest = manifest[step]
        except (KeyError, IndexError, TypeError):
            return
    if not isinstance(manifest, dict | list) or isinstance(manifest, list) != isinstance(last, int):
        return
    if kind == "drop" and isinstance(manifest, dict):
        manifest.pop(last, None)
    elif kind == "add" and isinstance(manifest, dict):
        manifest["extra"] = junk
    elif isinstance(manifest, dict) or last < len(manifest):
        manifest[last] = junk


changes = st.tuples(st.sampled_from(WAYS), st.sampled_from(["drop", "add", "replace", "replace"]), JUNK)


@given(st.lists(changes, min_size=1, max_size=4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_spoilt_manifest_is_read_or_refused_and_keeps_its_secrets(tmp_path, mistakes):
    manifest = copy.deepcopy(MANIFEST)
    for path, kind, junk in mistakes:
        changed(manifest, path, kind, copy.deepcopy(junk))  # a sample is shared, and must not come to hold itself
    (tmp_path / "ca.pem").touch()
    file = tmp_path / "m.yaml"
    file.write_text(json.dumps(manifest), encoding="utf-8")
    assert "swordfish" not in all_that_is_told(file)


EVERY_KEY = json.loads(resource_text("schemas", "manifest.schema.json"))["examples"][0]
EVERY_WAY = [path for path in ways(EVERY_KEY) if path and path[0] not in ("apiVersion", "include")]


@given(st.tuples(st.sampled_from(EVERY_WAY), st.sampled_from(["drop", "replace", "replace"]), JUNK))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_any_key_holds_it_is_read_or_refused(tmp_path, mistake):
    manifest = copy.deepcopy(EVERY_KEY)
    changed(manifest, mistake[0], mistake[1], copy.deepcopy(mistake[2]))
    (tmp_path / "hosts.csv").write_text("n;address\n7;192.0.2.7\n", encoding="utf-8")
    (tmp_path / "hosts.jsonl").write_text('{"host": "one"}\n', encoding="utf-8")
    file = tmp_path / "m.yaml"
    file.write_text(json.dumps(manifest), encoding="utf-8")
    all_that_is_told(file)


def all_that_is_told(file):
    try:
        return repr(load_manifest([file]))
    except BadInput as problem:
        findings = problem.diagnostics
        told = repr(findings) + str(problem) + problem.why + problem.next_step
    assert findings
    assert all(each.place and each.summary for each in findings)
    return told
