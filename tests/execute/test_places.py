"""Places on a line: never more than the limit, halved when the peer has too much to do, and back again by and by."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import CountingEntropy

from runner.errors import Busy, NotSent, Unanswered
from runner.execute.line import Line, Tally
from runner.execute.places import Places
from runner.manifest.limits import Limits


class Server:
    """Bears `bears` messages at once and is busy to all beyond; each takes a second."""

    def __init__(self, bears):
        self.bears, self.out, self.most, self.busy, self.answered = bears, 0, 0, 0, 0

    async def exchange(self, request, operation=""):
        self.out += 1
        self.most = max(self.most, self.out)
        crowded = self.out > self.bears
        try:
            await asyncio.sleep(1)
        finally:
            self.out -= 1
        if crowded:
            self.busy += 1
            raise Busy("busy", cause="busy")
        self.answered += 1
        return b"answer"


def flood(hours, server, messages, **limits):
    line = Line(server, Limits(**limits), hours.clock, CountingEntropy())

    async def all_of_them():
        await asyncio.gather(*(line.exchange(b"request", Tally()) for _ in range(messages)))

    hours.run(all_of_them())
    return line


def test_a_peer_that_bears_less_than_it_is_allowed_is_found_out(hours):
    server = Server(bears=5)
    flood(hours, server, 400, concurrency=40, retries=60)
    assert server.answered == 400
    assert server.most == 40  # the first moment
    assert server.busy < 130  # without adapting, some 35 of each 40


def test_a_peer_that_bears_all_is_given_all(hours):
    server = Server(bears=40)
    line = flood(hours, server, 400, concurrency=40)
    assert (server.most, server.busy) == (40, 0)
    assert hours.clock.monotonic() == pytest.approx(10)
    assert line._places.allowed == 40


@pytest.mark.parametrize(
    ("problem", "places"),
    [
        (Busy("x", cause="busy"), 4),
        (Unanswered("x", cause="silent"), 4),
        (Unanswered("x", cause="server-error"), 4),
        (NotSent("x", cause="connect-timeout"), 4),
        (NotSent("x", cause="refused"), 8),
        (Unanswered("x", cause="broken-off"), 8),
    ],
)
def test_only_what_speaks_of_too_much_work_makes_room(hours, problem, places):
    class Wire:
        async def exchange(self, request, operation=""):
            raise problem

    line = Line(Wire(), Limits(concurrency=8, retries=0), hours.clock, CountingEntropy())
    with pytest.raises(type(problem)):
        hours.run(line.exchange(b"request", Tally()))
    assert line._places.allowed == places


def test_a_crowd_that_is_told_at_once_counts_as_one(hours):
    async def main():
        places = Places(32)
        began = [await places.enter() for _ in range(32)]
        for number in began:
            places.narrow(number)
            places.leave()
        first = places.allowed
        places.narrow(await places.enter())
        return first, places.allowed

    assert hours.run(main()) == (16, 8)


def test_it_comes_back_by_one_for_each_round(hours):
    async def main():
        places = Places(10)
        for _ in range(5):
            places.narrow(await places.enter())
            places.leave()
        seen = [places.allowed]
        for _ in range(60):
            places.widen()
            seen.append(places.allowed)
        return seen

    seen = hours.run(main())
    assert seen[0] == 1
    assert seen[1] == 2
    assert seen[-1] == 10
    assert seen == sorted(seen)


@given(st.lists(st.sampled_from(["enter", "leave", "narrow", "widen", "cancel"]), max_size=60), st.integers(1, 6))
def test_places_are_neither_lost_nor_given_twice(moves, most):
    async def main():
        places, inside, waiting = Places(most), [], []
        for move in moves:
            if move == "enter":
                waiting.append(asyncio.ensure_future(places.enter()))
            elif move == "leave" and inside:
                inside.pop()
                places.leave()
            elif move == "narrow" and inside:
                places.narrow(inside[-1])
            elif move == "widen":
                places.widen()
            elif move == "cancel" and waiting:
                waiting.pop().cancel()
            for _ in range(3):
                await asyncio.sleep(0)
            inside += [task.result() for task in waiting if task.done() and not task.cancelled()]
            waiting = [task for task in waiting if not task.done()]
            assert len(inside) <= most
            assert not waiting or len(inside) >= min(places.allowed, most)
        while inside or waiting:
            if inside:
                inside.pop()
                places.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            inside += [task.result() for task in waiting if task.done()]
            waiting = [task for task in waiting if not task.done()]

    asyncio.run(asyncio.wait_for(main(), 5))
