"""URLs become endpoints, endpoints become streams, and every failure says what, why and the next step."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.errors import NotSent
from runner.transports.dial import Reach, dial
from runner.transports.endpoint import Endpoint, parse_url


@pytest.mark.parametrize(
    ("url", "endpoint", "authority"),
    [
        ("http://ca.example", Endpoint("http", "ca.example", 80, "/"), "ca.example"),
        ("https://ca.example/cmp", Endpoint("https", "ca.example", 443, "/cmp"), "ca.example"),
        ("HTTP://CA.Example:8700/pkix/", Endpoint("http", "ca.example", 8700, "/pkix/"), "ca.example:8700"),
        ("http://ca.example:/x", Endpoint("http", "ca.example", 80, "/x"), "ca.example"),
        ("https://ca.example:80/x", Endpoint("https", "ca.example", 80, "/x"), "ca.example:80"),
        ("http://ca.example./x", Endpoint("http", "ca.example.", 80, "/x"), "ca.example."),
        ("http://10.0.0.1/x?a=b&c", Endpoint("http", "10.0.0.1", 80, "/x?a=b&c"), "10.0.0.1"),
        ("http://ca.example?a=b", Endpoint("http", "ca.example", 80, "/?a=b"), "ca.example"),
        ("http://[::1]/", Endpoint("http", "::1", 80, "/"), "[::1]"),
        ("http://[2001:DB8::7]:829/x", Endpoint("http", "2001:db8::7", 829, "/x"), "[2001:db8::7]:829"),
        ("http://[fe80::1%25eth0]:81/", Endpoint("http", "fe80::1%eth0", 81, "/"), "[fe80::1]:81"),
        ("http://a_b-c.example/%20x", Endpoint("http", "a_b-c.example", 80, "/%20x"), "a_b-c.example"),
    ],
)
def test_a_url_is_read(url, endpoint, authority):
    assert parse_url(url) == endpoint
    assert parse_url(url).authority == authority


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with http://, https:// or tcp://"),
        ("ca.example/cmp", "must begin with http://, https:// or tcp://"),
        ("ftp://ca.example/", "must begin with http://, https:// or tcp://"),
        ("http:/ca.example/", "must begin with http://, https:// or tcp://"),
        ("http:///cmp", "names no host"),
        ("http://:80/cmp", "names no host"),
        ("http://joe:hunter2@ca.example/", "user name or password"),
        ("http://joe@ca.example/", "user name or password"),
        ("http://ca.example/#top", "fragment"),
        ("http://ca.example/#", "fragment"),
        ("http://ca.example/a b", "character 20 cannot stand in a URL"),
        ("http://ca.example/\r\nX: y", "character 19 cannot stand in a URL"),
        ("http://ca.example/\x1b[2J", "character 19 cannot stand in a URL"),
        ("http://kä.example/", "xn-- form"),
        ("http://ca.example/\n", "character 19 cannot stand in a URL"),
        ("http://ca.example:0/", "a port is a number from 1 to 65535"),
        ("http://ca.example:65536/", "a port is a number from 1 to 65535"),
        ("http://ca.example:http/", "the port is a number"),
        ("http://ca.example:-1/", "the port is a number"),
        ("http://2001:db8::7/", "the port is a number"),
        ("http://[2001:db8::g]/", "not an IPv6 address"),
        ("http://[10.0.0.1]/", "not an IPv6 address"),
        ("http://[v1.x]/", "not an IPv6 address"),
        ("http://[::1/", "not an IPv6 address"),
        ("http://[::1]x:80/", "IPv6"),
        ("http://a..example/", "neither a DNS name nor an IP address"),
        ("http://-a.example/", "neither a DNS name nor an IP address"),
        ("http://a%41.example/", "neither a DNS name nor an IP address"),
        (f"http://{'a' * 64}.example/", "neither a DNS name nor an IP address"),
        (f"http://{'.'.join(['a' * 60] * 5)}/", "neither a DNS name nor an IP address"),
    ],
)
def test_a_wrong_url_is_explained(url, words):
    with pytest.raises(ValueError) as caught:
        parse_url(url)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(
    st.one_of(st.text(), st.text().map(lambda rest: f"http://{rest}"), st.from_regex(r"https?://[\[\]:@a-f0-9.%/?]*"))
)
@example("http://[")
@example("http://[::1]]")
@example("http://\u2100.example/")
def test_any_text_is_an_endpoint_or_a_value_error(text):
    try:
        endpoint = parse_url(text)
    except ValueError as error:
        words = str(error)
    else:
        words = str(endpoint)
        assert parse_url(f"{endpoint.scheme}://{endpoint.authority}{endpoint.target}").port == endpoint.port
    assert words.isprintable()


@given(st.text(alphabet="!$&'()*+,;=abcXYZ-._~", min_size=8))
def test_a_password_in_a_url_is_never_repeated(password):
    with pytest.raises(ValueError) as caught:
        parse_url(f"http://joe:{password}@ca.example:99999999/")
    assert password not in str(caught.value)


def test_the_words_for_an_endpoint_leave_the_query_out():
    assert str(parse_url("http://ca.example/cmp?token=hunter2")) == "http://ca.example/cmp"


@pytest.fixture
def closed_port():
    """A port on which nothing listens: bound, never listening, for as long as the test lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def failure(endpoint, *, timeout=5.0):
    with pytest.raises(NotSent) as caught:
        asyncio.run(dial(endpoint, Reach(timeout=timeout)))
    assert caught.value.why
    assert caught.value.next_step
    return caught.value


def test_a_refused_connection_was_not_sent(closed_port):
    error = failure(Endpoint("http", "127.0.0.1", closed_port))
    assert error.what == f"http://127.0.0.1:{closed_port}/ does not take connections"
    assert error.why == "nothing listens there"


def test_every_address_refusing_is_one_cause(closed_port, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        addresses = [("127.0.0.1", closed_port), other.getsockname()]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert failure(Endpoint("http", "two.example", 80)).why == "nothing listens there"


def test_an_unreachable_host_is_told_from_a_refusal(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    async def unreachable(*_):
        raise OSError(113, "Connect call failed ('192.0.2.1', 80)")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", unreachable)
    assert failure(Endpoint("http", "far.example", 80)).why == "No route to host"


def test_an_unknown_name_was_not_sent(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(Endpoint("http", "nowhere.example", 80))
    assert error.what == "The name nowhere.example cannot be resolved"
    assert error.why == "Name or service not known"


def test_a_peer_that_takes_too_long_was_not_sent(peer):
    async def silent(talk):
        await talk.client_left()

    async def run():
        async with peer(silent).listening() as one:
            await dial(Endpoint("https", "127.0.0.1", one.port), Reach(timeout=0.2))

    with pytest.raises(NotSent) as caught:
        asyncio.run(run())
    assert "within 0.2 s" in caught.value.what


def test_small_messages_leave_at_once(peer):
    async def run():
        async with peer(lambda talk: talk.client_left()).listening() as one:
            _, writer, _ = await dial(Endpoint("http", "127.0.0.1", one.port), Reach())
            delay_off = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            await writer.wait_closed()
            return delay_off

    assert asyncio.run(run())


@pytest.mark.parametrize("deed", ["end", "octets", "reset"])
def test_a_reader_remembers_that_something_came(peer, deed):
    async def script(talk):
        {"end": talk.end, "octets": lambda: talk.send(b"!"), "reset": talk.reset}[deed]()
        await talk.client_left()

    async def run():
        async with peer(script).listening() as one, asyncio.timeout(5):
            reader, writer, _ = await dial(Endpoint("http", "127.0.0.1", one.port), Reach())
            before = reader.stirred
            with contextlib.suppress(ConnectionResetError):
                await reader.read(1)
            writer.transport.abort()
            return before, reader.stirred

    assert asyncio.run(run()) == (False, True)
