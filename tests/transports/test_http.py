"""HTTP octet by octet: what a scripted peer says, and what becomes of it."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest

from runner import __version__
from runner.errors import Busy, NotCmp, NotSent, Unanswered
from runner.transports import http, http_connection
from runner.transports.dial import Reach
from runner.transports.endpoint import Endpoint
from runner.transports.http import HttpTransport

CMP = b"\x30\x81\xa0" + b"\x05" * 160
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\n"
ANSWER = HEAD + b"Content-Length: 163\r\n\r\n" + CMP
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + CMP[:16] + b"\r\n93\r\n" + CMP[16:] + b"\r\n0\r\n\r\n"
KEPT_BY_1_0 = ANSWER.replace(b"1.1 200 OK", b"1.0 200 OK\r\nConnection: Keep-Alive")
UNFRAMED = b"HTTP/1.0 200 OK\r\nContent-Type: application/pkixcmp\r\n\r\n" + CMP


def test_the_request_is_as_rfc_9811_wants_it(peer, saying, outcomes):
    one = peer(saying(ANSWER))
    assert outcomes(one) == [CMP]
    head, _, body = one.requests[0].partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /pkix/ HTTP/1.1",
        f"Host: 127.0.0.1:{one.port}",
        f"User-Agent: cmp-batch/{__version__}",
        "Accept: application/pkixcmp",
        "Content-Type: application/pkixcmp",
        "Content-Length: 3",
    ]
    assert body == b"\x30\x010"


def test_the_request_leaves_in_one_write(peer, saying, monkeypatch):
    writes = []
    write = asyncio.StreamWriter.write
    monkeypatch.setattr(asyncio.StreamWriter, "write", lambda self, data: (writes.append(data), write(self, data)))

    async def run():
        async with peer(saying(ANSWER)).listening() as one:
            transport = one.transport()
            await transport.exchange(b"\x30\x00")
            await transport.close()

    asyncio.run(run())
    assert [data.endswith(b"\r\n\r\n\x30\x00") for data in writes] == [True, False]  # ours, and the peer's answer


@pytest.mark.parametrize(
    "octets",
    [
        ANSWER,
        CHUNKED,
        UNFRAMED,
        ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ANSWER.replace(b"application/pkixcmp", b"application/octet-stream"),
        ANSWER.replace(b"Content-Type: application/pkixcmp\r\n", b""),
        ANSWER.replace(b"200 OK", b"500 Oops"),
        ANSWER.replace(b"200 OK", b"404 Not Found").replace(b"pkixcmp", b"x-pkixcmp"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ANSWER,
        ANSWER.replace(b"200 OK", b"200"),
    ],
)
def test_an_answer_is_read_however_it_is_framed(peer, saying, outcomes, octets):
    assert outcomes(peer(saying(octets))) == [CMP]


@pytest.mark.parametrize("octets", [ANSWER, CHUNKED])
def test_an_answer_may_come_octet_by_octet(peer, outcomes, octets):
    async def script(talk):
        await talk.request()
        for octet in octets:
            talk.send(bytes([octet]))
            await asyncio.sleep(0)

    assert outcomes(peer(script)) == [CMP]


@pytest.mark.parametrize(
    ("octets", "kind", "words"),
    [
        (b"", Unanswered, "closed the connection without a word"),
        (b"HT", Unanswered, "broke off, or is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", NotCmp, "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", NotCmp, "does not speak HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", Unanswered, "broke off, or is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000, Unanswered, "broke off, or is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Unanswered, "broke off, or is not HTTP"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Unanswered, "broke off, or is not HTTP"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Unanswered, "answered with nothing"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://x.example/\r\nContent-Length: 0\r\n\r\n",
            NotCmp,
            "http://x.example/",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", NotCmp, "HTTP status 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Hi</title>", NotCmp, "titled “Hi”"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Unanswered, "HTTP status 500"),
    ],
)
def test_what_is_no_answer_says_why(peer, saying, outcomes, octets, kind, words):
    one = peer(saying(octets))
    [error] = outcomes(one)
    assert type(error) is kind
    assert words in f"{error.what} | {error.why}"
    assert error.next_step
    assert f"http://127.0.0.1:{one.port}/pkix/" in error.what
    assert one.connections == len(one.requests) == 1  # nothing is repeated or followed here


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(b"7", 7.0), (b"Mon, 04 May 2026 12:00:30 GMT", 30.0), (b"99999999", 3600.0)]
)
def test_a_busy_peer_says_when_to_come_back(peer, saying, outcomes, retry_after, seconds):
    octets = b"HTTP/1.1 503 Busy\r\nRetry-After: " + retry_after + b"\r\nContent-Length: 0\r\n\r\n"
    [error] = outcomes(peer(saying(octets)))
    assert type(error) is Busy
    assert error.retry_after == seconds


@pytest.mark.parametrize("octets", [ANSWER, CHUNKED, UNFRAMED])
@pytest.mark.parametrize(
    "position", [0, 1, 4, 5, 12, 17, 40, 53, 54, 55, 58, 60, 80, 90, 97, 100, 130, 150, -7, -2, -1]
)
def test_a_truncated_answer_is_none(peer, saying, outcomes, octets, position):
    [error] = outcomes(peer(saying(octets[:position])))
    assert type(error) is Unanswered


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", ANSWER[:-1]])
def test_a_reset_leaves_the_request_unanswered(peer, outcomes, sent):
    async def script(talk):
        await talk.request()
        talk.send(sent)
        await talk.writer.drain()
        talk.reset()

    [error] = outcomes(peer(script))
    assert type(error) is Unanswered


@pytest.mark.parametrize("pieces", [[], [ANSWER[:-1]], [bytes([octet]) for octet in ANSWER]])
def test_the_time_limit_is_for_the_whole_answer(peer, outcomes, pieces):
    async def script(talk):
        await talk.request()
        for piece in pieces:
            talk.send(piece)
            await asyncio.sleep(0.02)
        await talk.client_left()

    [error] = outcomes(peer(script), timeout=0.2)
    assert type(error) is Unanswered
    assert "gave no complete answer within 0.2 s" in error.what


def test_interim_answers_without_end_meet_the_time_limit(peer, outcomes):
    async def script(talk):
        await talk.request()
        while True:
            talk.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.01)

    [error] = outcomes(peer(script), timeout=1)
    assert type(error) is Unanswered


@pytest.mark.parametrize("octets", [ANSWER, CHUNKED, UNFRAMED])
def test_an_answer_is_bounded(peer, saying, outcomes, octets):
    [error] = outcomes(peer(saying(octets)), max_answer=162)
    assert type(error) is Unanswered
    assert "larger than 162 octets" in error.what
    assert outcomes(peer(saying(octets)), max_answer=163) == [CMP]


def test_a_large_answer_within_bounds_is_read(peer, saying, outcomes):
    body = b"\x30\x83\x0f\xff\x00" + bytes(0x0FFF00)
    octets = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert outcomes(peer(saying(octets, close=False)), 2) == [body, body]


@pytest.mark.parametrize(
    "octets", [ANSWER, CHUNKED, KEPT_BY_1_0, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
)
def test_a_kept_connection_is_used_again(peer, saying, outcomes, octets):
    one = peer(saying(octets, close=False))
    outcomes(one, 5)
    assert one.connections == 1
    assert len(one.requests) == 5


@pytest.mark.parametrize(
    "octets",
    [
        ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1),
        ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ANSWER + b"HTTP/1.1 200 OK\r\n",
        ANSWER + ANSWER,
    ],
)
def test_a_connection_that_is_not_clean_is_not_used_again(peer, saying, outcomes, octets):
    one = peer(saying(octets, close=False))
    assert outcomes(one, 3) == [CMP] * 3
    assert one.connections == 3


def test_many_at_once_use_a_connection_each_and_keep_as_many_as_allowed(peer, saying):
    async def run():
        async with peer(saying(ANSWER, close=False)).listening() as one:
            transport = one.transport()
            for _ in range(3):
                await asyncio.gather(*(transport.exchange(b"\x30\x00") for _ in range(4)))
            within = one.connections
            await asyncio.gather(*(transport.exchange(b"\x30\x00") for _ in range(6)))
            kept = len(transport._idle)
            await transport.close()
            return within, one.connections, kept

    assert asyncio.run(run()) == (4, 6, 4)


def test_the_last_to_rest_is_the_first_to_work(peer, saying):
    async def run():
        async with peer(saying(ANSWER, close=False)).listening() as one:
            transport = one.transport()
            await asyncio.gather(transport.exchange(b"\x30\x00"), transport.exchange(b"\x30\x00"))
            last = transport._idle[-1]
            await transport.exchange(b"\x30\x00")
            same = transport._idle[-1] is last
            await transport.close()
            return same

    assert asyncio.run(run())


def test_garbage_on_a_kept_connection_says_nothing_about_the_peer(peer, outcomes):
    async def script(talk):
        for octets in (ANSWER, b"garbage\r\n\r\n"):
            await talk.request()
            talk.send(octets)

    answer, error = outcomes(peer(script), 2)
    assert answer == CMP
    assert type(error) is Unanswered


@pytest.mark.parametrize("seen_by_the_loop", [False, True])
def test_a_connection_that_ended_while_idle_is_not_used_again(peer, saying, until, seen_by_the_loop):
    async def run():
        async with peer(saying(ANSWER, close=False)).listening() as one:
            transport = one.transport()
            await transport.exchange(b"\x30\x00")
            idle = transport._idle[0]
            one.talks[0].end()
            if seen_by_the_loop:
                await until(lambda: idle._reader.stirred)
            assert idle._reader.stirred is seen_by_the_loop
            answer = await transport.exchange(b"\x30\x00")
            await transport.close()
            return answer, one.connections

    assert asyncio.run(run()) == (CMP, 2)


def test_a_peer_that_announces_to_keep_the_connection_and_closes_gets_a_new_one(peer, outcomes):
    async def script(talk):
        await talk.request()
        talk.send(ANSWER)
        talk.end()
        await talk.client_left()

    one = peer(script)
    assert outcomes(one, 3) == [CMP] * 3
    assert one.connections == 3


def test_octets_that_nobody_asked_for_are_not_the_next_answer(peer, saying, until):
    async def run():
        async with peer(saying(ANSWER, close=False)).listening() as one:
            transport = one.transport()
            await transport.exchange(b"\x30\x00")
            one.talks[0].send(ANSWER.replace(b"\x05", b"\x06"))
            await until(lambda: transport._idle[0]._reader.stirred)
            answer = await transport.exchange(b"\x30\x00")
            await transport.close()
            return answer, one.connections

    assert asyncio.run(run()) == (CMP, 2)


def test_a_connection_that_rested_long_is_not_used_again(peer, saying, outcomes, monkeypatch):
    monkeypatch.setattr(http_connection, "LONGEST_IDLE", 0.0)
    one = peer(saying(ANSWER, close=False))
    assert outcomes(one, 3) == [CMP] * 3
    assert one.connections == 3


def _breaking(how):
    """A script that answers once, promises to stay, and ends the connection under the next request."""

    async def script(talk):
        await talk.request()
        talk.send(ANSWER)
        if await talk.request():
            getattr(talk, how)()

    return script


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_kept_connection_that_closes_under_a_request_leaves_it_unanswered(peer, saying, outcomes, how):
    one = peer(_breaking(how), saying(ANSWER, close=False))
    first, second, third, fourth = outcomes(one, 4)
    assert (first, third, fourth) == (CMP, CMP, CMP)
    assert type(second) is Unanswered
    assert "had announced to keep the connection open" in second.why
    assert len(one.requests) == 4  # the executor decides whether the second goes out again


def test_a_peer_that_does_not_keep_its_promise_gets_a_connection_for_each_request(peer, saying, outcomes):
    one = peer(_breaking("end"), saying(ANSWER, close=False))
    outcomes(one, 4)
    assert [b"\r\nConnection: close\r\n" in request for request in one.requests] == [False, False, True, True]
    assert one.connections == 3


def test_a_peer_that_closed_after_a_long_rest_keeps_its_credit(peer, saying, outcomes, monkeypatch):
    monkeypatch.setattr(http, "BROKEN_PROMISE", -1.0)
    one = peer(_breaking("end"), saying(ANSWER, close=False))
    outcomes(one, 4)
    assert not any(b"\r\nConnection: close\r\n" in request for request in one.requests)
    assert one.connections == 2


def test_when_one_kept_connection_closed_the_others_are_not_trusted(peer, saying):
    async def run():
        async with peer(saying(ANSWER, close=False), _breaking("end"), saying(ANSWER)).listening() as one:
            transport = one.transport()
            await asyncio.gather(transport.exchange(b"\x30\x00"), transport.exchange(b"\x30\x00"))
            breaks = one.talks[1].writer.get_extra_info("peername")
            transport._idle.sort(key=lambda idle: idle._writer.get_extra_info("sockname") == breaks)
            with pytest.raises(Unanswered):
                await transport.exchange(b"\x30\x00")
            left = len(transport._idle)
            await one.talks[0].over.wait()
            await transport.close()
            return left

    assert asyncio.run(asyncio.wait_for(run(), 5)) == 0


@pytest.mark.parametrize("sent", [b"", ANSWER[:50]])
def test_cancelling_closes_the_connection(peer, until, sent):
    async def run():
        asked = asyncio.Event()

        async def script(talk):
            await talk.request()
            talk.send(sent)
            asked.set()
            await talk.client_left()
            asked.clear()

        async with peer(script).listening() as one, asyncio.timeout(5):
            transport = one.transport()
            task = asyncio.create_task(transport.exchange(b"\x30\x00"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not asked.is_set())  # the peer has seen us leave
            return transport._idle

    assert asyncio.run(run()) == []


def test_after_a_late_answer_the_next_request_has_its_own_connection(peer, saying):
    async def run():
        given_up = asyncio.Event()

        async def late(talk):
            await talk.request()
            await given_up.wait()
            talk.send(ANSWER.replace(b"\x05", b"\x06"))
            await talk.client_left()

        async with peer(late, saying(ANSWER)).listening() as one:
            transport = one.transport(timeout=0.2)
            with pytest.raises(Unanswered):
                await transport.exchange(b"\x30\x00")
            given_up.set()
            answer = await transport.exchange(b"\x30\x01")
            await transport.close()
            return answer, one.connections

    assert asyncio.run(run()) == (CMP, 2)


def test_closing_lets_go_of_every_connection(peer, saying):
    async def run():
        async with peer(saying(ANSWER, close=False)).listening() as one:
            transport = one.transport()
            await asyncio.gather(*(transport.exchange(b"\x30\x00") for _ in range(3)))
            await transport.close()
            for talk in one.talks:
                await talk.over.wait()
            return len(one.talks)

    assert asyncio.run(asyncio.wait_for(run(), 5)) == 3


def test_a_connection_in_use_goes_when_its_exchange_ends(peer):
    async def run():
        asked = asyncio.Event()
        go_on = asyncio.Event()

        async def script(talk):
            await talk.request()
            asked.set()
            await go_on.wait()
            talk.send(ANSWER)
            await talk.client_left()

        async with peer(script).listening() as one:
            transport = one.transport()
            task = asyncio.create_task(transport.exchange(b"\x30\x00"))
            await asked.wait()
            await transport.close()
            go_on.set()
            return await task, transport._idle

    assert asyncio.run(asyncio.wait_for(run(), 5)) == (CMP, [])


def test_nothing_listening_is_not_sent():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = Endpoint("http", *bound.getsockname())
        with pytest.raises(NotSent):
            asyncio.run(HttpTransport(endpoint, Reach(), concurrency=1, clock=None).exchange(b"\x30\x00"))


def test_words_hold_nothing_unprintable(peer, saying, outcomes):
    nasty = "\x1b[2J\u202e\u0007 \u200b".encode()
    heads = [b"200 OK\r\nContent-Type: text/html", b"302 Found\r\nLocation: /\xe2\x80\xaex", b"500 Oops", b"403 No"]
    for head, body in itertools.product(heads, [nasty, b"<title>" + nasty + b"</title>"]):
        octets = b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        [error] = outcomes(peer(saying(octets)))
        assert f"{error.what} {error.why} {error.next_step}".isprintable()
