"""`${name}` in texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Place
from runner.manifest.ledger import Ledger
from runner.manifest.source import Written
from runner.manifest.variables import Text, expand

VARIABLES = {"name": "web-1", "n": "1", "a-b": "x", "dollar": "$", "nested": "${n}"}


def expanded(text, *, secrets=False, lead=0):
    ledger = Ledger()
    written = Written(Place("m.yaml", 3, 10), text=text, lead=lead)
    result = expand(Text(text, written), VARIABLES, ledger, secrets=secrets)
    return result, [f"{each.place.column} {each.summary}" for each in ledger.diagnostics]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("CN=${name}", "CN=web-1"),
        ("${n}${n}-${a-b}", "11-x"),
        ("$$", "$"),
        ("$${name}", "${name}"),
        ("$$${name}", "$web-1"),
        ("$name $ 5$", "$name $ 5$"),
        ("${dollar}{n}", "${n}"),
        ("${nested}", "${n}"),
    ],
)
def test_variables_are_replaced_once(text, value):
    assert expanded(text) == (value, [])


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("CN=${nmae}", ["13 undefined variable 'nmae'"]),
        ("${x}.${y}", ["10 undefined variable 'x'", "15 undefined variable 'y'"]),
        ("$$${x}", ["12 undefined variable 'x'"]),
        ("${}", ["10 '' is no name of a variable"]),
        ("${a.b}", ["10 'a.b' is no name of a variable"]),
        ("a${name", ["11 a brace is not closed"]),
        ("${env:HOME}/x", ["10 ${env:HOME} cannot stand here"]),
        ("${file:x}", ["10 ${file:x} cannot stand here"]),
    ],
)
def test_what_cannot_be_replaced_is_told_where_it_stands(text, findings):
    assert expanded(text) == (None, findings)


def test_without_positions_the_text_itself_is_the_place():
    assert expanded("abc ${x}", lead=None)[1] == ["10 undefined variable 'x'"]
    assert expanded("abc ${x}", lead=1)[1] == ["15 undefined variable 'x'"]


def test_passphrase_references_stay_in_key_urls():
    url = "generate://pkcs8s:${env:PASS}@ec/${name}"
    assert expanded(url, secrets=True) == ("generate://pkcs8s:${env:PASS}@ec/web-1", [])
    assert expanded("file://${file:a/b}/${x}", secrets=True)[1] == ["29 undefined variable 'x'"]


def test_the_nearest_variable_is_named():
    ledger = Ledger()
    expand(Text("${nmae}", Written(Place("m.yaml", 1, 1), lead=0)), VARIABLES, ledger)
    assert ledger.diagnostics[0].next_step == "did you mean 'name'?"


@given(st.text())
def test_doubled_dollars_are_the_text_itself(text):
    assert expanded(text.replace("$", "$$")) == (text, [])
