"""A stage for each test; see tests/support/stage.py."""

from __future__ import annotations

import pytest
from support.stage import Stage
from support.virtual_time import LoopClock, VirtualLoop


@pytest.fixture
def stage(tmp_path):
    """A Stage with one enrollment, `web`, and a lab that grants everything."""
    with_rules = staged(tmp_path)
    yield next(with_rules)
    with_rules.close()


@pytest.fixture
def ruled(tmp_path):
    """`ruled(waiting_polls=1)` → a Stage whose lab has these rules."""
    opened = []

    def start(**rules):
        opened.append(Stage(tmp_path, **rules))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def staged(folder):
    opened = Stage(folder)
    try:
        yield opened
    finally:
        opened.close()


class Hours:
    """Virtual time: `run` plays a coroutine to its end, `clock` is what it sees."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.clock = LoopClock(self.loop)

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)


@pytest.fixture
def hours():
    opened = Hours()
    yield opened
    opened.loop.close()
