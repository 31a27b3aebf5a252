"""The line's manners, in virtual time: places, messages per second, and who is tried again, when, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ambient import CountingEntropy
from support.virtual_time import LoopClock, VirtualLoop

from runner.errors import Busy, Claimed, NotCmp, NotSent, TransportError, Unanswered
from runner.execute.line import FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE, Line, Tally
from runner.manifest.limits import Limits


@dataclass
class Wire:
    """A transport that takes `seconds` for each message; `acts` are raised or returned first."""

    clock: object
    acts: list = field(default_factory=list)
    seconds: float = 0.0
    begun: list = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def exchange(self, request, operation=""):
        self.begun.append(self.clock.monotonic())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        act = self.acts.pop(0) if self.acts else b"answer"
        if isinstance(act, Exception):
            raise act
        return act

    async def close(self):
        self.closed = True


class Chance:
    """Entropy that always draws the same share (0 to 1)."""

    def __init__(self, share):
        self.share = share

    def octets(self, count):
        return min(int(self.share * 2 ** (8 * count)), 2 ** (8 * count) - 1).to_bytes(count, "big")


def line(hours, wire, *, entropy=None, **limits):
    return Line(wire, Limits(**limits), hours.clock, entropy or CountingEntropy())


def all_at_once(hours, the_line, count):
    async def main():
        return await asyncio.gather(*(the_line.exchange(b"request", Tally()) for _ in range(count)))

    return hours.run(main())


def test_no_more_messages_are_out_at_once_than_the_authority_bears(hours):
    wire = Wire(hours.clock, seconds=1)
    all_at_once(hours, line(hours, wire, concurrency=3), 10)
    assert wire.most == 3
    assert wire.begun == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


def test_messages_per_second_are_counted_one_by_one(hours):
    wire = Wire(hours.clock)
    all_at_once(hours, line(hours, wire, concurrency=50, messages_per_second=4), 9)
    assert wire.begun == pytest.approx([n / 4 for n in range(9)])


def test_a_rest_does_not_save_up_messages_for_a_burst(hours):
    wire = Wire(hours.clock)
    limited = line(hours, wire, messages_per_second=2)
    all_at_once(hours, limited, 1)
    hours.run(asyncio.sleep(60))
    all_at_once(hours, limited, 3)
    assert wire.begun == pytest.approx([0, 60, 60.5, 61])


def test_repeats_count_as_messages_too(hours):
    wire = Wire(hours.clock, [Unanswered("lost"), Unanswered("lost")])
    limited = line(hours, wire, messages_per_second=0.1, entropy=Chance(0))
    hours.run(limited.exchange(b"request", Tally()))
    assert wire.begun == pytest.approx([0, 10, 20])


def test_without_a_limit_nobody_waits(hours):
    wire = Wire(hours.clock)
    all_at_once(hours, line(hours, wire, concurrency=50), 20)
    assert wire.begun == [0] * 20


@pytest.mark.parametrize(
    "problem", [NotSent("refused"), Unanswered("lost"), Busy("503")], ids=lambda p: type(p).__name__
)
def test_what_may_fare_better_is_tried_again(hours, problem):
    wire, tally = Wire(hours.clock, [problem, problem]), Tally()
    assert hours.run(line(hours, wire, retries=2).exchange(b"request", tally)) == b"answer"
    assert tally.attempts == len(wire.begun) == 3


@pytest.mark.parametrize(
    "problem", [NotCmp("html"), Claimed("no"), TransportError("other")], ids=lambda p: type(p).__name__
)
def test_what_will_not_is_not(hours, problem):
    wire, tally = Wire(hours.clock, [problem]), Tally()
    with pytest.raises(type(problem)):
        hours.run(line(hours, wire, retries=5).exchange(b"request", tally))
    assert len(wire.begun) == 1


def test_the_last_failure_is_the_one_that_is_told(hours):
    wire = Wire(hours.clock, [NotSent("first"), NotSent("second"), NotSent("third")])
    with pytest.raises(NotSent, match="third"):
        hours.run(line(hours, wire, retries=2).exchange(b"request", Tally()))
    assert len(wire.begun) == 3


def test_no_retries_means_one_attempt(hours):
    wire = Wire(hours.clock, [Busy("503")])
    with pytest.raises(Busy):
        hours.run(line(hours, wire, retries=0).exchange(b"request", Tally()))
    assert wire.begun == [0]


@pytest.mark.parametrize(
    ("problem", "doubt"), [(NotSent("refused"), False), (Busy("503"), False), (Unanswered("lost"), True)]
)
def test_only_what_may_have_been_read_leaves_a_doubt(hours, problem, doubt):
    tally = Tally()
    hours.run(line(hours, Wire(hours.clock, [problem])).exchange(b"request", tally))
    assert tally.doubt is doubt


def test_a_doubt_is_not_forgotten_by_a_later_refusal(hours):
    wire, tally = Wire(hours.clock, [Unanswered("lost"), NotSent("refused")]), Tally()
    with pytest.raises(NotSent):
        hours.run(line(hours, wire, retries=1).exchange(b"request", tally))
    assert tally.doubt


def test_pauses_double_up_to_a_limit(hours):
    wire = Wire(hours.clock, [NotSent("refused")] * 10)
    hours.run(line(hours, wire, retries=10, entropy=Chance(1)).exchange(b"request", Tally()))
    pauses = [round(later - before, 6) for before, later in zip(wire.begun, wire.begun[1:], strict=False)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]


@given(attempt=st.integers(0, 40), share=st.floats(0, 1), asked=st.floats(0, LONGEST_ASKED))
def test_a_pause_keeps_its_bounds(attempt, share, asked):
    loop = VirtualLoop()
    try:
        clock = LoopClock(loop)
        the_line = Line(None, Limits(), clock, Chance(share))
        loop.run_until_complete(the_line.pause(attempt, asked))
        assert asked - 1e-6 <= clock.monotonic() <= max(min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE), asked) + 1e-6
    finally:
        loop.close()


def test_a_peer_that_names_a_time_is_not_asked_before(hours):
    wire = Wire(hours.clock, [Busy("503", retry_after=20)])
    hours.run(line(hours, wire, entropy=Chance(0)).exchange(b"request", Tally()))
    assert wire.begun == [0, 20]


def test_a_peer_that_wants_to_be_left_alone_for_long_holds_nobody_up(hours):
    wire = Wire(hours.clock, [Busy("503", retry_after=3600)])
    with pytest.raises(Busy):
        hours.run(line(hours, wire, retries=5).exchange(b"request", Tally()))
    assert wire.begun == [0]
    assert hours.clock.monotonic() == 0


def test_whoever_pauses_holds_no_place(hours):
    wire = Wire(hours.clock, [Busy("503", retry_after=30)])
    the_line = line(hours, wire, concurrency=1, entropy=Chance(0))

    async def main():
        first = asyncio.create_task(the_line.exchange(b"first", Tally()))
        await asyncio.sleep(1)
        await the_line.exchange(b"second", Tally())
        assert hours.clock.monotonic() == 1
        await first

    hours.run(main())
    assert wire.begun == [0, 1, 30]


def test_a_message_that_is_cancelled_gives_its_place_back(hours):
    wire = Wire(hours.clock, seconds=100)
    the_line = line(hours, wire, concurrency=1)

    async def main():
        first = asyncio.create_task(the_line.exchange(b"first", Tally()))
        await asyncio.sleep(1)
        first.cancel()
        await the_line.exchange(b"second", Tally())

    hours.run(main())
    assert wire.begun == [0, 1]


def test_closing_lets_go_of_the_transport(hours):
    wire = Wire(hours.clock)
    hours.run(line(hours, wire).close())
    assert wire.closed
