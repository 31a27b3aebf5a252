"""Seeded faults: each builds a small world in which one thing is wrong, and says what and whose it is.

A fault is a coroutine: a Stage goes in, a Patient comes out. Its decorator has the step that must be named first and
who can put it right.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from support import gates
from support.clinic import closed_port, frame, http, refusal, unprotected
from support.fronts import Front
from support.pki import HERE, Pki, pem_of

from runner.cmp.inquiry import inquire
from runner.system import SystemClock, SystemEntropy
from runner.transports.open import Address
from runner.transports.tls import Identity, TlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

YOU, NETWORK, CA = "you", "the network", "the CA"
FAULTS = []


@dataclass(frozen=True)
class Fault:
    """What is wrong, the step that must be named first, and whose it is; `hours`: the CA's clock is so far off."""

    make: Callable
    step: str
    whose: str
    hours: float = 0.0
    resolver: Callable | None = None

    @property
    def name(self):
        return self.make.__name__


def fault(step, whose, **more):
    def mark(make):
        FAULTS.append(Fault(make, step, whose, **more))
        return make

    return mark


async def silence(reader, writer):
    await asyncio.sleep(60)


# Settings


@fault("settings", YOU)
async def a_scheme_that_is_none(stage):
    return stage.patient("ftp://127.0.0.1/cmp")


@fault("settings", YOU)
async def a_password_in_the_url(stage):
    return stage.patient("http://joe:secret@127.0.0.1/cmp")


@fault("settings", YOU)
async def tls_anchors_that_are_no_certificates(stage):
    return stage.patient("https://127.0.0.1/cmp", tls=TlsSettings("nothing"))


@fault("settings", YOU)
async def a_tls_key_of_another_certificate(stage):
    (certificate, _), (_, key) = stage.pki.issue("a"), stage.pki.issue("b")
    return stage.patient("https://127.0.0.1/cmp", tls=TlsSettings(identity=Identity(certificate, key)))


@fault("settings", YOU)
async def a_well_known_path_behind_a_path(stage):
    patient = stage.patient("http://127.0.0.1/cmp")
    return replace(patient, address=Address(patient.address.urls, well_known=""))


# Name


def unknown(*_, **__):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def failing(*_, **__):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def hanging(*_, **__):
    time.sleep(0.5)  # in a thread of the event loop: it is what a resolver does that gets no answer
    raise socket.gaierror(socket.EAI_AGAIN, "too late")


@fault("name", YOU, resolver=unknown)
async def a_name_that_nobody_has(stage):
    return stage.patient("http://nobody.example/cmp")


@fault("name", NETWORK, resolver=failing)
async def a_name_service_in_trouble(stage):
    return stage.patient("http://ca.example/cmp")


@fault("name", NETWORK, resolver=hanging)
async def a_name_service_that_hangs(stage):
    return stage.patient("http://ca.example/cmp", connect=0.2)


# Connection


@fault("connection", CA)
async def nothing_listens(stage):
    return stage.patient(f"http://127.0.0.1:{closed_port()}/cmp")


def two_addresses(*_, **__):
    port = closed_port()
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return [(*kind, ("127.0.0.1", port)), (*kind, ("127.0.0.2", port))]


@fault("connection", CA, resolver=two_addresses)
async def nothing_listens_on_either_address(stage):
    return stage.patient("http://ca.example/cmp")


def refusing_loop(code):
    async def sock_connect(*_):
        raise OSError(code, "no")

    return sock_connect


@fault("connection", NETWORK)
async def no_route(stage):
    asyncio.get_running_loop().sock_connect = refusing_loop(113)
    return stage.patient("http://127.0.0.1:9/cmp")


@fault("connection", NETWORK)
async def no_network(stage):
    asyncio.get_running_loop().sock_connect = refusing_loop(101)
    return stage.patient("tcp://127.0.0.1:9")


@fault("connection", NETWORK)
async def a_firewall_that_drops(stage):
    async def never(*_):
        await asyncio.sleep(60)

    asyncio.get_running_loop().sock_connect = never
    return stage.patient("http://127.0.0.1:9/cmp", connect=0.2)


# Proxy


@fault("proxy", NETWORK)
async def a_proxy_that_does_not_run(stage):
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"socks5h://127.0.0.1:{closed_port()}")


@fault("proxy", NETWORK, resolver=unknown)
async def a_proxy_whose_name_nobody_has(stage):
    return stage.patient("https://127.0.0.1:9/cmp", proxy="http://gate.example:3128")


@fault("proxy", NETWORK)
async def a_proxy_that_hangs(stage):
    return stage.patient("https://127.0.0.1:9/", proxy=f"http://127.0.0.1:{await stage.serve(silence)}", connect=0.3)


@fault("proxy", YOU)
async def socks_without_the_password_it_wants(stage):
    port = stage.stack.enter_context(gates.microsocks(stage.pki.folder, user="u", password="p"))
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"socks5h://127.0.0.1:{port}")


@fault("proxy", YOU)
async def socks_with_a_wrong_password(stage):
    port = stage.stack.enter_context(gates.microsocks(stage.pki.folder, user="u", password="p"))
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"socks5h://u:q@127.0.0.1:{port}")


@fault("proxy", NETWORK)
async def socks_that_cannot_reach_the_ca(stage):
    port = stage.stack.enter_context(gates.microsocks(stage.pki.folder))
    return stage.patient(f"http://127.0.0.1:{closed_port()}/cmp", proxy=f"socks5h://127.0.0.1:{port}")


@fault("proxy", NETWORK)
async def socks_whose_rules_forbid_it(stage):
    port = stage.stack.enter_context(gates.dante(stage.pki.folder, destinations="block"))
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"socks5://127.0.0.1:{port}")


@fault("proxy", YOU)
async def a_web_server_taken_for_socks(stage):
    port = await stage.serve(web_server)
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"socks5h://127.0.0.1:{port}")


async def web_server(reader, writer):
    await reader.read(1024)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def connect_answer(status):
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return script


@fault("proxy", YOU)
async def an_http_proxy_that_wants_a_password(stage):
    port = stage.stack.enter_context(gates.tinyproxy(stage.pki.folder, login="u p"))
    return stage.patient("https://127.0.0.1:9/cmp", proxy=f"http://127.0.0.1:{port}")


@fault("proxy", YOU)
async def an_http_proxy_that_wants_a_password_for_http(stage):
    port = stage.stack.enter_context(gates.tinyproxy(stage.pki.folder, login="u p"))
    return stage.patient("http://127.0.0.1:9/cmp", proxy=f"http://127.0.0.1:{port}")


@fault("proxy", YOU)
async def an_http_proxy_with_a_wrong_password(stage):
    port = stage.stack.enter_context(gates.tinyproxy(stage.pki.folder, login="u p"))
    return stage.patient("https://127.0.0.1:9/cmp", proxy=f"http://u:q@127.0.0.1:{port}")


@fault("proxy", NETWORK)
async def an_http_proxy_whose_rules_forbid_it(stage):
    port = stage.stack.enter_context(gates.tinyproxy(stage.pki.folder, connect_port=443))
    return stage.patient("https://127.0.0.1:9/cmp", proxy=f"http://127.0.0.1:{port}")


@fault("proxy", NETWORK)
async def an_http_proxy_that_cannot_reach_the_ca(stage):
    port = await stage.serve(connect_answer("502 Bad Gateway"))
    return stage.patient("tcp://127.0.0.1:9", proxy=f"http://127.0.0.1:{port}")


# TLS


@fault("TLS", YOU)
async def a_plain_server_behind_https(stage):
    port = await stage.serve(web_server)
    return stage.patient(f"https://127.0.0.1:{port}/cmp")


async def over_tls(stage, context, tls=None, script=silence, **more):
    port = await stage.serve(script, context)
    return stage.patient(f"https://127.0.0.1:{port}/cmp", tls=tls or TlsSettings(stage.pki.anchors), **more)


@fault("TLS", CA)
async def an_expired_certificate(stage):
    return await over_tls(stage, stage.pki.server(HERE, days=-1))


@fault("TLS", YOU)
async def a_certificate_that_is_not_valid_yet(stage):
    return await over_tls(stage, stage.pki.server(HERE, days=9, since=1))


@fault("TLS", YOU)
async def a_certificate_of_a_ca_that_is_not_trusted(stage):
    return await over_tls(stage, stage.pki.server(HERE), TlsSettings())


@fault("TLS", YOU)
async def a_certificate_that_signed_itself(stage):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = Pki(stage.pki.folder, "127.0.0.1")
    (stage.pki.folder / "own.pem").write_text(own.anchors + pem_of(own.key).decode())
    context.load_cert_chain(stage.pki.folder / "own.pem")
    return await over_tls(stage, context)


@fault("TLS", YOU)
async def a_certificate_for_another_name(stage):
    return await over_tls(stage, stage.pki.server(x509.DNSName("other.example")))


@fault("TLS", CA)
async def a_server_of_old_tls(stage):
    context = stage.pki.server(HERE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return await over_tls(stage, context)


@fault("TLS", CA)
async def another_key_than_the_pinned_one(stage):
    return await over_tls(stage, stage.pki.server(HERE), TlsSettings(stage.pki.anchors, pins=(b"x" * 32,)))


@fault("TLS", YOU)
async def a_server_that_wants_our_certificate(stage):
    context = stage.pki.server(HERE, clients=stage.pki.anchors)
    port = stage.stack.enter_context(Front("", tls=context).serving()).port
    return stage.patient(f"https://127.0.0.1:{port}/cmp", tls=TlsSettings(stage.pki.anchors))


@fault("TLS", YOU)
async def a_server_of_tls_1_2_that_wants_our_certificate(stage):
    context = stage.pki.server(HERE, clients=stage.pki.anchors)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = stage.stack.enter_context(Front("", tls=context).serving()).port
    return stage.patient(f"https://127.0.0.1:{port}/cmp", tls=TlsSettings(stage.pki.anchors))


@fault("TLS", YOU)
async def a_server_that_does_not_know_our_certificate(stage):
    context = stage.pki.server(HERE, clients=stage.pki.anchors)
    (stage.pki.folder / "other").mkdir()
    identity = Identity(*Pki(stage.pki.folder / "other", "Somebody else").issue("client"))
    port = stage.stack.enter_context(Front("", tls=context).serving()).port
    return stage.patient(f"https://127.0.0.1:{port}/cmp", tls=TlsSettings(stage.pki.anchors, identity))


@fault("TLS", CA)
async def a_server_that_hangs_up_in_the_handshake(stage):
    async def hangs_up(reader, writer):
        await reader.read(1)
        writer.transport.abort()

    return stage.patient(f"https://127.0.0.1:{await stage.serve(hangs_up)}/cmp")


@fault("TLS", CA)
async def a_server_that_is_silent_in_the_handshake(stage):
    return stage.patient(f"https://127.0.0.1:{await stage.serve(silence)}/cmp", connect=0.3)


# HTTP


def says(octets):
    async def script(reader, writer):
        await reader.read(65536)
        writer.write(octets)
        await writer.drain()

    return script


def http_fault(name, step, whose, octets, **reach):
    """One more fault: a server that answers with these octets and closes."""

    async def make(stage):
        return stage.patient(f"http://127.0.0.1:{await stage.serve(says(octets))}/cmp", **reach)

    make.__name__ = name
    fault(step, whose)(make)


http_fault("another_service_behind_the_port", "HTTP", YOU, b"SSH-2.0-OpenSSH_9.9\r\n")
http_fault("a_server_that_closes_without_a_word", "HTTP", CA, b"")
http_fault("an_answer_that_breaks_off", "HTTP", CA, http(b"\x30\x82\x01\x00")[:-2])
http_fault("an_answer_that_is_too_large", "HTTP", CA, http(b"\x30" * 4000), max_answer=1024)
http_fault("an_empty_answer", "HTTP", CA, http(b""))
http_fault("a_redirect", "HTTP", YOU, http(b"", "302 Found", "text/html", "Location: https://login.example/"))
http_fault("a_server_that_wants_a_password", "HTTP", YOU, http(b"", "401 No", "text/html", "WWW-Authenticate: Basic"))
http_fault("a_server_that_forbids_us", "HTTP", CA, http(b"no", "403 Forbidden", "text/plain"))
http_fault("a_path_where_nothing_is", "HTTP", YOU, http(b"no", "404 Not Found", "text/plain"))
http_fault("a_path_that_takes_no_post", "HTTP", YOU, http(b"no", "405 No", "text/plain"))
http_fault("a_service_that_does_not_take_cmp", "HTTP", YOU, http(b"no", "415 No", "text/plain"))
http_fault("a_server_that_is_busy", "HTTP", CA, http(b"", "503 Later", "text/plain"))
http_fault("a_server_in_trouble", "HTTP", CA, http(b"<html>", "500 Oops", "text/html"))
http_fault("a_gateway_without_its_ca", "HTTP", CA, http(b"<html>", "502 Bad Gateway", "text/html"))
http_fault("a_server_of_http_1_0_alone", "HTTP", YOU, http(b"", "505 No", "text/plain"))
http_fault("a_server_that_finds_fault_with_us", "HTTP", CA, http(b"no", "400 Bad Request", "text/plain"))
http_fault("a_login_page", "content type", YOU, http(b"<html><title>Log in</title>", "200 OK", "text/html"))
http_fault("another_api", "content type", YOU, http(json.dumps({"ok": 1}).encode(), "200 OK", "application/json"))
http_fault("a_sequence_that_is_no_pkimessage", "genm", CA, http(b"\x30\x03\x02\x01\x05"))


@fault("HTTP", CA)
async def a_server_that_never_answers(stage):
    return stage.patient(f"http://127.0.0.1:{await stage.serve(silence)}/cmp", first_octet=0.2)


@fault("HTTP", CA)
async def a_server_that_never_ends(stage):
    async def trickles(reader, writer):
        writer.write(http(b"\x30" * 9)[:-3])
        await asyncio.sleep(60)

    return stage.patient(f"http://127.0.0.1:{await stage.serve(trickles)}/cmp", timeout=0.3)


# CMP over TCP


@fault("HTTP", YOU)
async def a_web_server_behind_tcp(stage):
    return stage.patient(f"tcp://127.0.0.1:{await stage.serve(web_server)}")


@fault("HTTP", YOU)
async def a_server_of_another_framing(stage):
    error = frame(6, b"\x01\x01\x00\x01\x0bversion 11 only")
    return stage.patient(f"tcp://127.0.0.1:{await stage.frames(lambda _: error)}")


@fault("HTTP", CA)
async def an_error_instead_of_an_answer_over_tcp(stage):
    error = frame(6, b"\x03\x00\x00\x00database is down")
    return stage.patient(f"tcp://127.0.0.1:{await stage.frames(lambda _: error)}")


# CMP


async def spoilt(stage, spoil, **parties):
    port = await stage.answers(lambda body, _: http(spoil(stage.lab.respond(body))))
    return stage.patient(f"http://127.0.0.1:{port}/cmp", parties=stage.parties(**parties))


def refused(name, step, whose, bit):
    async def make(stage):
        return await spoilt(stage, lambda answer: refusal(answer, bit))

    make.__name__ = name
    fault(step, whose)(make)


refused("a_ca_of_another_version", "genm", YOU, "unsupportedVersion")
refused("a_message_for_another_ca", "genm", YOU, "wrongAuthority")
refused("a_ca_in_trouble", "genm", CA, "systemFailure")
refused("a_ca_that_dislikes_our_clock", "clock", YOU, "badTime")
refused("a_ca_that_does_not_know_our_certificate", "protection", YOU, "signerNotTrusted")


@fault("clock", CA, hours=3.0)
async def a_ca_whose_clock_is_wrong(stage):
    return await spoilt(stage, lambda answer: answer)


@fault("protection", YOU)
async def a_wrong_secret(stage):
    return await spoilt(stage, lambda answer: answer, secret="another")


@fault("protection", CA)
async def an_answer_without_protection(stage):
    return await spoilt(stage, unprotected)


@fault("protection", CA)
async def an_answer_to_another_question(stage):
    first = []

    def stale(answer):
        first.append(answer)
        return first[0]

    patient = await spoilt(stage, stale)
    stale(stage.lab.respond(inquire(patient.parties, SystemClock().now(), SystemEntropy()).request))
    return patient
