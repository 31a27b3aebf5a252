"""A dialogue as text and back: the journal's copy is the dialogue, and other text is refused as such."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answering import SECRET, Talk

from runner.cmp.dialogue import Dialogue, State
from runner.cmp.record import from_record, to_record

octets = st.binary(max_size=40)
texts = st.text(max_size=20)
dialogues = st.builds(
    Dialogue,
    kind=st.sampled_from(["ir", "cr", "kur", "rr", "p10cr"]),
    state=st.sampled_from(State),
    transaction_id=octets,
    request=octets,
    nonce=octets,
    delayed_nonce=octets,
    peer_nonce=octets,
    recipient=octets,
    origin=st.sampled_from(State),
    whole=st.booleans(),
    cert_req_id=st.integers(-1, 9),
    certificate=octets,
    granted=texts,
    confirmed=st.booleans(),
    refused=texts,
    ca_pubs=st.lists(octets, max_size=3).map(tuple),
    about=texts,
    extra_certs=st.lists(octets, max_size=3).map(tuple),
)


@given(dialogues)
def test_any_dialogue_comes_back(dialogue):
    text = to_record(dialogue)
    assert from_record(text) == dialogue
    assert "\n" not in text
    said = {field.name for field in fields(Dialogue) if getattr(dialogue, field.name) != field.default}
    assert set(json.loads(text)) == said


def test_no_secret_is_in_it():
    assert SECRET.decode() not in to_record(Talk().dialogue)


def test_a_record_of_an_earlier_version_is_read():
    """Fields that came later have defaults; a pending request survives an upgrade."""
    dialogue = Talk().dialogue
    values = json.loads(to_record(dialogue))
    assert {"origin", "whole", "about"}.isdisjoint(values)
    assert from_record(json.dumps(values)) == dialogue


@pytest.mark.parametrize(
    "text",
    ["", "x", "null", "[]", "7", '"a"', "{}", '{"kind": "ir"}', '{"kind": "ir", "state": "nowhere"}'],
)
def test_what_is_no_record(text):
    with pytest.raises(ValueError):
        from_record(text)


@given(st.data())
def test_a_record_with_a_wrong_value_is_refused_or_read(data):
    values = json.loads(to_record(Talk().dialogue))
    name = data.draw(st.sampled_from(sorted(values)))
    values[name] = data.draw(st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2))
    try:
        assert isinstance(from_record(json.dumps(values)), Dialogue)
    except ValueError:
        return
