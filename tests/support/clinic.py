"""A lab CA in this process, and a stage on which its answers pass through hands that spoil them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.asn1.cmp import FAIL_INFO, PKI_STATUS, ErrorMsgContent, PKIMessage, PKIStatusInfo
from runner.asn1.structures import Chosen, decode, encode
from runner.cli.checkup.examination import Examiner, Patient, examine
from runner.cmp.dialogue import Parties
from runner.cmp.protection import MacProtection, Peer
from runner.lab.authority import open_lab
from runner.pki.certificates import parse_certificate
from runner.pki.macs import SharedSecret
from runner.system import SystemClock, SystemEntropy
from runner.transports.dial import Reach
from runner.transports.open import Address
from runner.transports.proxies import Route, parse_proxy
from runner.transports.tls import TlsSettings

if TYPE_CHECKING:
    from support.pki import Pki


class ShiftedClock(SystemClock):
    """The machine's clock, so many hours off."""

    def __init__(self, hours=0.0):
        self.shift = timedelta(hours=hours)

    def now(self):
        return super().now() + self.shift


def http(body, status="200 OK", media_type="application/pkixcmp", *fields):
    """An HTTP answer, octet by octet."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(answer, bit, status="rejection"):
    """The CA's answer turned into an error that nobody protects."""
    message = decode(PKIMessage, answer)
    info = PKIStatusInfo(status=PKI_STATUS.index(status), fail_info=frozenset({FAIL_INFO.index(bit)}))
    body = Chosen("error", ErrorMsgContent(pki_status_info=info))
    return encode(PKIMessage(header=replace(message.header, protection_alg=None), body=body))


def unprotected(answer):
    message = decode(PKIMessage, answer)
    return encode(PKIMessage(header=replace(message.header, protection_alg=None), body=message.body))


@dataclass
class Stage:
    """Servers on loopback for one fault, and the patient that meets them."""

    pki: Pki
    stack: contextlib.AsyncExitStack
    hours: float = 0.0
    tasks: set = field(default_factory=set)

    def __post_init__(self):
        self.lab = open_lab(None, ShiftedClock(self.hours), SystemEntropy())
        self.stack.callback(self.lab.close)

    async def serve(self, script, tls=None):
        """`await script(reader, writer)` plays each connection; its port."""

        async def play(reader, writer):
            self.tasks.add(asyncio.current_task())
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer)
            writer.close()

        server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
        self.stack.push_async_callback(self._over, server)
        return server.sockets[0].getsockname()[1]

    async def _over(self, server):
        server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def answers(self, make, tls=None):
        """An HTTP server that answers each request with the octets that `make(body, head)` gives."""

        async def script(reader, writer):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(x[15:]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:"))
                writer.write(make(await reader.readexactly(length), head))
                await writer.drain()

        return await self.serve(script, tls)

    async def frames(self, make):
        """A server of CMP over TCP that answers each frame's body with the octets that `make(body)` gives."""

        async def script(reader, writer):
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                writer.write(make(await reader.readexactly(length)))
                await writer.drain()

        return await self.serve(script)

    def parties(self, **changes):
        """We, with the credential that the lab handed out; `secret` and `anchors` may be others."""
        reference, _, key = self.lab.psk.partition(":")
        secret = SharedSecret(changes.get("secret", key).encode())
        ca = parse_certificate(self.lab.ca_certificate)
        ours = MacProtection(reference.encode(), secret, b"0123456789abcdef")
        return Parties(ours, Peer(secret, changes.get("anchors", (ca,)), ca.subject), ca.subject)

    def patient(self, url, *, proxy=None, tls=None, parties=None, **reach):
        route = Route(parse_proxy(proxy)) if proxy else Route()
        limits = {"timeout": 2.0, "connect": 2.0, **reach}
        address = Address((url,), reach=Reach(route=route, tls=tls or TlsSettings(), **limits))
        return Patient(address, parties or self.parties())


def frame(kind, value, version=b"\x0a\x00"):
    body = version + bytes([kind]) + value
    return struct.pack("!I", len(body)) + body


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def examined(patient):
    return await examine(patient, Examiner(SystemClock(), SystemEntropy()))
