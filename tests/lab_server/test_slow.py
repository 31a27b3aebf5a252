"""A slow answer holds up nobody else, over HTTP and over TCP."""

from __future__ import annotations

import asyncio
import struct

import pytest

from runner.lab.tcp import Office, serve_tcp
from runner.serving.http import serve
from runner.serving.listening import slowly
from runner.system import SystemClock

MESSAGE = b"\x30\x02\x05\x00"


def http(responder):
    return lambda ready: serve(
        responder, ready=ready
    ), b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n" + MESSAGE


def tcp(responder):
    frame = struct.pack("!IBBB", len(MESSAGE) + 3, 10, 0, 0) + MESSAGE
    return lambda ready: serve_tcp(Office(responder, SystemClock()), ready=ready), frame


@pytest.mark.parametrize("way", [http, tcp])
def test_the_second_is_answered_while_the_first_waits(way):
    async def play():
        first = asyncio.Event()

        def pause():
            late = not first.is_set()
            first.set()
            return 3600 if late else 0

        serving, octets = way(slowly(lambda request: request, pause))
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serving(ready.set_result))
        port = int((await ready).rstrip("/").rpartition(":")[2])
        slow, slow_writer = await asyncio.open_connection("127.0.0.1", port)
        slow_writer.write(octets)
        await asyncio.wait_for(first.wait(), 20)
        quick, quick_writer = await asyncio.open_connection("127.0.0.1", port)
        quick_writer.write(octets)
        assert (await asyncio.wait_for(quick.readuntil(MESSAGE), 20)).endswith(MESSAGE)
        slow_writer.close()
        quick_writer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert MESSAGE not in await slow.read()

    asyncio.run(play())
