"""CMP over TCP on a wire: what a scripted peer says, and which connections are used again."""

from __future__ import annotations

import asyncio
import struct

import pytest
from support.ambient import FixedClock

from runner.errors import Delayed, NotCmp, NotSent, Unanswered
from runner.transports.dial import Reach
from runner.transports.endpoint import Endpoint
from runner.transports.tcp import TcpTransport

CMP = b"\x30\x02\x05\x00"


def frame(kind, value, flags=0):
    body = bytes([10, flags, kind]) + value
    return struct.pack("!I", len(body)) + body


def old(kind, value):
    return struct.pack("!IB", len(value) + 1, kind) + value


class Server:
    """Answers the n-th frame (over all connections) with the n-th of `answers`; None closes."""

    def __init__(self, *answers):
        self.answers, self.frames, self.connections = list(answers), [], 0

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                self.frames.append(await reader.readexactly(length))
                answer = self.answers[min(len(self.frames), len(self.answers)) - 1]
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def outcomes(self, count=1, *, poll=None, old=False, **reach):
        async def run():
            before = asyncio.all_tasks()
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            limits = Reach(**{"timeout": 2.0, **reach})
            transport = TcpTransport(
                Endpoint("tcp", "127.0.0.1", port), limits, concurrency=2, clock=FixedClock(), old=old
            )
            found = []
            for _ in range(count):
                try:
                    found.append(await (transport.poll(poll) if poll else transport.exchange(CMP, "ir")))
                except Exception as error:  # noqa: BLE001 (the outcome, for the test to judge)
                    found.append(error)
            await transport.close()
            server.close()
            served = asyncio.all_tasks() - before
            for task in served:
                task.cancel()
            await asyncio.gather(*served, return_exceptions=True)
            return found

        return asyncio.run(run())


def test_a_connection_of_version_10_is_kept():
    server = Server(frame(5, CMP))
    assert server.outcomes(3) == [CMP] * 3
    assert server.connections == 1
    assert server.frames == [b"\x0a\x00\x00" + CMP] * 3


def test_the_close_flag_is_heeded():
    server = Server(frame(5, CMP, flags=1))
    assert server.outcomes(2) == [CMP] * 2
    assert server.connections == 2


def test_rfc_2510_has_a_connection_for_each_exchange():
    server = Server(old(5, CMP))
    assert server.outcomes(2, old=True) == [CMP] * 2
    assert server.connections == 2
    assert server.frames[0] == b"\x00" + CMP


def test_an_answer_in_the_other_style_is_read():
    assert Server(old(5, CMP)).outcomes() == [CMP]


def test_a_connection_with_stray_octets_is_not_used_again():
    server = Server(frame(5, CMP) + b"stray", frame(5, CMP))
    assert server.outcomes(2) == [CMP] * 2
    assert server.connections == 2


def test_a_delay_gives_a_reference_and_a_poll_its_answer():
    [delayed] = Server(frame(1, bytes.fromhex("0000002a 00000007"))).outcomes()
    assert isinstance(delayed, Delayed)
    assert (delayed.reference, delayed.seconds) == ("v10:0000002a", 7)
    server = Server(frame(5, CMP))
    assert server.outcomes(poll=delayed.reference) == [CMP]
    assert server.frames == [bytes.fromhex("0a 00 02 0000002a")]


def test_a_poll_may_be_put_off_again():
    [delayed] = Server(old(1, bytes.fromhex("0000002a 00000000"))).outcomes(poll="old:0000002a")
    assert (delayed.reference, delayed.seconds) == ("old:0000002a", 1)


def test_a_reference_of_another_kind_is_unknown():
    [problem] = Server(frame(5, CMP)).outcomes(poll="0/v10:0000002a")
    assert isinstance(problem, NotCmp)
    assert problem.cause == "poll-unknown"


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (None, Unanswered, "no-answer"),
        (b"\x00\x00\x00\x09\x0a\x00", Unanswered, "slow"),
        (b"\x00\x00", Unanswered, "silent"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotCmp, "not-framed"),
        (b"SSH-2.0-OpenSSH\r\n", NotCmp, "not-framed"),
        (b"\x7f\xff\xff\xff\x0a\x00\x05", Unanswered, "too-large"),
        (b"\x00\x00\x00\x00", Unanswered, "too-large"),
        (frame(6, b"\x01\x01\x00\x00"), NotCmp, "frame-version"),
    ],
)
def test_everything_else_is_an_error_with_a_cause(answer, kind, cause):
    [problem] = Server(answer).outcomes(timeout=0.2)
    assert isinstance(problem, kind)
    assert problem.cause == cause
    assert problem.next_step


def test_the_first_octet_has_its_own_patience():
    [problem] = Server(b"").outcomes(first_octet=0.1)
    assert isinstance(problem, Unanswered)
    assert "within 0.1 s" in problem.what


def test_nobody_there_was_not_sent():
    transport = TcpTransport(Endpoint("tcp", "127.0.0.1", 1), Reach(), concurrency=1, clock=FixedClock())
    with pytest.raises(NotSent):
        asyncio.run(transport.exchange(CMP))
