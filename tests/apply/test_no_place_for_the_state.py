"""Where the state cannot be kept nothing is sent, and the status is that of bad input; later trouble is another."""

from __future__ import annotations

import pytest
from support.site import FRESH


@pytest.fixture(params=["file", "lock", "link"])
def spoiled(request, at_peer, tmp_path):
    state = at_peer.file(".cmp-batch")
    if request.param == "file":
        state.write_text("")
    elif request.param == "lock":
        (state / "lock").mkdir(parents=True)
    else:
        (tmp_path / "elsewhere").mkdir()
        state.symlink_to(tmp_path / "elsewhere")
    return at_peer.ask(FRESH)


def test_nothing_is_sent_and_the_status_is_1(spoiled):
    done = spoiled.apply()
    assert (done.status, spoiled.peer.requests) == (1, [])
    assert "error: " in done.err
    assert "next: " in done.err
    assert not spoiled.file("out").exists()
