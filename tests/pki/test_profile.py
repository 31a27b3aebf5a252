"""What a certificate should say against what it says: differences people can read, and none that nobody asked for."""

from __future__ import annotations

import pytest
from cryptography import x509
from support.hierarchy import SIGN, entity, key_usage, name, root

from runner.pki.names import parse_general_name, parse_name
from runner.pki.profile import Difference, Profile, differences, profile_of

CA = root()
SERVER, CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
SANS = x509.SubjectAlternativeName([x509.DNSName("Web.Example"), x509.DNSName("b.example")])
PURPOSES = x509.ExtendedKeyUsage([x509.ObjectIdentifier(SERVER)])
FULL = entity(
    name("CN=web,O=Example"),
    CA,
    usages=frozenset({"digital_signature", "key_encipherment"}),
    more=((SANS, False), (PURPOSES, False)),
).ours
BARE = entity(name("CN=web,O=Example"), CA, usages=None).ours


def profile(subject="O=Example, CN=web", sans=(), usages=(), purposes=()):
    return Profile(parse_name(subject), tuple(map(parse_general_name, sans)), usages, purposes)


FITS = {
    "everything as wished": profile(
        sans=["dns=web.example", "dns=b.example"], usages=("digitalSignature", "keyEncipherment"), purposes=(SERVER,)
    ),
    "another order": profile(
        sans=["dns=B.EXAMPLE", "dns=web.example"], usages=("keyEncipherment", "digitalSignature"), purposes=(SERVER,)
    ),
    "no wish but the subject": profile(),
    "the subject in other letters": profile("O=EXAMPLE, CN=Web"),
    "no wish at all": profile(""),
}


@pytest.mark.parametrize("wish", FITS.values(), ids=FITS.keys())
def test_what_fits(wish):
    assert differences(wish, FULL) == ()


DIFFERS = {
    "another subject": (
        profile("CN=web, O=Example"),
        "subject",
        'subject is "O=Example, CN=web", not "CN=web, O=Example"',
    ),
    "a name that is lacking": (
        profile(sans=["dns=web.example", "dns=b.example", "ip=10.0.0.1"]),
        "alt_names",
        "SAN lacks ip=10.0.0.1",
    ),
    "a name too many": (
        profile(sans=["dns=web.example"]),
        "alt_names",
        "SAN has dns=b.example, which was not asked for",
    ),
    "other names": (
        profile(sans=["dns=c.example", "dns=web.example"]),
        "alt_names",
        "SAN lacks dns=c.example and has dns=b.example, which was not asked for",
    ),
    "another usage": (
        profile(usages=("digitalSignature", "keyAgreement")),
        "key_usage",
        "key usage lacks keyAgreement and has keyEncipherment, which was not asked for",
    ),
    "another purpose": (
        profile(purposes=(CLIENT, SERVER)),
        "extended_key_usage",
        "extended key usage lacks clientAuth",
    ),
    "a purpose without a name": (
        profile(purposes=("1.2.3", SERVER)),
        "extended_key_usage",
        "extended key usage lacks 1.2.3",
    ),
}


@pytest.mark.parametrize(("wish", "field", "text"), DIFFERS.values(), ids=DIFFERS.keys())
def test_what_differs(wish, field, text):
    assert differences(wish, FULL) == (Difference(field, text),)


def test_a_certificate_without_extensions_lacks_them_all():
    wish = profile(sans=["dns=a"], usages=("digitalSignature",), purposes=(SERVER,))
    assert [d.text for d in differences(wish, BARE)] == [
        "SAN lacks dns=a",
        "key usage lacks digitalSignature",
        "extended key usage lacks serverAuth",
    ]


def test_what_a_certificate_says_is_what_its_update_asks_for():
    again = profile_of(FULL)
    assert again == profile(
        sans=["dns=Web.Example", "dns=b.example"], usages=("digitalSignature", "keyEncipherment"), purposes=(SERVER,)
    )
    assert differences(again, FULL) == ()
    assert profile_of(BARE) == profile()


def test_serial_dates_and_key_are_nobodys_wish():
    other = entity(name("CN=web,O=Example"), CA, usages=SIGN, serial=99).ours
    assert differences(profile(usages=("digitalSignature",)), other) == ()
    assert key_usage(SIGN).digital_signature
