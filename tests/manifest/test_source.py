"""YAML text to values and places: the traps of YAML 1.1 closed, the bombs defused."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import BadInput, Diagnostic, Place
from runner.manifest import events, scalars, source
from runner.manifest.source import read_source

LOADERS = sorted({events._LOADER, yaml.SafeLoader}, key=str)


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__, autouse=True)
def loader(request, monkeypatch):
    """Every test here runs with libyaml, where it is there, and without."""
    monkeypatch.setattr(events, "_LOADER", request.param)


def read(text):
    return read_source("m.yaml", text if isinstance(text, bytes) else text.encode(), "/base")


def refusal(text):
    with pytest.raises(BadInput) as caught:
        read(text)
    (finding,) = caught.value.diagnostics
    return f"{finding.place.line}:{finding.place.column} {finding.summary}"


def notes(text):
    return [f"{each.place.line}:{each.place.column} {each.summary}" for each in read(text).findings]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("10000", 10000),
        ("0.5", 0.5),
        *((text, text) for text in ("yes", "NO", "on", "Off", "True", "FALSE", "y", "Null", "NULL")),
        *((text, text) for text in ("010", "0o17", "0x1f", "0b1", "1_000", "+1", "1e3", ".5", "5.", ".inf", ".nan")),
        *((text, text) for text in ("12:30:45", "1:2", "2024-01-31", "2024-01-31T00:00:00Z", "=", "10.0.0.1", "-x")),
        ("9" * 30, "9" * 30),
        ('"true"', "true"),
        ("'7'", "7"),
        ('"null"', "null"),
        ("!!str 7", "7"),
    ],
)
def test_a_scalar_is_jsons_value_or_the_text_that_it_is(written, value):
    read_value = read(f"a: {written}\n").value["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_each_value_and_each_key_has_its_place():
    found = read("a:\n  bé: [x, {c: ü, d: 1}]\n")
    assert found.value == {"a": {"bé": ["x", {"c": "ü", "d": 1}]}}
    assert found.place(("a", "bé", 1, "d")) == Place("m.yaml", 2, 21)
    assert found.key_place(("a", "bé", 1, "d")) == Place("m.yaml", 2, 18)
    assert found.place(("a", "bé", 0)) == found.key_place(("a", "bé", 0)) == Place("m.yaml", 2, 8)
    assert found.key_place(("a", "bé")) == Place("m.yaml", 2, 3)
    assert found.place(("a", "nothing", "here")) == Place("m.yaml", 2, 3)
    assert found.place(()) == found.key_place(()) == Place("m.yaml", 1, 1)


def test_a_figure_is_remembered_as_it_was_written():
    found = read("n: [1.10, 007, 12]")
    assert [found.written[("n", index)].text for index in range(3)] == ["1.10", "007", "12"]


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("a: xyz", 0),
        ("a: 'xyz'", 1),
        ('a: "xyz"', 1),
        ('a: "x\\u0079z"', None),
        ("a: x\n  y", None),
        ("a: |\n  xyz", None),
    ],
)
def test_only_a_text_that_stands_as_it_reads_has_positions(text, lead):
    assert read(text).written[("a",)].lead == lead


def test_references_may_stand_unquoted_in_flow_collections():
    found = read("a: [dns=${name}.x, ip=${address}, {b: ${c}}, plain]\n")
    assert found.value == {"a": ["dns=${name}.x", "ip=${address}", {"b": "${c}"}, "plain"]}
    assert found.place(("a", 3)) == Place("m.yaml", 1, 46)


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble():
    found = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert found.value == {"a": 1, "b": 2}
    assert found.key_place(("b",)) == Place("m.yaml", 2, 1)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"a: 1\nb: \xff\n", "2:4 this is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1 this is not UTF-8"),
        ("a: é\nb: \x1b[2J\n", "2:4 the character U+001B does not belong in a manifest"),
        ("a: x\u202ey\n", "1:5 the character U+202E does not belong in a manifest"),
        ("a: x\u2028b: y\n", "1:5 the character U+2028 does not belong in a manifest"),
        ("a: \ue000\n", "1:4 the character U+E000 does not belong in a manifest"),
        ("a: 1\n\ufeffb: 2\n", "2:1 the character U+FEFF does not belong in a manifest"),
        ("", "1:1 the manifest is empty"),
        ("# a comment\n", "1:1 the manifest is empty"),
        ("a:\n\tb: 1\n", "2:1 a tab where YAML wants spaces"),
        ("a: 1\n---\nb: 2\n", "3:1 a second YAML document begins here"),
        ("a: *b\n", "1:4 nothing is anchored as &b"),
        ("a: &b [*b]\n", "1:8 *b stands inside what it refers to"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(octets, expected):
    assert refusal(octets) == expected


def test_a_syntax_error_says_what_it_began_with():
    with pytest.raises(BadInput) as caught:
        read("a: 1\nb: [1, 2\nc: 3\n")
    (finding,) = caught.value.diagnostics
    assert finding.place.line == 3
    assert finding.why == "while parsing a flow sequence that begins in line 2"


def test_a_parser_that_gives_no_place_is_believed_about_the_file():
    (finding,) = events._syntax_error("m.yaml", "", yaml.YAMLError("out of sorts\nand more")).diagnostics
    assert finding == Diagnostic("this is not YAML", Place("m.yaml", 1, 1), "out of sorts", rule="yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1 duplicate key 'a'"]),
        ("{a: 1, 'a': [x, {y: z}], c: 3}", ["1:8 duplicate key 'a'"]),
        ("7: x\ntrue: y\n~: z\n", ["1:1 a key must be text", "2:1 a key must be text", "3:1 a key must be text"]),
        ("? [a, b]\n: x\n", ["1:3 a key must be text"]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", ["3:3 merge keys (<<) are not supported"]),
        ("a: !!python/none x\n", ["1:4 the tag 'tag:yaml.org,2002:python/none' means nothing here"]),
        ("a: !!int 7\nb: !x [1]\n", [
            "1:4 the tag 'tag:yaml.org,2002:int' means nothing here", "2:4 the tag '!x' means nothing here"]),
        ('a: "x\\0y"\n', ["1:4 text with a control character"]),
    ],
)  # fmt: skip
def test_what_means_nothing_is_noted_at_its_place(text, expected):
    assert notes(text) == expected


def test_the_first_of_two_equal_keys_is_kept_and_the_rest_still_read():
    found = read("a: 1\na: {b: [2]}\nc: 3\n")
    assert found.value == {"a": 1, "c": 3}
    assert found.findings[0].why == "it was given before at m.yaml:1:1"


def test_a_quoted_merge_key_is_a_key():
    assert read('"<<": 1').value == {"<<": 1}


def test_aliases_stand_for_what_is_anchored():
    found = read("a: &x [&y {b: 1}, *y]\nc: *x\nd: *y\ne: &y 2\nf: *y\n")
    assert found.value == {"a": [{"b": 1}] * 2, "c": [{"b": 1}] * 2, "d": {"b": 1}, "e": 2, "f": 2}
    assert not found.findings


@pytest.mark.parametrize("width", [2, 10])
def test_billions_of_laughs_are_not_laughed(width):
    levels = (f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, 30))
    assert "the aliases of this file multiply without measure" in refusal("\n".join(["a0: &a0 lol", *levels]))


def test_a_deep_file_is_refused_before_it_is_deep():
    assert "nested too deeply" in refusal("a: " + "[" * 100_000)


def test_a_file_with_too_many_values_is_refused(monkeypatch):
    monkeypatch.setattr(events, "MAX_NODES", 100)
    assert refusal("[" + "1, " * 200 + "]") == "1:299 this file is too large"


def test_a_file_of_too_many_octets_is_refused(monkeypatch):
    monkeypatch.setattr(source, "MAX_SIZE", 10)
    assert refusal("a: 1234567890") == "1:1 this file is too large"


texts = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Co", "Zl", "Zp")), max_size=8
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_json_reads_as_json_says(value):
    text = json.dumps(value, ensure_ascii=False)
    found = read(text)
    assert found.value == value
    assert not found.findings
    assert json.loads(text) == found.value


@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%@` \n\t#$<0", max_size=40) | st.binary(max_size=20))
def test_any_text_is_read_or_refused_with_a_place(text):
    assert all(places_of(text))


def places_of(text):
    try:
        found = read(text)
    except BadInput as problem:
        return [each.place for each in problem.diagnostics]
    return [found.place(path) for path in found.written]


@pytest.mark.parametrize(
    ("ascii_alone", "all_of_them"),
    [(source._REFUSED_ASCII, source._REFUSED), (scalars._UNFIT_ASCII, scalars._UNFIT)],
)
def test_of_ascii_the_same_characters_are_refused(ascii_alone, all_of_them):
    text = "".join(map(chr, range(128)))
    assert ascii_alone.findall(text) == re.findall(all_of_them, text)


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\u2028", "\ud800", "\ue001", "\ufeff"])
def test_a_name_with_a_character_that_a_file_may_not_hold_cannot_stand(character):
    assert source.can_stand("äiti")
    assert not source.can_stand(f"ä{character}")
