"""Labs, in memory and in folders, and those who come to them."""

from __future__ import annotations

import pytest
from support.requester import Requester, newcomer_to

from runner.lab.authority import open_lab
from runner.lab.rules import LabRules


@pytest.fixture
def lab(clock, entropy):
    return open_lab(None, clock, entropy)


@pytest.fixture
def newcomer(lab) -> Requester:
    return newcomer_to(lab)


@pytest.fixture
def ruled(clock, entropy):
    """`ruled(waiting_polls=2)` → a newcomer to a lab in memory with these rules."""
    return lambda **rules: newcomer_to(open_lab(None, clock, entropy, LabRules(**rules)))


@pytest.fixture
def kept(tmp_path, clock, entropy):
    """A lab in a folder that can be opened again: `kept()` closes it where it is open, and opens it."""
    opened = []

    def reopen(**rules):
        for lab in opened:
            lab.close()
        opened.append(open_lab(tmp_path / "lab", clock, entropy, LabRules(**rules)))
        return opened[-1]

    yield reopen
    for lab in opened:
        lab.close()
