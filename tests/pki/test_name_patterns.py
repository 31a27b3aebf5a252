"""Patterns of names: a star stays within its part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.asn1.der import tlv
from runner.pki.name_patterns import parse_pattern
from runner.pki.name_text import escape
from runner.pki.names import GeneralName, common_name, parse_general_name, parse_name

FIT = [
    ("CN=*", "CN=web-1"),
    ("C=FI, O=Plant, CN=line-*", "C=FI, O=Plant, CN=line-7"),
    ("O=Plant, SERIALNUMBER=*", "O=Plant, SERIALNUMBER=0815"),
    ("c=fi, cn=WEB", "C=FI, CN=web"),
    ("CN=a*c*e", "CN=abcde"),
    ("dns=*.plant.example", "dns=web.plant.example"),
    ("dns=web-*.plant.example", "dns=WEB-1.plant.example"),
    ("ip=10.0.0.0/8", "ip=10.9.8.7"),
    ("ip=192.0.2.1", "ip=192.0.2.1"),
    ("ip=2001:db8::/32", "ip=2001:db8::1"),
    ("email=*@plant.example", "email=ops@plant.example"),
    ("uri=https://*/cmp", "uri=https://a.example/cmp"),
    ("rid=1.2.*", "rid=1.2.3"),
]
NOT = [
    ("CN=*", "CN=web, O=Evil"),
    ("CN=*", "O=Evil, CN=web"),
    ("CN=*", "O=Evil"),
    ("CN=web", "CN=web+O=Evil"),
    ("O=Plant, CN=*", "CN=web, O=Plant"),
    ("CN=line-*", "CN=other"),
    ("CN=a.c", "CN=abc"),
    ("dns=*.plant.example", "dns=plant.example"),
    ("dns=*.plant.example", "dns=a.b.plant.example"),
    ("dns=*.plant.example", "dns=web.plant.example.evil"),
    ("dns=*", "ip=10.0.0.1"),
    ("ip=10.0.0.0/8", "ip=11.0.0.1"),
    ("ip=10.0.0.0/8", "ip=::ffff:10.0.0.1"),
    ("email=*@plant.example", "email=a@b@plant.example"),
    ("uri=https://*/cmp", "uri=https://a/b/cmp"),
    ("CN=*", "dns=web"),
]


def name_of(text):
    try:
        return parse_general_name(text)
    except ValueError:
        return parse_name(text)


@pytest.mark.parametrize(("pattern", "text"), FIT)
def test_fits(pattern, text):
    assert parse_pattern(pattern).fits(name_of(text))


@pytest.mark.parametrize(("pattern", "text"), NOT)
def test_does_not_fit(pattern, text):
    assert not parse_pattern(pattern).fits(name_of(text))


def test_a_directory_name_among_the_alternative_names_is_judged_as_a_subject():
    assert parse_pattern("CN=*").fits(parse_general_name("dn=CN=web"))
    assert not parse_pattern("CN=*").fits(parse_general_name("dn=O=Evil"))


@pytest.mark.parametrize(("pattern", "tag"), [("dns=*", 0x82), ("email=*", 0x81), ("uri=*", 0x86)])
@pytest.mark.parametrize("body", [b"web\x00.evil", b"\xffweb", b"web\n"])
def test_names_that_no_person_could_read_fit_nothing(pattern, tag, body):
    assert not parse_pattern(pattern).fits(GeneralName(tlv(tag, body)))


@pytest.mark.parametrize("text", ["dns=", "ip=10.0.0.0/99", "ip=10.0.0.1/8", "CN", "NOPE=1", "", "CN="])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError):
        parse_pattern(text)


@given(st.text(min_size=1, max_size=40))
def test_a_pattern_without_stars_fits_itself_alone(text):
    if "*" in text or text.strip() != text:
        return
    try:
        pattern = parse_pattern(f"CN={escape(text)}")
    except ValueError:
        return
    assert pattern.fits(common_name(text))
    assert not pattern.fits(common_name(text + "x"))
