"""Well-known paths and the labels of operations (RFC 9811 §3.3, RFC 9483 §6.1)."""

from __future__ import annotations

import pytest

from runner.transports.endpoint import labelled, parse_url, well_known


@pytest.mark.parametrize(
    ("profile", "target"),
    [("", "/.well-known/cmp"), ("plant", "/.well-known/cmp/p/plant"), ("a b/c", "/.well-known/cmp/p/a%20b%2Fc")],
)
def test_the_well_known_path(profile, target):
    assert well_known(parse_url("https://ca.example"), profile).target == target


def test_a_path_and_the_well_known_one_are_too_much():
    with pytest.raises(ValueError, match="leave the path out"):
        well_known(parse_url("https://ca.example/cmp"))


@pytest.mark.parametrize(
    ("target", "operation", "result"),
    [
        ("/.well-known/cmp", "ir", "/.well-known/cmp/initialization"),
        ("/cmp/", "kur", "/cmp/keyupdate"),
        ("/cmp?a=b", "p10cr", "/cmp/pkcs10?a=b"),
        ("/cmp", "cr", "/cmp/certification"),
        ("/cmp", "rr", "/cmp/revocation"),
        ("/cmp", "genm", "/cmp"),
        ("/cmp", "", "/cmp"),
    ],
)
def test_an_operation_is_one_more_segment(target, operation, result):
    assert labelled(target, operation) == result


@pytest.mark.parametrize(
    ("url", "port"), [("tcp://ca.example", 829), ("tcp://ca.example:1829/x", 1829), ("tcp://[::1]:830", 830)]
)
def test_tcp_has_a_port_of_its_own(url, port):
    assert parse_url(url).port == port
    assert not parse_url(url).secure
