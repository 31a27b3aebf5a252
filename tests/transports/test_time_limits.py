"""The time limit of what is read: one timer for a connection, which nobody hears of who reads in time."""

from __future__ import annotations

import asyncio
from math import inf

import pytest
from support.virtual_time import VirtualLoop

from runner.transports.streams import Reader


@pytest.fixture
def loop():
    made = VirtualLoop()
    yield made
    made.close()


@pytest.fixture
def timers(loop, monkeypatch):
    """The moments for which timers were set."""
    moments, real = [], loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda when, *more, **o: (moments.append(when), real(when, *more, **o))[1])
    return moments


def test_who_reads_after_the_moment_meets_timeout_error(loop):
    async def run():
        reader = Reader(loop=loop)
        reader.allow(30.0)
        with pytest.raises(TimeoutError):
            await reader.read(1)
        return loop.time()

    assert loop.run_until_complete(run()) == 30.0


def test_many_exchanges_have_one_timer(loop, timers):
    async def run():
        reader = Reader(loop=loop)
        for second in range(100):
            loop.jump(0.1)
            reader.allow(loop.time() + 30)
            reader.feed_data(bytes([second]))
            assert await reader.read(10) == bytes([second])
            reader.allow(inf)

    loop.run_until_complete(run())
    assert timers == [pytest.approx(30.1)]


def test_the_timer_of_an_exchange_that_ended_disturbs_no_other(loop, timers):
    async def run():
        reader = Reader(loop=loop)
        reader.allow(30.0)
        reader.allow(inf)
        loop.jump(20.0)
        reader.allow(50.0)
        loop.call_at(49.0, reader.feed_data, b"late, and in time")
        assert await reader.read(100) == b"late, and in time"
        reader.allow(inf)
        await asyncio.sleep(100)
        assert reader.exception() is None

    loop.run_until_complete(run())
    assert timers[:1] == [30.0]
    assert 50.0 in timers


def test_a_moment_that_comes_sooner_is_kept(loop):
    async def run():
        reader = Reader(loop=loop)
        reader.allow(30.0)
        reader.allow(10.0)
        with pytest.raises(TimeoutError):
            await reader.read(1)
        return loop.time()

    assert loop.run_until_complete(run()) == 10.0


@pytest.mark.parametrize("end", [Reader.feed_eof, lambda reader: reader.set_exception(OSError())])
def test_no_timer_outlives_the_connection(loop, end):
    async def run():
        reader = Reader(loop=loop)
        reader.allow(30.0)
        end(reader)
        return [timer for timer in loop._scheduled if not timer.cancelled()]

    assert loop.run_until_complete(run()) == []
