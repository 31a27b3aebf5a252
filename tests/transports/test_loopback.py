"""The function as a peer."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import NotSent, Unanswered
from runner.transports.loopback import LoopbackTransport


def test_the_function_answers():
    async def run():
        transport = LoopbackTransport(lambda request: request[::-1])
        answer = await transport.exchange(b"abc")
        await transport.close()
        return answer

    assert asyncio.run(run()) == b"cba"


def test_no_answer_is_unanswered():
    with pytest.raises(Unanswered):
        asyncio.run(LoopbackTransport(lambda _: b"").exchange(b"abc"))


def test_a_failure_of_the_wire_can_be_played():
    def fail(_):
        raise NotSent("down")

    with pytest.raises(NotSent, match="down"):
        asyncio.run(LoopbackTransport(fail).exchange(b"abc"))


def test_others_have_their_turn():
    async def run():
        order = []
        transport = LoopbackTransport(lambda request: request)

        async def twice(name):
            for _ in range(2):
                await transport.exchange(b"x")
                order.append(name)

        await asyncio.gather(twice("a"), twice("b"))
        return order

    assert asyncio.run(run()) == ["a", "b", "a", "b"]
