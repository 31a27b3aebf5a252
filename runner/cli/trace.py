"""`--trace DIR`: every message that goes out and comes in, in DER with a readable .txt beside it.

    000001-plant-request.der  .txt      000001-plant-answer.der  .txt      000002-plant-failure.txt

`cmp-batch inspect DIR` reads them back. One-time secrets inside a message (regToken, authenticator: RFC 4211 §6.1,
§6.2) are overwritten before it is written; shared secrets, passwords and keys are in no message. A MAC still lets a
weak secret be guessed, so that the folder is its owner's alone.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from itertools import count
from typing import TYPE_CHECKING

from runner.cmp.wishes import masked
from runner.errors import BadInput, CmpBatchError, Delayed, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from runner.transports.base import Transport

_NUMBER = re.compile(r"([0-9]{6})-")


class Trace:
    """The folder that messages are written into, made with the first of them. BadInput where it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            there = [path.name for path in folder.iterdir()] if _can_be(folder) else []
            taken = [int(found[1]) for name in there if (found := _NUMBER.match(name))]
        except OSError as problem:
            raise BadInput(f"{folder} cannot be used for --trace", why=problem.strerror or "") from problem
        self._numbers = count(max(taken, default=0) + 1)

    def number(self) -> int:
        """The number of the next exchange; those of earlier runs are not used again."""
        return next(self._numbers)

    def message(self, number: int, name: str, kind: str, octets: bytes) -> None:
        """Write a message and what it says."""
        shown = masked(octets)
        self._write(f"{number:06}-{name}-{kind}.der", shown)
        self._write(f"{number:06}-{name}-{kind}.txt", readable(shown).encode())

    def words(self, number: int, name: str, kind: str, text: str) -> None:
        """Write what happened where there is no message."""
        self._write(f"{number:06}-{name}-{kind}.txt", text.encode())

    def _write(self, name: str, octets: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(octets)


def _can_be(folder: Path) -> bool:
    """Whether a folder is there already. OSError where it is not, and cannot be made either."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return folder.exists()


class TracingTransport:
    """A transport that leaves every message in a Trace on its way."""

    def __init__(self, inner: Transport, trace: Trace, name: str) -> None:
        self._inner = inner
        self._trace = trace
        self._name = name

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        """What the transport inside gives, written down on both ways."""
        number = self._trace.number()
        await asyncio.to_thread(self._trace.message, number, self._name, "request", request)
        return await self._heard(number, self._inner.exchange(request, operation))

    async def poll(self, reference: str) -> bytes:
        """The same for an answer that is asked for again."""
        number = self._trace.number()
        words = f"asked for the answer to reference {reference}\n"
        await asyncio.to_thread(self._trace.words, number, self._name, "poll", words)
        return await self._heard(number, self._inner.poll(reference))

    async def close(self) -> None:
        """Close the transport inside."""
        await self._inner.close()

    async def _heard(self, number: int, exchange: Awaitable[bytes]) -> bytes:
        try:
            answer = await exchange
        except TransportError as problem:
            kind = "delayed" if isinstance(problem, Delayed) else "failure"
            await asyncio.to_thread(self._trace.words, number, self._name, kind, _said(problem))
            raise
        await asyncio.to_thread(self._trace.message, number, self._name, "answer", answer)
        return answer


def _said(problem: CmpBatchError) -> str:
    from runner.report.sanitise import clean

    return "".join(f"{clean(line)}\n" for line in (problem.what, problem.why, problem.next_step) if line)


def readable(octets: bytes) -> str:
    """A message as `inspect` describes it; why it cannot be described where it cannot."""
    from runner.cli.describe.blocks import block_text
    from runner.cli.describe.content import describe

    try:
        return block_text(describe(octets))
    except CmpBatchError as problem:
        return _said(problem)
