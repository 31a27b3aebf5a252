"""`entropy:` as data: files that are mixed into the generation of keys (-N), beside the system's own source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.errors import Place


@dataclass(frozen=True, slots=True)
class EntropyFile:
    """A file to be mixed in, and where it is named."""

    path: str
    place: Place
