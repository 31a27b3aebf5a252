"""Group commit: order, groups, isolation of failures, and callers that have gone."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.virtual_time import InlineExecutor, VirtualLoop

from runner.execute.grouped import LARGEST_GROUP, PAUSE, QUICK, Grouped


def gathered(write, works, thread):
    async def main():
        grouped = Grouped(write, thread)
        return await asyncio.gather(*(grouped.do(work) for work in works), return_exceptions=True)

    return asyncio.run(main())


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_what_is_asked_for_at_once_is_written_together_and_in_order(thread):
    groups = []
    assert gathered(groups.append, range(10), thread) == [None] * 10
    assert groups == [list(range(10))]


def test_a_group_has_its_limit(thread):
    groups = []
    gathered(groups.append, range(2 * LARGEST_GROUP + 1), thread)
    assert [len(group) for group in groups] == [LARGEST_GROUP, LARGEST_GROUP, 1]
    assert [work for group in groups for work in group] == list(range(2 * LARGEST_GROUP + 1))


def test_what_comes_while_a_group_is_written_makes_the_next_one(thread):
    begun, go_on, groups = threading.Event(), threading.Event(), []

    def write(works):
        groups.append(works)
        begun.set()
        assert go_on.wait(5)

    async def main():
        grouped = Grouped(write, thread)
        first = asyncio.create_task(grouped.do(1))
        await asyncio.to_thread(begun.wait, 5)
        others = [asyncio.create_task(grouped.do(n)) for n in (2, 3)]
        await asyncio.sleep(0)
        assert not first.done()
        go_on.set()
        await asyncio.gather(first, *others)

    asyncio.run(main())
    assert groups == [[1], [2, 3]]


def test_one_bad_piece_of_work_spoils_only_itself(thread):
    attempts = []

    def write(works):
        attempts.append(list(works))
        if 3 in works:
            raise OSError("three")

    results = gathered(write, range(5), thread)
    assert [str(result) for result in results] == ["None", "None", "None", "three", "None"]
    assert attempts == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]


def test_a_failure_alone_is_not_tried_again(thread):
    attempts = []

    def write(works):
        attempts.append(works)
        raise OSError("no")

    assert [str(problem) for problem in gathered(write, [1], thread)] == ["no"]
    assert attempts == [[1]]


def test_after_a_failure_work_goes_on(thread):
    def write(works):
        if works == ["bad"]:
            raise OSError("no")
        done.extend(works)

    async def main():
        grouped = Grouped(write, thread)
        with pytest.raises(OSError, match="no"):
            await grouped.do("bad")
        await grouped.do("good")

    done = []
    asyncio.run(main())
    assert done == ["good"]


def test_a_caller_that_is_cancelled_does_not_undo_the_work_nor_stop_the_others(thread):
    begun, go_on, written = threading.Event(), threading.Event(), []

    def write(works):
        begun.set()
        assert go_on.wait(5)
        written.extend(works)

    async def main():
        grouped = Grouped(write, thread)
        leaving, staying = asyncio.create_task(grouped.do("leaving")), asyncio.create_task(grouped.do("staying"))
        await asyncio.to_thread(begun.wait, 5)
        leaving.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await staying
        assert leaving.cancelled()

    asyncio.run(main())
    assert written == ["leaving", "staying"]


def test_nobody_waits_for_ever_when_the_thread_was_sent_home(thread):
    thread.shutdown()
    (problem,) = gathered(print, ["work"], thread)
    assert isinstance(problem, RuntimeError)


class Disk:
    """Writes take as long as `seconds` says; `threads` remembers where each group was written."""

    def __init__(self, *seconds):
        self.seconds, self.now, self.threads = list(seconds), 0.0, []

    def write(self, works):
        self.threads.append(threading.current_thread() is threading.main_thread())
        self.now += self.seconds.pop(0)

    def watch(self):
        return self.now


def test_the_loop_writes_while_the_disk_is_quick_and_a_thread_while_it_is_slow(thread):
    disk = Disk(QUICK / 2, QUICK / 2, QUICK * 2, QUICK * 2, QUICK / 2, QUICK / 2)

    async def main():
        grouped = Grouped(disk.write, thread, disk.watch)
        for work in range(6):
            await grouped.do(work)

    asyncio.run(main())
    assert disk.threads == [False, True, True, False, False, True]  # what is not known yet counts as slow


def test_whoever_asks_in_the_next_turns_of_the_loop_joins_the_group(thread):
    groups = []

    async def late(grouped, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await grouped.do(turns)

    async def main():
        grouped = Grouped(groups.append, thread)
        await asyncio.gather(*(late(grouped, turns) for turns in range(4)))

    asyncio.run(main())
    assert groups == [[0, 1, 2, 3]]


@pytest.fixture
def hours():
    """A loop in which time passes by waiting alone."""
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_where_many_are_at_work_those_who_come_a_moment_later_join_the_group(hours):
    groups = []

    async def steps(grouped, late):
        await grouped.do("begins")
        await asyncio.sleep(late)
        await grouped.do(late)

    async def main():
        grouped = Grouped(groups.append, InlineExecutor())
        lates = [0.0, PAUSE / 2, PAUSE * 1.5, 10 * PAUSE]
        await asyncio.gather(*(steps(grouped, late) for late in lates))
        return lates

    *soon, latest = hours.run_until_complete(main())
    assert groups == [["begins"] * 4, soon, [latest]]


def test_a_group_is_not_kept_waiting_for_ever(hours):
    groups = []

    async def main():
        grouped = Grouped(groups.append, InlineExecutor())
        await asyncio.gather(grouped.do(-1), grouped.do(-1))
        asked = []
        for number in range(60):
            asked.append(asyncio.ensure_future(grouped.do(number)))
            await asyncio.sleep(PAUSE / 2)
        await asyncio.gather(*asked)

    hours.run_until_complete(main())
    assert 1 < len(groups[1]) < 30


def test_who_is_alone_is_not_kept_waiting(hours):
    async def main():
        grouped = Grouped(lambda _: None, InlineExecutor())
        for work in range(5):
            await grouped.do(work)
        return hours.time()

    assert hours.run_until_complete(main()) == 0.0
