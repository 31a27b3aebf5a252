"""A transport that plays a recorded trace again: each question gets the answer that followed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Replay:
    """runner.transports.base.Transport over the folder of a `--trace`."""

    def __init__(self, folder: Path) -> None:
        self._requests = sorted(folder.glob("*-request.der"))

    async def exchange(self, request: bytes, operation: str = "") -> bytes:
        """The answer to the next recorded request, which this one has to be."""
        recorded = self._requests.pop(0)
        assert request == recorded.read_bytes(), f"this is not the request of {recorded.name}"
        return recorded.with_name(recorded.name.replace("-request.", "-answer.")).read_bytes()

    async def poll(self, reference: str) -> bytes:
        raise AssertionError(f"nothing was recorded for {reference}")

    async def close(self) -> None:
        """Nothing to let go of."""
