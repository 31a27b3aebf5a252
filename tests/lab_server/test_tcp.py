"""The lab's CMP over TCP, octet by octet, by hand: both styles, polling, and what is no frame."""

from __future__ import annotations

import asyncio
import struct

import pytest
from support.ambient import NOON, FixedClock

from runner.lab.tcp import Office, serve_tcp

MESSAGE = b"\x30\x02\x05\x00"


def ten(kind, value, flags=0):
    return struct.pack("!IBBB", len(value) + 3, 10, flags, kind) + value


def old(kind, value):
    return struct.pack("!IB", len(value) + 1, kind) + value


@pytest.fixture
def told():
    """`told(octets, …)` → what the server says to these octets on one connection, until it closes or we have done."""

    async def run(octets, office):
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve_tcp(office, ready=ready.set_result))
        url = await ready
        assert url.startswith("tcp://127.0.0.1:")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(octets)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said

    def ask(octets, respond=lambda request: request[::-1], delay=0, clock=None, office=None):
        office = office or Office(respond, clock or FixedClock(), delay)
        return asyncio.run(asyncio.wait_for(run(octets, office), 5))

    return ask


def test_version_10_keeps_the_connection(told):
    assert told(ten(0, MESSAGE) * 2) == ten(5, MESSAGE[::-1]) * 2


def test_the_close_flag_is_heeded(told):
    assert told(ten(0, MESSAGE, flags=1) + ten(0, MESSAGE)) == ten(5, MESSAGE[::-1])


def test_rfc_2510_is_answered_in_its_own_style(told):
    assert told(old(0, MESSAGE)) == old(5, MESSAGE[::-1])


def test_an_empty_answer_ends_the_exchange(told):
    assert told(ten(0, MESSAGE), respond=lambda _: b"") == ten(3, b"\0")
    assert told(old(0, MESSAGE), respond=lambda _: b"") == old(3, b"\0")


def test_a_delayed_answer_is_polled_for(told):
    clock = FixedClock()
    office = Office(lambda request: request[::-1], clock, delay=7)
    assert told(ten(0, MESSAGE), office=office) == ten(1, struct.pack("!II", 1, 7))
    assert told(ten(2, struct.pack("!I", 1)), office=office) == ten(1, struct.pack("!II", 1, 8))
    clock.advance(7)
    assert told(ten(2, struct.pack("!I", 1)), office=office) == ten(5, MESSAGE[::-1])


def test_rfc_2510_is_given_the_moment(told):
    assert told(old(0, MESSAGE), delay=7) == old(1, struct.pack("!II", 1, int(NOON.timestamp()) + 7))


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (ten(2, struct.pack("!I", 9)), 0x0202),
        (ten(2, b"\0"), 0x0201),
        (ten(6, b"\0\0\0\0"), 0x0201),
        (ten(9, b""), 0x0201),
        (b"\x00\x00\x00\x02\x0b\x00", 0x0101),
        (b"\x00\x00\x00\x01\x0a", 0x0101),
        (b"\xff\xff\xff\xff", 0x0201),
        (b"\x00\x00\x00\x00", 0x0201),
    ],
)
def test_what_is_no_request_gets_an_error_and_the_end(told, octets, code):
    said = told(octets)
    assert said[4:7] == bytes([10, 1, 6])
    assert int.from_bytes(said[7:9], "big") == code
    assert int.from_bytes(said[:4], "big") == len(said) - 4


@pytest.mark.parametrize("octets", [b"", b"\x00\x00", ten(0, MESSAGE)[:-1]])
def test_a_peer_that_leaves_is_let_go(told, octets):
    assert told(octets) == b""
