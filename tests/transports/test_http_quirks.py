"""What HTTP servers want beyond RFC 9811, and what old ones answer."""

from __future__ import annotations

import struct

import pytest

from runner.errors import Delayed, NotCmp, Unanswered
from runner.transports.http import HttpSettings

CMP = b"\x30\x02\x05\x00"


def answer(body, status="200 OK", *fields, media_type="application/pkixcmp"):
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def framed(kind, value):
    return struct.pack("!I", len(value) + 3) + bytes([10, 0, kind]) + value


def first_line(request):
    return request.partition(b"\r\n")[0].decode()


def test_the_header_of_tcp_is_taken_off_an_old_servers_answer(peer, saying, outcomes):
    assert outcomes(peer(saying(answer(framed(5, CMP))))) == [CMP]


@pytest.mark.parametrize("media_type", ["application/pkixcmp-poll", "application/x-pkixcmp-poll", "text/plain"])
def test_a_reference_to_poll_with_may_come_over_http(peer, saying, outcomes, media_type):
    body = framed(1, bytes.fromhex("0000002a 00000007"))
    [delayed] = outcomes(peer(saying(answer(body, media_type=media_type))))
    assert isinstance(delayed, Delayed)
    assert (delayed.reference, delayed.seconds) == ("v10:0000002a", 7)


def test_a_reference_is_asked_with_over_http(peer, saying):
    import asyncio

    one = peer(saying(answer(CMP)))

    async def run():
        async with one.listening():
            transport = one.transport()
            found = await transport.poll("v10:0000002a")
            with pytest.raises(NotCmp) as caught:
                await transport.poll("v10:")
            await transport.close()
            return found, caught.value.cause

    assert asyncio.run(run()) == (CMP, "poll-unknown")
    head, _, body = one.requests[0].partition(b"\r\n\r\n")
    assert b"Content-Type: application/pkixcmp-poll" in head
    assert body == bytes.fromhex("00000007 0a 00 02 0000002a")


def test_a_frame_that_is_none_is_told(peer, saying, outcomes):
    [problem] = outcomes(peer(saying(answer(b"\x00\x00\x00\x01\x08", media_type="application/pkixcmp-poll"))))
    assert problem.cause == "not-framed"


def test_an_answer_has_to_begin_in_time(peer, outcomes):
    async def silent(talk):
        await talk.request()
        await talk.client_left()

    [problem] = outcomes(peer(silent), first_octet=0.05)
    assert isinstance(problem, Unanswered)
    assert "did not begin to answer within 0.05 s" in problem.what


def test_the_shorter_of_two_time_limits_is_the_one_that_is_told(peer, outcomes):
    async def silent(talk):
        await talk.request()
        await talk.client_left()

    [problem] = outcomes(peer(silent), first_octet=5, timeout=0.05)
    assert "gave no complete answer within 0.05 s" in problem.what


def test_once_begun_an_answer_may_take_longer_than_its_first_octet(peer, outcomes):
    import asyncio

    async def slow(talk):
        await talk.request()
        talk.send(answer(CMP)[:-2])
        await asyncio.sleep(0.15)
        talk.send(CMP[-2:])

    assert outcomes(peer(slow), first_octet=0.1) == [CMP]


def test_an_old_server_gets_http_1_0_and_whole_urls(peer, saying, outcomes):
    one = peer(saying(answer(CMP)))
    assert outcomes(one, 2, http=HttpSettings(http10=True, absolute_uri=True)) == [CMP] * 2
    assert {first_line(request) for request in one.requests} == {f"POST http://127.0.0.1:{one.port}/pkix/ HTTP/1.0"}
    assert all(b"Connection: close" in request for request in one.requests)


def test_a_password_is_given_only_to_who_asks_for_one(peer, outcomes):
    async def asks(talk):
        while request := await talk.request():
            known = b"Authorization: Basic am9lOnDDpHNz" in request
            talk.send(answer(CMP) if known else answer(b"", "401 Who", 'WWW-Authenticate: Basic realm="x"'))

    one = peer(asks)
    assert outcomes(one, 2, http=HttpSettings(user="joe", password="päss")) == [CMP] * 2
    assert [b"Authorization" in request for request in one.requests] == [False, True, True]
    [problem] = outcomes(peer(asks), http=HttpSettings(user="joe", password="wrong"))
    assert problem.cause == "unauthorized"


def test_a_password_is_not_given_for_another_scheme(peer, saying, outcomes):
    one = peer(saying(answer(b"", "401 Who", "WWW-Authenticate: Negotiate"), close=False))
    [problem] = outcomes(one, http=HttpSettings(user="joe", password="päss"))
    assert problem.cause == "unauthorized"
    assert b"Authorization" not in b"".join(one.requests)


def test_more_headers_go_out_with_every_request(peer, saying, outcomes):
    one = peer(saying(answer(CMP), close=False))
    assert outcomes(one, 2, http=HttpSettings(headers=(("X-Tenant", "plant"),))) == [CMP] * 2
    assert all(b"\r\nX-Tenant: plant\r\n" in request for request in one.requests)


def test_settings_show_no_password():
    assert "hunter2" not in repr(HttpSettings(user="joe", password="hunter2"))


def test_a_refusal_whose_words_are_lost_is_still_a_refusal(peer, outcomes):
    async def resets(talk):
        await talk.request()
        talk.send(b"HTTP/1.1 413 Large\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n<html>")
        await talk.writer.drain()

    [problem] = outcomes(peer(resets))
    assert isinstance(problem, NotCmp)
    assert problem.cause == "request-size"
