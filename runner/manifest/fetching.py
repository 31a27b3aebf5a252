"""Reads what an entry of `fetches` asks a CA for, and what goes together with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.manifest.durations import parse_duration

if TYPE_CHECKING:
    from runner.manifest.reader import Reader

_ROOTS = ("rootCaCert", "rootCaKeyUpdate", "caKeyUpdateInfo")
"""Questions that may be answered by a new root."""
_LISTS = ("crls", "crlStatusList", "currentCrl")
_WITH_FILES = (*_ROOTS, *_LISTS, "caCerts", "caProtEncCert", "certReqTemplate")
"""Questions whose answer is something to keep; others are shown."""


@dataclass(frozen=True, slots=True)
class FetchWish:
    """The question, the form of its file, and when to ask again."""

    what: str
    format: str
    refresh: timedelta | None


def read_fetch(reader: Reader) -> FetchWish | None:
    """What is asked for; None where that cannot be read."""
    what, form = reader.part.text("what"), reader.part.text("format")
    refresh = reader.parsed("refresh", parse_duration)
    if what is None:
        return None
    _check(reader, what.value)
    return FetchWish(what.value, form.value if form else "pem", None if refresh is None else timedelta(seconds=refresh))


def _check(reader: Reader, what: str) -> None:
    """Keys that say nothing about such a question."""
    useless = {
        "install_trust": what not in _ROOTS,
        "root": what not in _ROOTS,
        "output": what not in _WITH_FILES,
        "format": what not in (*_LISTS, "caProtEncCert"),
        "cert_profile": what != "certReqTemplate",
    }
    for key, is_useless in useless.items():
        if is_useless and key in reader.part.values:
            place, why = reader.part.place_of_key(key), f"an answer about {what} has nothing to do with it"
            reader.ledger.error(f"{key} does not go together with what: {what}", place, why=why)
