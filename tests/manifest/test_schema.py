"""The JSON Schema itself, and that its words, its example and the code agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from runner.errors import BadInput
from runner.manifest.entries import SECTIONS
from runner.manifest.limits import Limits
from runner.manifest.load import load_manifest
from runner.manifest.schema import _WORDS, _quick, _validator, check_schema, inlined
from runner.manifest.source import read_source, read_sources
from runner.manifest.words import JSON_TYPES
from runner.pki.extensions import CRL_REASONS, KEY_USAGES
from runner.resources import resource_text

SCHEMA = json.loads(resource_text("schemas", "manifest.schema.json"))
FILES = [
    "ca.pem",
    "op.crt",
    "op.prv",
    "old.crt",
    "old/web-0.crt",
    "lost.crt",
    "lost.prv",
    "gate.prv",
    "line-8.psk",
    "psks.csv",
    "devices.psk",
    "noise.bin",
    "store.pass",
    "device.csr",
    "authenticator",
]
TABLES = {
    "hosts.csv": "n;address\n7;192.0.2.7\n",
    "hosts.jsonl": '{"host": "one"}\n',
    "conf.d/more.yaml": "apiVersion: cmp-batch/v1\n",
}
KEYWORDS_WITHOUT_WORDS = {"oneOf", "anyOf", "properties", "items", "propertyNames"}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "examples", "default", "writeOnly"}


def subschemas(schema, path=()):
    """Every schema inside a schema whose references are replaced, with the way to it."""
    yield path, schema
    for key, each in schema.get("properties", {}).items():
        yield from subschemas(each, (*path, key))
    for keyword in ("additionalProperties", "items", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield from subschemas(schema[keyword], (*path, f"<{keyword}>"))
    for keyword in ("oneOf", "anyOf"):
        for index, each in enumerate(schema.get(keyword, ())):
            yield from subschemas(each, (*path, f"<{keyword} {index}>"))


ALL = list(subschemas(inlined(SCHEMA)))


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_replacing_references_leaves_none():
    assert "$ref" not in json.dumps(inlined(SCHEMA))


def test_no_mapping_takes_keys_that_it_does_not_know():
    assert not [path for path, each in ALL if "properties" in each and each.get("additionalProperties") is not False]


def test_every_key_has_a_title_and_an_example():
    keys = [(path, each) for path, each in ALL if path and not path[-1].startswith("<")]
    assert len(keys) > 50
    assert not [path for path, each in keys if not each.get("title") or not each.get("examples")]


def test_every_example_fits_the_key_that_it_is_of():
    for path, each in ALL:
        for example in each.get("examples", ()):
            assert not list(Draft202012Validator(each).iter_errors(example)), path


def test_every_default_fits_the_key_that_it_is_of():
    assert not [
        path for path, each in ALL if "default" in each and not Draft202012Validator(each).is_valid(each["default"])
    ]


def test_every_rule_has_words():
    used = {keyword for _, each in ALL for keyword in each} - ANNOTATIONS
    assert used - KEYWORDS_WITHOUT_WORDS == set(_WORDS)


def test_every_type_has_words():
    used = [each["type"] for _, each in ALL if "type" in each]
    assert {one for each in used for one in ([each] if isinstance(each, str) else each)} <= set(JSON_TYPES)


def test_every_way_of_writing_a_value_can_be_told_apart():
    """The branch that was meant is found by types and keys: each branch has to say them."""
    branches = [branch for _, each in ALL for branch in (*each.get("oneOf", ()), *each.get("anyOf", ()))]
    assert branches
    for branch in branches:
        assert "enum" in branch or isinstance(branch["type"], str)
        assert branch.get("type") != "object" or "properties" not in branch or branch["required"]


def test_the_example_of_the_schema_is_accepted(bench):
    (example,) = SCHEMA["examples"]
    bench.touch(*FILES)
    for name, text in TABLES.items():
        bench.write(text, name)
    document = load_manifest([bench.write(json.dumps(example))])
    assert len(document.items) == 24
    assert not document.warnings


def test_the_example_of_the_schema_has_every_key():
    shown = set()

    def walk(value):
        if isinstance(value, dict):
            shown.update(value)
            for each in value.values():
                walk(each)
        if isinstance(value, list):
            for each in value:
                walk(each)

    walk(SCHEMA["examples"][0])
    keys = {path[-1] for path, _ in ALL if path and not path[-1].startswith("<")}
    assert keys <= shown


@pytest.mark.parametrize("name", [name for name, each in SCHEMA["properties"].items() if each.get("type") == "array"])
def test_every_list_is_a_section_that_is_read(name):
    assert name in (*SECTIONS, "tunnels")


def test_schema_and_code_know_the_same_words():
    definitions = SCHEMA["$defs"]
    assert definitions["revocation"]["properties"]["reason"]["anyOf"][0]["enum"] == list(CRL_REASONS)
    assert all(usage in definitions["keyUsage"]["description"] for usage in KEY_USAGES)
    limits = {key: each.get("default") for key, each in definitions["limits"]["properties"].items()}
    usual = Limits()
    assert limits == {
        "concurrency": usual.concurrency,
        "messages_per_second": usual.messages_per_second,
        "timeout": f"{usual.timeout:.0f}s",
        "connect_timeout": f"{usual.connect_timeout:.0f}s",
        "first_byte_timeout": usual.first_byte_timeout,
        "max_answer": usual.max_answer,
        "retries": usual.retries,
    }


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("colour: red", "choose one of: apiVersion, authorities, credentials"),
        ("enrolments: []", "did you mean 'enrollments'?"),
        ("authorities: {a: {url: 7}}", 'put it in quotes: "7"'),
        ("authorities: {a: {url: 'lab:', limits: {timeout: 30}}}", "for example 30s"),
        ("authorities: {a: {url: 'lab:', implicit_confirm: yes}}", "write true or false"),
        ("authorities: {a: {url: 'lab:', version: 4}}", "choose one of: 1, 2, 3"),
        ("authorities: {a: {http: {}}}", "for example url: https://pki.example.com/ejbca/publicweb/cmp/plant"),
        ("credentials: {a: {psk: 4711}}", 'for example {"env": "LINE7_PSK"}'),
        ("credentials: {a: {pskk: x}}", "did you mean 'psk'?"),
        ("templates: {a: {Subject: x}}", "did you mean 'subject'?"),
        ("revocations: [{name: a, certificate: b, reason: keycompromise}]", "did you mean 'keyCompromise'?"),
    ],
)
def test_the_next_step_is_told(bench, text, next_step):
    source = read_source("m.yaml", f"apiVersion: cmp-batch/v1\n{text}\n".encode(), "/")
    assert check_schema(source)[0].next_step.startswith(next_step)


@pytest.mark.parametrize("name", ["manifest", "plan", "report"])
def test_no_key_of_a_schema_is_written_twice(name):
    """JSON lets the second one win, silently: a definition was lost that way."""

    def once(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), keys
        return dict(pairs)

    json.loads(resource_text("schemas", f"{name}.schema.json"), object_pairs_hook=once)


CASES = sorted((Path(__file__).parent / "cases").glob("*/*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_who_decides_and_who_explains_are_of_one_mind(case):
    """jsonschema-rs says whether a manifest fits, jsonschema what does not."""
    pytest.importorskip("jsonschema_rs")
    try:
        sources = read_sources(case.name, case.read_bytes(), ".")
    except BadInput:
        return
    for source in sources:
        assert _quick().is_valid(source.value) == (not any(_validator().iter_errors(source.value)))
