"""What tunnels are tried with: the same places, and an RA that is served."""

from __future__ import annotations

import signal

import pytest
from support.places import at_peer, peer, shift, site
from support.served import Served

__all__ = ["at_peer", "peer", "served", "shift", "site"]


@pytest.fixture
def served(tmp_path, peer):
    folder = tmp_path / "served"
    folder.mkdir()
    one = Served(folder, peer)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.stop(signal.SIGKILL)
