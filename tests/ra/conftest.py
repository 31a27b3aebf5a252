"""An RA in front of a lab in memory, and strangers who come to it."""

from __future__ import annotations

import pytest
from support.rahouse import House

from runner.lab.authority import open_lab


@pytest.fixture
def house(clock, entropy) -> House:
    """An RA whose credential is a certificate of the lab; `house.office` is what the tests change."""
    return House(open_lab(None, clock, entropy), clock, entropy)
