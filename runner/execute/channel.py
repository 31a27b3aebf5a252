"""What the parent and its workers say to each other, over a pair of sockets: a length, then a pickle.

Both ends are one program, forked from one process, and nobody else has these sockets; nothing secret goes over them.
"""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any, Self

from runner.values import frozen

if TYPE_CHECKING:
    import socket

    from runner.execute.results import Result
    from runner.execute.running import Later
    from runner.state.journal import Entry

_LENGTH = 4
Trouble = tuple[str, str, str]
"""An error as words: what, why, the next step."""


@frozen
class Task:
    """To a worker: carry out the step of this item, or go on with it."""

    item: str
    later: Later | None = None


@frozen
class Ended:
    """From a worker: what came of a task."""

    item: str
    result: Result | Later


@frozen
class Broken:
    """From a worker: a task that ended as none should. `trouble` is that of a StateError; None: a mistake of ours."""

    item: str
    words: str
    trouble: Trouble | None = None


@frozen
class Note:
    """From a worker: transitions that must be durable before it goes on, those of each group all or none."""

    number: int
    entries: tuple[tuple[Entry, ...], ...]


@frozen
class Noted:
    """To a worker: what became of the groups of that Note, each in its place; None: it is durable."""

    number: int
    troubles: tuple[Trouble | None, ...]


class Channel:
    """One end. `receive` raises EOFError when the other end is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: list[bytes] = []

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """The channel of a connected socket."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, message: object) -> None:
        """Say something. What is said to somebody who is gone is lost; `receive` tells.

        What is said in one turn of the loop goes in one piece: each piece wakes the other process up.
        """
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._let_go)
        octets = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._waiting += (len(octets).to_bytes(_LENGTH, "big"), octets)

    def _let_go(self) -> None:
        self._writer.write(b"".join(self._waiting))
        self._waiting.clear()

    async def receive(self) -> Any:
        """The next message."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH), "big")
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - of our own process
        except (asyncio.IncompleteReadError, OSError) as error:
            raise EOFError from error

    def close(self) -> None:
        """Hang up: the other end takes it as the end."""
        self._writer.transport.abort()
