"""The client's HTTP transport and the lab's server, which share nothing, together."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import NotCmp, Unanswered
from runner.serving import http as server
from runner.system import SystemClock
from runner.transports.open import Address, open_transport

PREFIX = b"\x30\x82\x00\x04"


def together(respond, talk):
    """Run `await talk(transport)` against a lab server with `respond`; its result."""

    async def run():
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.serve(respond, ready=ready.set_result))
        transport = open_transport(Address((f"{await ready}pkix/",)), concurrency=8, clock=SystemClock())
        try:
            return await talk(transport)
        finally:
            await transport.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_every_request_gets_its_own_answer_over_few_connections(monkeypatch):
    connections = []
    begin = server._Talk.__init__
    monkeypatch.setattr(
        server._Talk, "__init__", lambda self, *given: (connections.append(self), begin(self, *given))[1]
    )

    async def talk(transport):
        async def worker(number):
            for turn in range(25):
                message = PREFIX + bytes([number, turn, 0, 1])
                assert await transport.exchange(message) == message[:4] + message[:3:-1]

        await asyncio.gather(*(worker(number) for number in range(8)))
        return len(connections)

    assert together(lambda request: request[:4] + request[:3:-1], talk) == 8


def test_large_messages_pass_both_ways():
    message = b"\x30\x83\x0f\xff\x00" + bytes(0x0FFF00)
    assert together(lambda request: request, lambda transport: transport.exchange(message)) == message


@pytest.mark.parametrize(
    ("respond", "message", "kind", "words"),
    [
        (lambda _: b"", PREFIX, Unanswered, "HTTP status 204"),
        (lambda _: PREFIX, bytes(server.LARGEST_REQUEST + 1), NotCmp, "HTTP status 413"),
        (None, PREFIX, Unanswered, "HTTP status 500"),  # nothing to call: a fault of the responder
    ],
)
def test_the_servers_refusals_are_understood(respond, message, kind, words):
    with pytest.raises(kind, match=words):
        together(respond, lambda transport: transport.exchange(message))


def test_a_restarted_server_is_found_again():
    async def run():
        ready = []
        answers = []
        transport = None
        port = 0
        for _ in range(2):
            begun = asyncio.Event()
            listening = server.serve(
                lambda request: request, port=port, ready=lambda url, begun=begun: (ready.append(url), begun.set())
            )
            task = asyncio.create_task(listening)
            await begun.wait()
            port = int(ready[-1].rstrip("/").rpartition(":")[2])
            transport = transport or open_transport(Address((ready[-1],)), concurrency=1, clock=SystemClock())
            answers.append(await transport.exchange(PREFIX + b"1234"))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await transport.close()
        return answers

    assert asyncio.run(asyncio.wait_for(run(), 10)) == [PREFIX + b"1234"] * 2
