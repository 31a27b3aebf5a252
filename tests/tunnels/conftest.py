"""A manifest's folder, a CA on loopback that does as it is told, and time that can be moved."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime

import pytest
from support.peers import Peer
from support.served import Served
from support.site import PeerSite, Site


@pytest.fixture(autouse=True)
def _this_process_stays_as_it_was():
    """`apply` lets threads change hands more often, for its own process."""
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def site(tmp_path, capsys):
    """An empty folder for a manifest."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder, capsys.readouterr)


@pytest.fixture
def peer():
    """A running Peer; it is honest until `behave` is set."""
    with Peer() as one:
        yield one


@pytest.fixture
def at_peer(tmp_path, capsys, peer):
    """A PeerSite."""
    folder = tmp_path / "site"
    folder.mkdir()
    return PeerSite(folder, capsys.readouterr, peer)


@pytest.fixture
def shift(monkeypatch):
    """`shift(timedelta)` moves the machine's date, for us and for the labs of this process."""

    def move(by):
        monkeypatch.setattr("runner.system.SystemClock.now", lambda _self: datetime.now(UTC) + by)

    return move


@pytest.fixture
def served(tmp_path, peer):
    folder = tmp_path / "served"
    folder.mkdir()
    one = Served(folder, peer)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.stop(signal.SIGKILL)
