"""Name constraints of each kind, judged by `openssl verify` too (RFC 5280 §4.2.1.10)."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from support.ambient import NOON
from support.hierarchy import authority, entity, name, openssl_verify, root

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.der import tlv
from runner.asn1.structures import encode
from runner.asn1.x509 import Extension
from runner.errors import Malformed, Unauthentic
from runner.pki.extensions import NAME_CONSTRAINTS
from runner.pki.name_constraints import GeneralSubtree, NameConstraints, constraint_violated
from runner.pki.names import parse_general_name
from runner.pki.paths import find_path

KINDS = {
    "dns": x509.DNSName,
    "email": x509.RFC822Name,
    "uri": x509.UniformResourceIdentifier,
    "dn": lambda text: x509.DirectoryName(x509.Name.from_rfc4514_string(text)),
    "ip": lambda text: x509.IPAddress(ip_network(text) if "/" in text else ip_address(text)),
    "rid": lambda text: x509.RegisteredID(x509.ObjectIdentifier(text)),
}


def general(text: str) -> x509.GeneralName:
    kind, _, value = text.partition("=")
    return KINDS[kind](value)


def ca_with(permitted=(), excluded=()):
    constraints = x509.NameConstraints([*map(general, permitted)] or None, [*map(general, excluded)] or None)
    return root(more=((constraints, True),))


def named(ca, subject: str, *names: str):
    more = ((x509.SubjectAlternativeName([general(text) for text in names]), not subject),) if names else ()
    return entity(name(subject) if subject else x509.Name([]), ca, more=more)


CN = "CN=web"
GOOD, BAD = True, False
TABLE = [
    # constraint, name, whether a CA that permits the first may issue for the second
    ("dns=example.com", "dns=example.com", GOOD),
    ("dns=example.com", "dns=a.example.com", GOOD),
    ("dns=example.com", "dns=a.b.example.com", GOOD),
    ("dns=example.com", "dns=EXAMPLE.COM", GOOD),
    ("dns=example.com", "dns=*.example.com", GOOD),
    ("dns=example.com", "dns=badexample.com", BAD),
    ("dns=example.com", "dns=example.com.evil", BAD),
    ("dns=example.com", "dns=com", BAD),
    ("dns=.example.com", "dns=a.example.com", GOOD),
    ("dns=.example.com", "dns=example.com", BAD),
    ("email=a@example.com", "email=a@example.com", GOOD),
    ("email=a@example.com", "email=a@EXAMPLE.com", GOOD),
    ("email=a@example.com", "email=b@example.com", BAD),
    ("email=a@example.com", "email=A@example.com", BAD),
    ("email=a@example.com", "email=a@x.example.com", BAD),
    ("email=example.com", "email=a@example.com", GOOD),
    ("email=example.com", "email=a@Example.com", GOOD),
    ("email=example.com", "email=a@x.example.com", BAD),
    ("email=.example.com", "email=a@x.example.com", GOOD),
    ("email=.example.com", "email=a@example.com", BAD),
    ("uri=example.com", "uri=https://example.com/x", GOOD),
    ("uri=example.com", "uri=https://EXAMPLE.com:8443/x", GOOD),
    ("uri=example.com", "uri=https://a.example.com/x", BAD),
    ("uri=.example.com", "uri=https://a.example.com/x", GOOD),
    ("uri=.example.com", "uri=https://example.com/x", BAD),
    ("uri=example.com", "uri=https://evil/example.com", BAD),
    ("ip=10.0.0.0/8", "ip=10.1.2.3", GOOD),
    ("ip=10.0.0.0/8", "ip=11.1.2.3", BAD),
    ("ip=10.0.0.1/32", "ip=10.0.0.1", GOOD),
    ("ip=2001:db8::/32", "ip=2001:db8::1", GOOD),
    ("ip=2001:db8::/32", "ip=2001:db9::1", BAD),
    ("ip=10.0.0.0/8", "ip=::1", BAD),
    ("ip=0.0.0.0/0", "ip=2001:db8::1", BAD),
    ("ip=0.0.0.0/0", "ip=10.1.2.3", GOOD),
    ("dn=O=Example", "dn=CN=a,O=Example", GOOD),
    ("dn=O=Example", "dn=O=Example", GOOD),
    ("dn=O=Example", "dn=CN=a,O=EXAMPLE", GOOD),
    ("dn=O=Example", "dn=O=Example,CN=a", BAD),
    ("dn=O=Example", "dn=CN=a", BAD),
]


@pytest.mark.parametrize(("constraint", "san", "inside"), TABLE)
def test_permitted(openssl, tmp_path, constraint, san, inside):
    subject = "CN=a,O=Example" if constraint.startswith("dn=") else CN
    assert judged(openssl, tmp_path, ca_with(permitted=[constraint]), subject, san) == inside


@pytest.mark.parametrize(("constraint", "san", "inside"), TABLE)
def test_excluded(openssl, tmp_path, constraint, san, inside):
    assert judged(openssl, tmp_path, ca_with(excluded=[constraint]), CN, san) != inside


def judged(openssl, folder, ca, subject, *names) -> bool:
    """Whether the CA may issue for these names, by us and by openssl."""
    web = named(ca, subject, *names)
    violated = constraint_violated(ca.ours, web.ours)
    theirs = openssl_verify(openssl, folder, web, [], [ca])
    assert (theirs.returncode == 0) == (violated == ""), (violated, theirs.stderr)
    if violated:
        with pytest.raises(Unauthentic) as refused:
            find_path(web.ours, [], [ca.ours], NOON)
        assert violated in refused.value.why
        return False
    return find_path(web.ours, [], [ca.ours], NOON) == (web.ours, ca.ours)


COMBINED = {
    "another kind of name is free": (["dns=example.com"], [], CN, ["ip=10.0.0.1"], GOOD),
    "one room is enough": (["dns=a.example", "dns=b.example"], [], CN, ["dns=b.example"], GOOD),
    "every name counts": (["dns=a.example"], [], CN, ["dns=a.example", "dns=b.example"], BAD),
    "a wall inside a room": (["dns=example.com"], ["dns=bad.example.com"], CN, ["dns=x.bad.example.com"], BAD),
    "beside a wall inside a room": (["dns=example.com"], ["dns=bad.example.com"], CN, ["dns=good.example.com"], GOOD),
    "the subject is a name": (["dn=O=Example"], [], "CN=a,O=Other", [], BAD),
    "the subject may stand": (["dn=O=Example"], [], "CN=a,O=Example", [], GOOD),
    "no subject, no directory name": (["dn=O=Example"], [], "", ["dns=a.example"], GOOD),
    "the subject's address": (["email=example.com"], [], "1.2.840.113549.1.9.1=a@evil.example,CN=a", [], BAD),
    "the subject's good address": (["email=example.com"], [], "1.2.840.113549.1.9.1=a@example.com,CN=a", [], GOOD),
    "the subject's excluded address": ([], ["email=evil.example"], "1.2.840.113549.1.9.1=a@evil.example,CN=a", [], BAD),
    "registered IDs cannot be judged": (["rid=1.2.3"], [], CN, ["rid=1.2.3"], BAD),
    "registered IDs that are excluded cannot be judged": ([], ["rid=1.2.3"], CN, ["rid=1.2.4"], BAD),
    "a URI without a host": (["uri=example.com"], [], CN, ["uri=urn:x:example.com"], BAD),
    "a URI without a host is excluded": ([], ["uri=example.com"], CN, ["uri=urn:x:y"], BAD),
}


@pytest.mark.parametrize(("permitted", "excluded", "subject", "names", "good"), COMBINED.values(), ids=COMBINED.keys())
def test_combined(openssl, tmp_path, permitted, excluded, subject, names, good):
    assert judged(openssl, tmp_path, ca_with(permitted, excluded), subject, *names) == good


STRICTER = {
    "a host with a period at its end": (["dns=evil.example"], "dns=a.evil.example."),
    "a wildcard over a host that is shut out": (["dns=evil.example.com"], "dns=*.example.com"),
    "a URI's host with a period at its end": (["uri=evil.example"], "uri=https://evil.example./"),
    "a URI that is none": (["uri=evil.example"], "uri=http://[::1"),
    "a URI of an address": (["uri=evil.example"], "uri=https://10.0.0.1/"),
}


@pytest.mark.parametrize(("excluded", "san"), STRICTER.values(), ids=STRICTER.keys())
def test_ways_around_a_wall_that_openssl_3_0_leaves_open(excluded, san):
    """RFC 5280 speaks of none of these but the last, which it refuses; a host is the same with its last period."""
    ca = ca_with(excluded=excluded)
    assert constraint_violated(ca.ours, named(ca, CN, san).ours)


def test_addresses_in_the_subject_count_only_where_no_alternative_name_is_one():
    ca = ca_with(permitted=["email=example.com"])
    subject = "1.2.840.113549.1.9.1=a@evil.example,CN=a"
    assert constraint_violated(ca.ours, named(ca, subject, "email=a@example.com").ours) == ""
    assert constraint_violated(ca.ours, named(ca, subject, "dns=a").ours) == "email=a@evil.example"


def test_constraints_reach_down_the_whole_path(openssl, tmp_path):
    top = ca_with(permitted=["dns=example.com"])
    ca = authority("CA", top)
    for host, good in (("dns=a.example.com", True), ("dns=evil.example", False)):
        web = named(ca, CN, host)
        assert (openssl_verify(openssl, tmp_path, web, [ca], [top]).returncode == 0) == good
        if good:
            assert find_path(web.ours, [ca.ours], [top.ours], NOON)
        else:
            with pytest.raises(Unauthentic) as refused:
                find_path(web.ours, [ca.ours], [top.ours], NOON)
            assert refused.value.why == '"CN=Root" may not issue for dns=evil.example (nameConstraints)'


def test_a_self_issued_ca_between_is_exempt_and_a_self_issued_target_is_not(openssl, tmp_path):
    constraints = x509.NameConstraints([general("dn=O=Example")], None)
    top = root(more=((constraints, True),))
    renewed = authority("Root", top)
    web = named(renewed, "CN=a,O=Example")
    assert openssl_verify(openssl, tmp_path, web, [renewed], [top]).returncode == 0
    assert len(find_path(web.ours, [renewed.ours], [top.ours], NOON)) == 3
    assert openssl_verify(openssl, tmp_path, renewed, [], [top]).returncode != 0
    with pytest.raises(Unauthentic):
        find_path(renewed.ours, [], [top.ours], NOON)


def constrained(value: bytes):
    """A CA with these octets as its name constraints."""
    ca = root().ours
    return replace(
        ca, extensions=(*ca.extensions, Extension(extn_id=NAME_CONSTRAINTS, critical=True, extn_value=value))
    )


def test_a_minimum_or_maximum_is_refused():
    base = parse_general_name("dns=example.com").der
    web = named(root(), CN, "dns=a.example.com").ours
    for more in ({"minimum": 1}, {"maximum": 3}):
        subtree = GeneralSubtree(base=base, **more)
        for constraints in (NameConstraints(permitted=(subtree,)), NameConstraints(excluded=(subtree,))):
            with pytest.raises(Malformed, match="minimum or maximum"):
                constraint_violated(constrained(encode(constraints)), web)


@pytest.mark.parametrize(
    "value", [b"", b"\x05\x00", b"\x30\x03\xa0\x01\x00", encode(AlgorithmIdentifier(algorithm="1.2"))]
)
def test_constraints_that_cannot_be_read(value):
    with pytest.raises(Malformed):
        constraint_violated(constrained(value), root("web").ours)


def test_an_address_whose_length_is_written_long_is_judged_all_the_same():
    """BER in a trusted CA's constraint must not open it."""
    base = b"\x87\x81\x08" + bytes([10, 0, 0, 0, 255, 0, 0, 0])
    ca = constrained(encode(NameConstraints(excluded=(GeneralSubtree(base=base),))))
    assert constraint_violated(ca, named(root(), CN, "ip=10.1.2.3").ours) == "ip=10.1.2.3"
    assert constraint_violated(ca, named(root(), CN, "ip=11.1.2.3").ours) == ""


def test_a_thousand_constraints_take_no_time_and_more_are_refused():
    bases = tuple(GeneralSubtree(base=parse_general_name(f"dn=O=a{n}").der) for n in range(250))
    ca = constrained(encode(NameConstraints(permitted=bases, excluded=bases)))
    web = named(root(), CN, *(f"dn=O=b{n}" for n in range(100))).ours
    began = time.process_time()
    assert constraint_violated(ca, web)
    assert time.process_time() - began < 1
    crowded = named(root(), CN, *(f"dn=O=b{n}" for n in range(140))).ours
    with pytest.raises(Malformed, match="more names and name constraints"):
        constraint_violated(ca, crowded)


def test_a_kind_that_cannot_be_judged_is_free_where_nothing_constrains_it():
    other = tlv(0xA0, bytes.fromhex("06032a0304a0020500"))
    ca = ca_with(permitted=["dns=example.com"])
    web = named(root(), CN, "dns=example.com").ours
    san = Extension(extn_id="2.5.29.17", extn_value=tlv(0x30, other))
    assert constraint_violated(ca.ours, replace(web, extensions=(san,))) == ""
