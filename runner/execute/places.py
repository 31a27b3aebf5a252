"""How many messages are out to one authority at once: as many as it bears, found by trial.

Additive increase and multiplicative decrease, as TCP does. It begins with the limit. A sign that the peer has too much
to do halves the number, once for all messages that were out when it came; each answer then adds a share of one, so
that a round of answers adds one, up to the limit again.
"""

from __future__ import annotations

import asyncio
from collections import deque

DECREASE = 0.5


class Places:
    """`most` places at best; who finds none waits in line."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._narrowings = 0

    @property
    def allowed(self) -> int:
        """How many may be out at the moment."""
        return int(self._allowed)

    async def enter(self) -> int:
        """Take a place, or wait for one. The number goes into `narrow`: what was out before then counts once."""
        if self._taken >= self.allowed or self._waiting:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.leave()  # the place was ours already
                raise
        else:
            self._taken += 1
        return self._narrowings

    def leave(self) -> None:
        """Give a place back; whoever waits longest gets it."""
        self._taken -= 1
        self._let_in()

    def widen(self) -> None:
        """An answer came."""
        if self._allowed < self._most:
            self._allowed = min(self._allowed + 1 / self._allowed, self._most)
            self._let_in()

    def narrow(self, began: int) -> None:
        """The peer has too much to do, said in answer to a message whose `enter` gave `began`."""
        if began == self._narrowings:
            self._narrowings += 1
            self._allowed = max(1.0, self._allowed * DECREASE)

    def _let_in(self) -> None:
        while self._waiting and self._taken < self.allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
