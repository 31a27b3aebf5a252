"""A run that is interrupted: what is on the wire may finish, the rest is told of, and the next apply goes on."""

from __future__ import annotations

import json
import signal
import threading

import pytest
from support.peers import honestly
from support.program import start
from support.site import entries, entry

THREE = entries(*(entry(f"generate://pkcs8@ec:p256/out/{n}", name=n, output=f"out/{n}") for n in "abc"))


class Slow:
    """A CA that is honest until its `number`-th request, which it answers when `release` is set."""

    def __init__(self, number):
        self._number = number
        self.reached = threading.Event()
        self.release = threading.Event()

    def __call__(self, lab, request, number):
        if number == self._number:
            self.reached.set()
            assert self.release.wait(timeout=30)
        return lab.respond(request)


@pytest.fixture
def interrupted(at_peer):
    """An apply, one item after the other, that is held up in the second item's first message."""
    slow = at_peer.peer.behave = Slow(2)
    at_peer.ask(THREE)
    process = start(
        "apply", at_peer.path, "--parallel", "1", "--report", at_peer.file("results.json"), cwd=at_peer.folder
    )
    try:
        assert slow.reached.wait(timeout=30)
        yield process, slow
    finally:
        slow.release.set()
        process.kill()
        process.communicate()


def report(site):
    return {item["name"]: item for item in json.loads(site.file("results.json").read_text())["items"]}


def finishes(site, issued):
    """The next apply does what is left, and the CA has made one certificate for each item."""
    keys = {path: path.read_bytes() for path in site.file("out").glob("*.prv")}
    site.peer.behave = honestly
    done = site.apply()
    assert (done.status, done.summary) == (0, {"issued": issued, "unchanged": 3 - issued})
    assert site.issued == 3
    assert all(path.read_bytes() == content for path, content in keys.items())
    assert not list(site.file("out").glob("*.next"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_the_item_under_way_finish_and_tells_of_the_rest(at_peer, interrupted, number):
    process, slow = interrupted
    process.send_signal(number)
    while "stopping" not in (line := process.stderr.readline()):
        assert line, "it ended without a word"
    slow.release.set()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    items = report(at_peer)
    assert {name: item["outcome"] for name, item in items.items()} == {"a": "issued", "b": "issued", "c": "skipped"}
    assert "a signal ended this run" in items["c"]["error"]["why"]
    assert "2 issued" in out
    assert "1 skipped" in out
    assert at_peer.verbs()["c"] == ("enroll", ["no-certificate"])
    finishes(at_peer, 1)


def test_two_signals_end_it_at_once_and_nothing_is_lost(at_peer, interrupted):
    process, slow = interrupted
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert process.returncode == 130
    assert not at_peer.file("results.json").exists()
    assert at_peer.verbs()["b"] == ("resume", ["open-sent"])
    sent = at_peer.peer.requests[2]
    slow.release.set()
    finishes(at_peer, 2)
    assert sent in at_peer.peer.requests[3:]


def test_a_kill_loses_nothing(at_peer, interrupted):
    process, slow = interrupted
    process.kill()
    process.wait(timeout=30)
    assert {name: verb for name, (verb, _) in at_peer.verbs().items()} == {"a": "keep", "b": "resume", "c": "enroll"}
    slow.release.set()
    finishes(at_peer, 2)


@pytest.mark.parametrize("held", [0, 1])
def test_a_kill_in_any_message_of_a_transaction_loses_nothing(at_peer, held):
    slow = at_peer.peer.behave = Slow(held)
    at_peer.ask()
    process = start("apply", at_peer.path, cwd=at_peer.folder)
    assert slow.reached.wait(timeout=30)
    process.kill()
    process.communicate()
    slow.release.set()
    key = at_peer.file("out/web.prv").read_bytes()
    at_peer.peer.behave = honestly
    assert at_peer.verbs() == {"web": ("resume", ["open-sent" if held == 0 else "open-issued"])}
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert at_peer.file("out/web.prv").read_bytes() == key
    assert at_peer.issued == 1
