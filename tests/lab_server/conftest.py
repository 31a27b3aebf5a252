"""The lab's server in a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from urllib.parse import urlsplit

import pytest

from runner.serving.http import serve


class Lab:
    """A server that runs until `stop`."""

    def __init__(self, respond):
        self._respond = respond
        self._ready = queue.Queue()
        self.faults = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        self._task = asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            await serve(self._respond, ready=self._ready.put)

    def start(self):
        self._thread.start()
        self.url = self._ready.get(timeout=5)
        self.address = (urlsplit(self.url).hostname, urlsplit(self.url).port)
        return self

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(timeout=5)
        return not self._thread.is_alive()


@pytest.fixture
def lab():
    """`lab(respond)` → a running Lab; without `respond`, one that answers with the request backwards."""
    started = []

    def start(respond=lambda request: request[::-1]):
        started.append(Lab(respond).start())
        return started[-1]

    yield start
    for each in started:
        assert each.stop()
