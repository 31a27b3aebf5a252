"""A wire that breaks at every kind of place in an answer: reset, closed on one side, silent, an octet at a time.

The CA has acted on the message whose answer is torn. The run does not retry by itself; the next one, over a wire that
holds, has to make it good.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time

import pytest
from support.peers import refused_port

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: %d\r\n\r\n"


def places(head, whole):
    """Kinds of places in an answer: how many octets come before them."""
    return {
        "before the status line": 0,
        "in the status line": 5,
        "in the headers": head // 2,
        "before the body": head,
        "behind the first octet": head + 1,
        "in the first length": head + 3,
        "in the middle of the body": (head + whole) // 2,
        "before the last octet": whole - 1,
    }


def before(place, head, body):
    """The part of an answer that comes before a place."""
    return (head + body)[: places(len(head), len(head + body))[place]]


def left(connection):
    """Wait until the other side has gone."""
    while True:
        try:
            if not connection.recv(4096):
                return
        except OSError:
            return


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_closed(connection):
    connection.shutdown(socket.SHUT_WR)
    left(connection)


class Wire:
    """The lab behind a bare socket. `torn` does what it likes to the answer to the `which`-th message."""

    def __init__(self, lab, which, torn):
        self._lab, self._which, self._torn = lab, which, torn
        self._count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/cmp"

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as incoming:
            while (request := self._read(incoming)) is not None:
                body = self._lab.respond(request)
                self._count += 1
                if self._count == self._which:
                    self._torn(connection, HEAD % len(body), body)
                    return
                connection.sendall(HEAD % len(body) + body)

    @staticmethod
    def _read(incoming):
        """The next request's body; None where the client has gone."""
        size = None
        try:
            while (line := incoming.readline()) not in (b"", b"\r\n"):
                if found := re.match(rb"content-length: *(\d+)", line, re.IGNORECASE):
                    size = int(found[1])
            return None if size is None else incoming.read(size)
        except OSError:
            return None


@pytest.fixture
def wire(site):
    """`wire(which, torn)`: a site whose first run is over that wire, with little patience."""
    wires = []

    def make(which, torn):
        made = site()
        wires.append(Wire(made.peer.lab, which, torn))
        return made, over(made, wires[-1].url)

    yield make
    for each in wires:
        each.close()


def over(made, url):
    """The manifest over another wire, and with one second for an answer."""
    text = (made.folder / "m.yaml").read_text()
    return text.replace(made.peer.url, url).replace("retries: 0", "retries: 0, timeout: 1s")


def torn_once(made, text, statuses=(3, 5)):
    manifest = made.folder / "m.yaml"
    good = manifest.read_text()
    manifest.write_text(text)
    assert made.apply()["status"] in statuses, made.said
    made.nothing_is_torn()
    manifest.write_text(good)
    made.converge()
    assert len(made.issued) == 1
    assert made.issued[0].state.value == "confirmed"
    assert made.pair_matches()
    assert not made.inventory.open


@pytest.mark.parametrize("which", [1, 2], ids=["ir", "certConf"])
@pytest.mark.parametrize("end", [reset, half_closed], ids=["reset", "half closed"])
@pytest.mark.parametrize("place", places(0, 0))
def test_an_answer_that_ends_too_soon(wire, place, end, which):
    def torn(connection, head, body):
        connection.sendall(before(place, head, body))
        end(connection)

    torn_once(*wire(which, torn))


@pytest.mark.parametrize("which", [1, 2], ids=["ir", "certConf"])
@pytest.mark.parametrize("place", ["before the status line", "in the headers", "in the middle of the body"])
def test_an_answer_that_does_not_go_on(wire, place, which):
    def torn(connection, head, body):
        connection.sendall(before(place, head, body))
        left(connection)

    torn_once(*wire(which, torn))


def test_an_answer_that_drips_for_longer_than_is_allowed(wire):
    def torn(connection, head, body):
        try:
            for octet in head + body:
                connection.sendall(bytes((octet,)))
                time.sleep(0.005)  # an answer of a thousand octets takes five seconds, and one is allowed
        except OSError:
            return

    torn_once(*wire(1, torn))


def test_an_answer_in_single_octets_is_one(wire):
    def torn(connection, head, body):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in head + body:
            connection.sendall(bytes((octet,)))

    made, text = wire(1, torn)
    torn_once(made, text.replace(", timeout: 1s", ""), statuses=(0,))


def test_a_port_where_nobody_listens(site):
    made = site()
    torn_once(made, over(made, f"http://127.0.0.1:{refused_port()}/cmp"), statuses=(3,))
