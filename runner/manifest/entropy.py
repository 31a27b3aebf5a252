"""`entropy:` as data: files that are mixed into the generation of keys (-N), beside the system's own source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from runner.errors import Place


@frozen
class EntropyFile:
    """A file to be mixed in, and where it is named."""

    path: str
    place: Place
