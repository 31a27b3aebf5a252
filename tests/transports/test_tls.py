"""TLS: whom we believe, and the words where we do not."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from cryptography import x509
from support.pki import HERE, Pki

from runner.errors import BadInput, NotSent
from runner.transports.tls import Identity, TlsSettings

CMP = b"\x30\x02\x05\x00"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: 4\r\n\r\n" + CMP


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


def test_a_trusted_server_is_spoken_to_over_one_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER, close=False), tls=pki.server(HERE))
    assert outcomes(one, 4, scheme="https", tls=TlsSettings(pki.anchors)) == [CMP] * 4
    assert one.connections == 1


def test_a_server_that_closes_over_tls_gets_a_new_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)), tls=pki.server(HERE))
    assert outcomes(one, 2, scheme="https", tls=TlsSettings(pki.anchors)) == [CMP] * 2
    assert one.connections == 2


def test_a_server_that_announces_to_keep_tls_open_and_closes_gets_a_new_connection(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    assert outcomes(one, 3, scheme="https", tls=TlsSettings(pki.anchors)) == [CMP] * 3
    assert one.connections == 3


def refusal(found):
    [error] = found
    assert type(error) is NotSent
    assert error.next_step
    return error


def test_an_unknown_ca_is_not_trusted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    error = refusal(outcomes(one, scheme="https"))
    assert f"The TLS certificate of https://127.0.0.1:{one.port}/pkix/ is not acceptable" in error.what
    assert "local issuer certificate" in error.why
    assert "`tls: {trust: …}`" in error.next_step
    assert one.requests == []


def test_another_hosts_certificate_is_not_accepted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(x509.DNSName("other.example")))
    error = refusal(outcomes(one, scheme="https", tls=TlsSettings(pki.anchors)))
    assert "127.0.0.1" in error.why
    assert "match" in error.why or "not valid for" in error.why


def test_an_expired_certificate_is_not_accepted(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE, days=-1))
    assert "expired" in refusal(outcomes(one, scheme="https", tls=TlsSettings(pki.anchors))).why


def test_a_server_of_old_tls_is_not_spoken_to(peer, saying, outcomes, pki):
    context = pki.server(HERE)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    error = refusal(outcomes(peer(saying(ANSWER), tls=context), scheme="https", tls=TlsSettings(pki.anchors)))
    assert "TLS" in error.what + error.next_step


def test_a_plain_server_behind_https_is_recognised(peer, outcomes):
    async def plain(talk):
        talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await talk.client_left()

    error = refusal(outcomes(peer(plain), scheme="https"))
    assert "TLS with https://127.0.0.1" in error.what
    assert "plain http://" in error.next_step


def test_a_peer_that_hangs_up_during_the_handshake_was_not_sent(peer, outcomes):
    async def hangs_up(talk):
        await talk.reader.read(1)
        talk.reset()

    error = refusal(outcomes(peer(hangs_up), scheme="https"))
    assert "during the TLS handshake" in error.why


def test_useless_anchors_are_bad_input(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    [error] = outcomes(one, scheme="https", tls=TlsSettings("no certificate here"))
    assert type(error) is BadInput
    assert "trust anchors for TLS" in error.what


def test_tls_settings_say_nothing_about_plain_http(peer, saying, outcomes, pki):
    assert outcomes(peer(saying(ANSWER)), tls=TlsSettings(pki.anchors)) == [CMP]


def test_a_connection_that_ends_under_tls_while_idle_is_not_used_again(peer, saying, until, pki):
    async def run():
        async with peer(saying(ANSWER, close=False), tls=pki.server(HERE)).listening() as one:
            transport = one.transport(scheme="https", tls=TlsSettings(pki.anchors))
            await transport.exchange(b"\x30\x00")
            one.talks[0].writer.transport.abort()
            await until(lambda: transport._idle[0]._reader.stirred)
            answer = await transport.exchange(b"\x30\x00")
            await transport.close()
            return answer, one.connections

    assert asyncio.run(run()) == (CMP, 2)


@pytest.mark.parametrize("name", [".example", "xn--a.example", "a" * 300])
def test_a_name_that_has_no_place_in_tls_was_not_sent(peer, saying, outcomes, pki, name):
    one = peer(saying(ANSWER), tls=pki.server(HERE))
    error = refusal(outcomes(one, scheme="https", tls=TlsSettings(pki.anchors, server_name=name)))
    assert error.cause in ("tls-name", "tls-hangup")


def test_our_own_certificate_is_shown(peer, saying, outcomes, pki):
    one = peer(saying(ANSWER, close=False), tls=pki.server(HERE, clients=pki.anchors))
    assert outcomes(one, 2, scheme="https", tls=TlsSettings(pki.anchors, Identity(*pki.issue("client")))) == [CMP] * 2


def test_an_identity_shows_no_key():
    assert "hunter2" not in repr(TlsSettings(identity=Identity(b"", b"hunter2")))
