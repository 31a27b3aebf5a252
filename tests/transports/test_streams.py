"""Several addresses: the first that connects wins, a dead one does not hold it up, and all that fail are told."""

from __future__ import annotations

import asyncio
import socket

import pytest

from runner.transports import streams
from runner.transports.streams import connect_any, interleaved

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def test_families_take_turns():
    addresses = [(SIX, "a"), (SIX, "b"), (FOUR, "c"), (SIX, "d")]
    assert [name for _, name in interleaved(addresses)] == ["a", "c", "b", "d"]


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.fixture
def refusing():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


def connected(*addresses):
    async def run():
        sock = await connect_any([(FOUR, address) for address in addresses])
        with sock:
            return sock.getpeername()

    return asyncio.run(asyncio.wait_for(run(), 5))


def test_a_refusing_address_is_passed_over_at_once(listening, refusing, monkeypatch):
    monkeypatch.setattr(streams, "FIRST_ADDRESS_LEAD", 60.0)
    assert connected(refusing, listening) == listening


def test_a_silent_address_is_overtaken(listening, monkeypatch):
    monkeypatch.setattr(streams, "FIRST_ADDRESS_LEAD", 0.01)
    attempt, closed = streams._attempt, []

    async def slow(address):
        if address[1] == ("192.0.2.1", 9):
            try:
                await asyncio.sleep(60)
            finally:
                closed.append(address)
        return await attempt(address)

    monkeypatch.setattr(streams, "_attempt", slow)
    assert connected(("192.0.2.1", 9), listening) == listening
    assert len(closed) == 1


def test_all_that_fail_are_told(refusing):
    with pytest.raises(ExceptionGroup) as caught:
        connected(refusing, refusing)
    assert len(caught.value.exceptions) == 2
