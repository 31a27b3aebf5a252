"""Several addresses of one CA: who is asked next, who is asked again, and what is told where nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import Busy, Delayed, NotCmp, NotSent, Unanswered
from runner.transports.failover import FailoverTransport


class Node:
    """A transport that does what it is told, and counts."""

    def __init__(self, *acts):
        self.acts, self.asked, self.polled, self.closed = list(acts), 0, [], False

    def act(self):
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        if isinstance(act, Exception):
            raise act
        return act

    async def exchange(self, request, operation=""):
        self.asked += 1
        return self.act()

    async def poll(self, reference):
        self.polled.append(reference)
        return self.act()

    async def close(self):
        self.closed = True


def exchanges(count, *nodes):
    transport = FailoverTransport(nodes)

    async def run():
        return [await transport.exchange(b"", "ir") for _ in range(count)]

    return asyncio.run(run())


@pytest.mark.parametrize("problem", [NotSent("down"), Busy("later"), NotCmp("a web page")])
def test_the_next_is_asked_where_nothing_was_processed(problem):
    first, second = Node(problem), Node(b"answer")
    assert exchanges(2, first, second) == [b"answer"] * 2
    assert (first.asked, second.asked) == (1, 2)


def test_one_that_may_have_read_the_request_is_not_left():
    first, second = Node(Unanswered("silence")), Node(b"answer")
    with pytest.raises(Unanswered):
        exchanges(1, first, second)
    assert second.asked == 0


def test_where_the_second_fails_the_first_is_asked_again():
    first, second = Node(NotSent("down"), b"back"), Node(b"answer", NotSent("down"))
    assert exchanges(2, first, second) == [b"answer", b"back"]


def test_a_transaction_stays_where_it_began_though_others_went_elsewhere():
    first, second = Node(b"A", Busy("later"), b"A again"), Node(b"B")
    transport = FailoverTransport([first, second])

    async def item(*turns):
        answers = []
        for turn in turns:
            await turn.wait()
            answers.append(await transport.exchange(b"", "ir"))
        return answers

    async def run():
        now, later = asyncio.Event(), asyncio.Event()
        now.set()
        staying = asyncio.create_task(item(now, later))
        await asyncio.sleep(0)
        moving = await asyncio.create_task(item(now))
        later.set()
        return await staying, moving, await asyncio.create_task(item(now))

    assert asyncio.run(run()) == ([b"A", b"A again"], [b"B"], [b"B"])


def test_all_failures_are_told_the_most_hopeful_first():
    with pytest.raises(Busy) as caught:
        exchanges(1, Node(NotCmp("a web page")), Node(NotSent("down")), Node(Busy("later")))
    assert caught.value.what == "later"
    assert "a web page" in caught.value.why
    assert "down" in caught.value.why


def test_a_poll_goes_to_the_one_that_gave_the_reference():
    first, second = Node(NotSent("down")), Node(Delayed("later", reference="v10:0000002a", seconds=3))
    transport = FailoverTransport([first, second])
    with pytest.raises(Delayed) as caught:
        asyncio.run(transport.exchange(b""))
    assert caught.value.reference == "1/v10:0000002a"
    second.acts = [b"answer"]
    assert asyncio.run(FailoverTransport([first, second]).poll(caught.value.reference)) == b"answer"
    assert second.polled == ["v10:0000002a"]


def test_closing_closes_all():
    nodes = Node(b""), Node(b"")
    asyncio.run(FailoverTransport(nodes).close())
    assert all(node.closed for node in nodes)
