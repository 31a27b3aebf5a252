"""By courier: requests are written as files, and answers are taken from files (RFC 2510 §5.1).

    SPOOL/requests/NAME.der     one DER PKIMessage, written at once and never changed; NAME is from its SHA-256
    SPOOL/answers/NAME.der      the answer that somebody brings back under the same name

The same octets have the same name, so that a repeated request is the same file, and an answer that is there already
is taken. Files of answers stay: they are the courier's.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path

from runner.errors import Delayed, NotSent, Unanswered

LOOK_AGAIN = 2.0
"""Seconds between two looks for an answer."""
_NAME = re.compile(r"[0-9a-f]{32}")


class FolderTransport:
    """runner.transports.base.Transport whose wire is two folders. `max_answer`: octets of the largest answer."""

    def __init__(self, spool: Path, *, max_answer: int = 1024 * 1024) -> None:
        self._requests = spool / "requests"
        self._answers = spool / "answers"
        self._max_answer = max_answer

    async def exchange(self, request: bytes, operation: str = "") -> bytes:  # noqa: ARG002 - one folder for all
        """Write the request, unless it is there; the answer, or Delayed. Raises NotSent where it cannot be written."""
        name = sha256(request).hexdigest()[:32]
        try:
            await asyncio.to_thread(self._write, name, request)
        except OSError as error:
            raise NotSent(
                f"The request cannot be written into {self._requests}",
                why=error.strerror or "the disk does not take it",
                next_step="check the folder of `transport:` and its permissions",
                cause="folder",
            ) from error
        return await self.poll(name)

    async def poll(self, reference: str) -> bytes:
        """The answer of that name, or Delayed until somebody has brought it. Raises Unanswered: it cannot be read."""
        if not _NAME.fullmatch(reference):
            raise Unanswered("The journal's reference is no name of a request in a folder", cause="poll-unknown")
        path = self._answers / f"{reference}.der"
        try:
            answer = await asyncio.to_thread(self._read, path)
        except FileNotFoundError:
            raise self._delayed(reference) from None
        except OSError as error:
            raise Unanswered(f"{path} cannot be read", why=error.strerror or "", cause="folder") from error
        if not answer or len(answer) > self._max_answer:
            why = "it is empty" if not answer else f"it is larger than {self._max_answer} octets"
            raise Unanswered(f"{path} is no answer", why=why, next_step="bring it again", cause="folder")
        return answer

    async def close(self) -> None:
        """Nothing to let go of."""

    def _delayed(self, name: str) -> Delayed:
        return Delayed(
            f"the request waits for a courier: {self._requests / name}.der",
            reference=name,
            seconds=LOOK_AGAIN,
            next_step=f"bring the answer to {self._answers / name}.der and run apply again",
        )

    def _read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read(self._max_answer + 1)

    def _write(self, name: str, request: bytes) -> None:
        """Whole or not at all: a courier may look at any moment."""
        target = self._requests / f"{name}.der"
        if target.exists():
            return
        for folder in (self._requests, self._answers):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._requests, prefix=".", delete=False) as file:
            file.write(request)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
