"""Fixtures for whole applies: a manifest's folder, a CA on loopback that does as it is told, and time to be moved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.peers import Peer
from support.site import PeerSite, Site

__all__ = ["at_peer", "peer", "shift", "site"]


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
