"""A value that is a part of a text is what the text says there, and no structure: whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.manifest.inserting import into_general_name, into_key_url, into_name, into_path, into_url
from runner.pki.names import attributes_in, parse_general_name, parse_name

O, CN = "2.5.4.10", "2.5.4.3"  # noqa: E741 - the attribute's name
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")))
HOSTILE = (PRINTABLE | st.text(st.sampled_from(list(',+"\\<>;#= aE')))).filter(lambda text: text.strip(" "))


@pytest.mark.parametrize(
    ("before", "after"),
    [("C=FI, O=", ", CN=x"), ("C=FI,O=a ", "z,CN=x"), ('C=FI, O="', '", CN=x'), ("C=FI, O=a\\,", "z, CN=x")],
)
@given(value=HOSTILE)
def test_a_value_in_a_name_is_one_value(before, after, value):
    parsed = attributes_in(parse_name(f"{before}{into_name(before, value)}{after}").der)
    plain = attributes_in(parse_name(f"{before}q{after}").der)
    assert [[kind for kind, _ in rdn] for rdn in parsed] == [[kind for kind, _ in rdn] for rdn in plain]
    assert parsed[0] == (("2.5.4.6", "FI"),)
    assert parsed[2] == ((CN, "x"),)
    expected = plain[1][0][1].replace("q", value)
    assert parsed[1][0][1].strip(" ") == expected.strip(" ")


def test_what_stands_for_attributes_may_be_some():
    assert parse_name(f"CN={into_name('CN=', 'a, O=Evil')}").text == "CN=a\\, O=Evil"
    assert into_name("", "O=Good, CN=b") == "O=Good, CN=b"
    assert into_name("C=FI, ", "O=Good, CN=b") == "O=Good, CN=b"


@given(value=HOSTILE)
def test_the_same_in_a_directory_name(value):
    text = f"dn=O=x, CN={into_general_name('dn=O=x, CN=', value)}, OU=y"
    name = parse_general_name(text)
    assert (name.kind, name.text[:8], name.text[-6:]) == ("dn", "O=x, CN=", ", OU=y")


@pytest.mark.parametrize("value", ["evil/", "evil?", "evil#", "a@evil", "evil\\"])
@pytest.mark.parametrize("before", ["https://", "https://www.", "ht"])
def test_no_host_is_another(before, value):
    for insert, lead in ((into_url, ""), (into_general_name, "uri=")):
        with pytest.raises(ValueError, match="would lead to another host"):
            insert(lead + before, value)


@pytest.mark.parametrize(("before", "value"), [("", "https://a/b"), ("https://a/", "b/c?d"), ("https://a:", "8080")])
def test_what_is_behind_the_host_is_free(before, value):
    assert into_url(before, value) == value


@pytest.mark.parametrize("value", ["..", "a/../..", "../x", "a/..", "..\\x"])
def test_a_path_does_not_climb(value):
    with pytest.raises(ValueError, match="lead out"):
        into_path("out/", value)
    with pytest.raises(ValueError, match="lead out"):
        into_key_url("generate://pkcs8@ec/out/", value)
    assert into_path("", value) == value


@pytest.mark.parametrize("value", ["a", "a/b", "..a", "a..b", "a b"])
def test_a_path_may_go_down(value):
    assert into_path("out/", value) == value


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("file:keys/", "%2e%2e/x"),
        ("file://", "${env:HOME}"),
        ("generate://pkcs8s:", "x@ec/y"),
        ("generate://", "pkcs8:x"),
        ("generate://pkcs8@", "ec/y"),
        ("pkcs11:token=", "t;object=x"),
        ("pkcs11:token=t;object=", "x?pin-value=1"),
        ("generate://pkcs11@ec/object=", "x;id=1"),
    ],
)
def test_a_part_of_a_key_url_is_no_other_part(before, value):
    with pytest.raises(ValueError, match=r"would"):
        into_key_url(before, value)


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("", "file:a"),
        ("generate://pkcs8@ec/out/", "a@b:c"),
        ("file:", "a/b"),
        ("generate://pkcs8@", "ec:p256"),
        ("generate://pkcs8:pass@", "rsa:3072"),
    ],
)
def test_what_says_nothing_there_is_free(before, value):
    assert into_key_url(before, value) == value


ROWS = """\
name,org,subject
a,"Example, O=Evil+CN=x","O=Example, CN=a"
b,#0500,"O=Example\\, Inc., CN=b"
"""
ENTRIES = """\
vars: {base: "C=FI, O=Example"}
enrollments:
  - {name: "${name}", for_each: {csv: h.csv}, subject: "O=${org}, CN=x", key: "generate://pkcs8@ec/${name}", output: "${name}"}
  - {name: "w${name}", for_each: {csv: h.csv}, subject: "${subject}", key: "generate://pkcs8@ec/w/${name}", output: "w/${name}"}
  - {name: based, subject: "${base}, CN=${name}", key: "generate://pkcs8@ec/based", output: based}
"""  # noqa: E501 - one line a row


def test_cells_are_values_and_whole_cells_are_names(bench):
    bench.write(ROWS, "h.csv")
    assert {item.name: item.template.subject.text for item in bench.lab(ENTRIES).items} == {
        "a": "O=Example\\, O=Evil\\+CN=x, CN=x",
        "b": "O=\\#0500, CN=x",
        "wa": "O=Example, CN=a",
        "wb": "O=Example\\, Inc., CN=b",
        "based": "C=FI, O=Example, CN=based",
    }
