"""A few hundred certificates, each with one field changed: the plan names exactly that field, and no other."""

from __future__ import annotations

from random import Random

import pytest
from support.planning import Given

from runner.plan.steps import Verb

SERVER, CLIENT, OTHER = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"
USAGES = ["digitalSignature", "keyEncipherment", "keyAgreement"]
SAMPLES = 25


def sample(number):
    """What one certificate says; every field is there, none is like its neighbour's."""
    chance = Random(number)  # noqa: S311 - the same every time
    hosts = [f"dns=h{number}-{n}.example" for n in range(1 + chance.randrange(4))]
    return {
        "subject": f"C=FI, O=Org {number % 7}, CN=web-{number}",
        "alt_names": hosts + [f"ip=192.0.2.{number}"] * chance.randrange(2),
        "key_usage": sorted(chance.sample(USAGES, 1 + chance.randrange(3))),
        "extended_key_usage": sorted(chance.sample([SERVER, CLIENT, OTHER], 1 + chance.randrange(3))),
        "key": f"key-{number}",
        "serial": number + 1,
    }


def other(said, values):
    """A list that is not `said`: one less, one more, or one exchanged."""
    lacking = [value for value in values if value not in said]
    yield said[1:] if len(said) > 1 else lacking[:1]
    if lacking:
        yield [*said, lacking[0]]
        yield [*said[:-1], lacking[0]]


MUTATIONS = {
    "subject": ("subject", lambda s: [s["subject"].replace("CN=web", "CN=www"), "CN=web", s["subject"] + "x"]),
    "alternative names": ("alt_names", lambda s: other(s["alt_names"], ["dns=evil.example", "ip=192.0.2.250"])),
    "no alternative names": ("alt_names", lambda _: [[]]),
    "key usage": ("key_usage", lambda s: other(s["key_usage"], USAGES)),
    "extended key usage": ("extended_key_usage", lambda s: other(s["extended_key_usage"], [SERVER, CLIENT, OTHER])),
    "type of the key": ("key", lambda s: [f"ed-{s['key']}"]),
    "issuer": ("issuer", lambda _: ["Evil CA", "plant ca 2"]),
}
CODES = {"key": "key_type"}
NEVER = {"serial": [999_999], "since": ["-30d", "-1h"], "until": ["400d", "91d"]}


def plan_of(folder, asked, found, **more):
    """The plan for an entry that asks for `asked`, with a certificate that says `found` in its place."""
    entry = {**{key: asked[key] for key in ("subject", "alt_names", "key_usage", "extended_key_usage")}}
    words = {
        "entry": entry,
        "certificates": {"web": found},
        "files": {"out/web-0.crt": "certificate web", "out/web.prv": f"key {found['key']}"},
        "anchors": ["Plant CA"],
        **more,
    }
    (step,) = Given(folder, words).plan().steps
    return step


@pytest.mark.parametrize("field", MUTATIONS)
def test_exactly_the_field_that_was_changed_is_named(field, tmp_path):
    key, mutate = MUTATIONS[field]
    for number in range(SAMPLES):
        asked = sample(number)
        for value in mutate(asked):
            step = plan_of(tmp_path, asked, {**asked, key: value})
            assert step.verb is Verb.REISSUE, (field, number, value)
            assert [reason.code for reason in step.reasons] == [CODES.get(key, key)], (field, number, value)


@pytest.mark.parametrize("field", NEVER)
def test_what_is_nobodys_wish_is_never_named(field, tmp_path):
    for number in range(SAMPLES):
        asked = sample(number)
        for value in NEVER[field]:
            step = plan_of(tmp_path, asked, {**asked, field: value})
            assert [reason.code for reason in step.reasons] == ["not-in-state"], (field, number, value)


def test_two_fields_are_two_reasons(tmp_path):
    for number in range(SAMPLES):
        asked = sample(number)
        changed = {**asked, "subject": "CN=x", "extended_key_usage": ["1.2.3"], "issuer": "Evil CA"}
        codes = [reason.code for reason in plan_of(tmp_path, asked, changed).reasons]
        assert codes == ["subject", "extended_key_usage", "issuer"]


def test_another_key_is_no_pair(tmp_path):
    asked = sample(3)
    step = plan_of(tmp_path, asked, asked, files={"out/web-0.crt": "certificate web", "out/web.prv": "key another"})
    assert [reason.code for reason in step.reasons] == ["key-in-the-way"]
