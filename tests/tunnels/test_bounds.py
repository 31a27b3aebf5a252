"""The bounds of `tunnel serve`: what is remembered, how large a message is, how many are under way, who is slow."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from support.requester import cert_req, new_key

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.execute import transactions
from runner.execute.serving import MOST_UNDER_WAY
from runner.execute.transactions import KEPT_FOR, Transactions
from runner.manifest.load import load_manifest
from runner.ra.reading import MAX_REQUEST
from runner.ra.relayed import Relayed
from runner.serving import http as serving
from runner.serving import listening
from runner.state.inventory import Inventory

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {{url: "http://127.0.0.1:1", trust: [ca.pem]}}
credentials:
  desk: {{psk: {{env: CA_PSK}}, ra: true}}
tunnels:
  - {{name: line, credential: desk, requests: inbox, psks: {{file: psks}}, approve: {{names: [any]{more}}}}}
"""


@pytest.fixture
def known(tmp_path):
    """`known()`: what a tunnel remembers, nothing yet; `more` stands under approve."""
    for name in ("ca.pem", "psks"):
        (tmp_path / name).write_text("")

    def make(more=""):
        (tmp_path / "m.yaml").write_text(MANIFEST.format(more=more))
        (tunnel,) = load_manifest([tmp_path / "m.yaml"]).tunnels
        return Transactions(tunnel, Inventory())

    return make


def relayed(number, holder="certificate 1", *, over=False):
    return Relayed(bytes([number]) * 16, holder, "ir", b"asked", b"up", b"" if not over else b"x", represented=over)


def open_ones(found, numbers, now=NOW, **more):
    for number in numbers:
        found.remember(relayed(number, **more), "run", now)


def items(changes):
    return [bytes.fromhex(change.item.removeprefix("line/"))[0] for change in changes]


def test_what_is_old_is_forgotten(known):
    found = known()
    open_ones(found, [1], NOW - KEPT_FOR - timedelta(seconds=1))
    open_ones(found, [2], NOW - KEPT_FOR)
    gone = found.forget("run", NOW)
    assert items(gone) == [1]
    assert gone[0].drop
    assert found.get(bytes([1]) * 16) is None
    assert found.get(bytes([2]) * 16) is not None


def test_a_later_message_keeps_a_transaction(known):
    found = known()
    open_ones(found, [1], NOW - KEPT_FOR - timedelta(days=1))
    found.remember(replace(relayed(1), request=b"certConf"), "run", NOW)
    assert found.forget("run", NOW) == []


def test_of_too_many_those_go_that_are_over_and_then_the_oldest(known, monkeypatch):
    monkeypatch.setattr(transactions, "MOST_KNOWN", 2)
    found = known()
    open_ones(found, [1, 2, 3, 4])
    found._known[bytes([3]) * 16] = (replace(relayed(3), over=True), NOW)
    assert items(found.forget("run", NOW)) == [3, 1]
    assert found.forget("run", NOW) == []


def test_a_reference_number_that_was_used_stays_in_the_journal(known):
    found = known(", psk: once")
    open_ones(found, [1], NOW - KEPT_FOR * 2, holder="reference 41")
    open_ones(found, [2], NOW - KEPT_FOR * 2)
    assert items(found.forget("run", NOW)) == [2]
    assert found.get(bytes([1]) * 16) is None


def test_what_is_old_goes_out_of_the_database_when_it_is_served_again(served):
    served.start()
    octets = served.device().message("ir", (cert_req(new_key()),))
    served.post(octets)
    served.stop()
    state = served.folder / ".cmp-batch" / "tunnel-line" / "state.db"
    with closing(sqlite3.connect(state, isolation_level=None)) as db:
        assert db.execute("SELECT count(*) FROM transition").fetchone()[0] >= 2
        (at,) = db.execute("SELECT at FROM open").fetchone()
        db.execute("UPDATE open SET at = ?", (str(at).replace("20", "19", 1),))
    served.start()
    served.post(served.device().message("genm", ()))
    served.stop()
    with closing(sqlite3.connect(state)) as db:
        names = {name for (name,) in db.execute("SELECT item FROM transition UNION SELECT item FROM open")}
    assert f"line/{decode(PKIMessage, octets).header.transaction_id.hex()}" not in names
    assert len(names) == 1


def place(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port


def status(url, body):
    with closing(http.client.HTTPConnection(*place(url), timeout=20)) as connection:
        connection.request("POST", "/", body)
        return connection.getresponse().status


def test_sizes_are_bounded(served):
    served.start()
    assert status(served.url, bytes(serving.LARGEST_REQUEST + 1)) == 413
    octets = served.post(b"\x30\x84" + MAX_REQUEST.to_bytes(4, "big") + bytes(MAX_REQUEST))
    assert decode(PKIMessage, octets).body.name == "error"
    assert served.peer.requests == []


def test_connections_beyond_the_bound_are_turned_away_and_the_others_served(served):
    served.start()
    idle = [socket.create_connection(place(served.url), timeout=20) for _ in range(listening.MOST_PEERS)]
    try:
        one = socket.create_connection(place(served.url), timeout=20)
        with closing(one):
            assert hears_nothing(one)
        idle.pop().close()
        until(lambda: status(served.url, b"") == 200)
    finally:
        for line in idle:
            line.close()


def hears_nothing(line):
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


def until(says, seconds=20):
    """Wait for another process to have noticed."""
    late = threading.Event()
    timer = threading.Timer(seconds, late.set)
    timer.start()
    try:
        while not late.is_set():
            try:
                if says():
                    return
            except (ConnectionError, http.client.HTTPException):
                continue
        raise AssertionError("it never came")
    finally:
        timer.cancel()


def test_who_is_slow_is_let_go(monkeypatch):
    monkeypatch.setattr(serving, "IDLE_TIMEOUT", 0.05)

    async def talk():
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serving.serve(bytes, ready=ready.set_result))
        reader, writer = await asyncio.open_connection(*place(await ready))
        writer.write(b"POST / HTTP/1.1\r\nHost: ra\r\nContent-Length: 9\r\n\r\n123")
        heard = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        task.cancel()
        await asyncio.wait([task])
        return heard

    assert asyncio.run(talk()) == b""


def test_messages_under_way_are_bounded(served):
    """A CA that does not answer holds so many of them; who comes then is told to come again."""
    served.start()
    free, arrived = threading.Event(), threading.Semaphore(0)

    def slowly(lab, request, _):
        arrived.release()
        free.wait(20)
        return lab.respond(request)

    served.peer.behave = slowly
    asked = [served.device().message("genm", ()) for _ in range(MOST_UNDER_WAY)]
    heard = []
    threads = [threading.Thread(target=lambda octets=octets: heard.append(served.post(octets))) for octets in asked]
    for thread in threads:
        thread.start()
    try:
        arrived.acquire(timeout=20)
        until(lambda: said(served) == "error")
    finally:
        free.set()
        for thread in threads:
            thread.join()
    assert [decode(PKIMessage, octets).body.name for octets in heard] == ["genp"] * MOST_UNDER_WAY


def said(served):
    """What a stranger hears: an error at once in any case; the words tell which."""
    answer = decode(PKIMessage, served.post(b"0\x00"))
    words = answer.body.value.pki_status_info.status_string
    return "error" if any("under way" in each for each in words) else ""
