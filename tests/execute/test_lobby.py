"""Where operations meet: nobody waits for ever, whatever becomes of the others."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import CmpBatchError
from runner.execute import lobby
from runner.execute.lobby import Lobby


class Desk:
    """What a talk that fails at once looks at."""


def meet(monkeypatch, talk, count, size=3):
    """What each of `count` operations gets that come with one key."""
    monkeypatch.setattr(lobby, "_talk", talk)
    monkeypatch.setattr(lobby, "PATIENCE", 0.01)

    async def all_of_them():
        one = Lobby()
        return await asyncio.gather(*(one.talk(Desk(), f"ticket {n}", "key", size) for n in range(count)))

    return asyncio.run(asyncio.wait_for(all_of_them(), 10))


@pytest.mark.parametrize(("count", "parties"), [(3, [3]), (4, [3, 1]), (1, [1])])
def test_as_many_as_one_message_takes_go_at_once_and_the_rest_after_a_moment(monkeypatch, count, parties):
    talks = []

    async def talk(_desk, tickets, tell):
        talks.append(list(tickets))
        for number, ticket in enumerate(tickets):
            tell(number, ticket)

    assert meet(monkeypatch, talk, count) == [f"ticket {n}" for n in range(count)]
    assert [len(tickets) for tickets in talks] == parties


def test_who_has_an_ending_hears_of_it_while_others_talk(monkeypatch):
    heard = []

    async def talk(_desk, tickets, tell):
        tell(0, "done")
        await asyncio.sleep(0)
        heard.append("still talking")
        for number in range(1, len(tickets)):
            tell(number, "later")

    assert meet(monkeypatch, talk, 3) == ["done", "later", "later"]
    assert heard == ["still talking"]


def test_what_goes_wrong_before_anything_is_said_befalls_everybody(monkeypatch):
    problem = CmpBatchError("the record cannot be read")

    async def talk(_desk, _tickets, _tell):
        raise problem

    assert [told.outcome for told in meet(monkeypatch, talk, 3)] == [problem] * 3
