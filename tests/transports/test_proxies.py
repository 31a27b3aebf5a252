"""Proxies as text: URLs, networks, who goes past, and the environment."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.transports.proxies import (
    DIRECT,
    Proxy,
    Route,
    direct_networks,
    parse_proxy,
    passes_by_name,
    route_of_environment,
    within,
)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("socks://gate", Proxy("socks", "gate", 1080)),
        ("SOCKS4://me@Gate.Example:99", Proxy("socks4", "gate.example", 99, "me")),
        ("socks5h://a%40b:c%3Ad@[::1]:1081", Proxy("socks5h", "::1", 1081, "a@b", "c:d")),
        ("socks4a://[::1]", Proxy("socks4a", "::1", 1080)),
        ("http://proxy", Proxy("http", "proxy", 80)),
        ("http://proxy:3128/", Proxy("http", "proxy", 3128)),
        (
            "socks://gate:1080/10.0.0.0/8,fd00::/8",
            Proxy("socks", "gate", 1080, direct=(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        ),
        ("socks://gate/10.1.2.3/8", Proxy("socks", "gate", 1080, direct=(ip_network("10.0.0.0/8"),))),
    ],
)
def test_a_proxy_is_read(url, proxy):
    assert parse_proxy(url) == proxy


def test_a_credential_stands_in_for_what_the_url_says():
    assert parse_proxy("socks5://me:old@gate", user="you", password="new").password == "new"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gate:1080", "begins with"),
        ("ftp://gate", "begins with"),
        ("socks5://", "names no host"),
        ("socks5://gate:x", "port is a number"),
        ("socks5://gate:0", "from 1 to 65535"),
        ("socks5://[::1]x", "brackets"),
        ("socks5://[::g]", "not an IPv6 address"),
        ("socks5://gate/10.0.0.0/99", "network/bits"),
        ("http://gate/10.0.0.0/8", "no_proxy"),
        ("socks4://me:hunter2@gate", "knows no password"),
        ("socks5://me:hunter2%C3%A9@gate", "ASCII"),
        (f"socks5://me:{'hunter2' * 40}@gate", "255"),
        ("http://me:hunter2%0d%0a@gate", "line breaks"),
    ],
)
def test_a_wrong_proxy_is_explained_without_its_password(url, words):
    with pytest.raises(ValueError) as caught:
        parse_proxy(url)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_proxy_or_a_value_error(text):
    for url in (text, f"socks5://{text}"):
        try:
            proxy = parse_proxy(url)
        except ValueError:
            continue
        assert str(proxy).isprintable()


def test_a_password_is_in_no_repr():
    proxy = parse_proxy("socks5://me:hunter2@gate")
    assert "hunter2" not in f"{proxy!r} {proxy}"


@pytest.mark.parametrize(
    ("pattern", "host", "passes"),
    [
        ("*", "ca.example", True),
        ("example", "ca.example", True),
        (".example", "ca.example", True),
        ("*.example", "ca.example", True),
        ("ca.example", "ca.example", True),
        ("a.example", "ca.example", False),
        ("CA.Example", "ca.example.", True),
        ("ca.example:8080", "ca.example", True),
        ("ca.example:81", "ca.example", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("[::1]", "::1", True),
        ("", "ca.example", False),
    ],
)
def test_who_goes_past_by_name(pattern, host, passes):
    assert passes_by_name([pattern], host, 8080) is passes


def test_networks_come_from_the_url_and_from_no_proxy():
    route = Route(parse_proxy("socks://gate/10.0.0.0/8"), ("192.168.0.0/16", "example.com"))
    assert direct_networks(route) == (ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16"))


@pytest.mark.parametrize(
    ("addresses", "inside"),
    [(["10.1.1.1"], True), (["10.1.1.1", "8.8.8.8"], False), ([], False), (["fe80::1%lo"], False)],
)
def test_every_address_has_to_be_within(addresses, inside):
    assert within(addresses, [ip_network("10.0.0.0/8")]) is inside


def test_the_environment_is_read_lower_case_first():
    environ = {"http_proxy": "a:1", "HTTP_PROXY": "http://b:2", "NO_PROXY": "x, y", "ALL_PROXY": "socks5://c"}
    assert route_of_environment(environ, "http") == Route(Proxy("http", "a", 1), ("x", "y"))
    assert route_of_environment(environ, "tcp").proxy == Proxy("socks5", "c", 1080)


def test_a_stranger_cannot_set_http_proxy_through_cgi():
    environ = {"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}
    assert route_of_environment(environ, "http") == DIRECT
