"""Reads what an entry of `fetches` asks a CA for, and what goes together with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from runner.asn1.algorithms import RSA_ENCRYPTION
from runner.manifest.durations import parse_duration
from runner.manifest.wishing import parse_oid
from runner.values import frozen

if TYPE_CHECKING:
    from runner.manifest.reader import Reader
    from runner.manifest.variables import Text

_ROOTS = ("rootCaCert", "rootCaKeyUpdate", "caKeyUpdateInfo")
"""Questions that may be answered by a new root."""
_LISTS = ("crls", "crlStatusList", "currentCrl")
_ABOUT = {"keyPairParamReq": "algorithm", "suppLangTags": "languages"}
"""Questions that are about something → the key that says what."""
_SUCH_AS = {"algorithm": "ec", "languages": "[fi, en]"}
_ALGORITHMS = {"rsa": RSA_ENCRYPTION, "ec": "1.2.840.10045.2.1", "dsa": "1.2.840.10040.4.1", "dh": "1.2.840.10046.2.1"}
"""Kinds of keys that may have parameters (RFC 3279 §2.3), by short names."""
_WITH_FILES = (*_ROOTS, *_LISTS, "caCerts", "caProtEncCert", "certReqTemplate")
"""Questions whose answer is something to keep; others are shown."""


@frozen
class FetchWish:
    """The question, the form of its file, and when to ask again."""

    what: str
    format: str
    refresh: timedelta | None
    about: tuple[str, ...] = ()


def read_fetch(reader: Reader) -> FetchWish | None:
    """What is asked for; None where that cannot be read."""
    what, form = reader.part.text("what"), reader.part.text("format")
    refresh = reader.parsed("refresh", parse_duration)
    if what is None:
        return None
    _check(reader, what.value)
    about = _about(reader, what)
    if about is None:
        return None
    again = None if refresh is None else timedelta(seconds=refresh)
    return FetchWish(what.value, form.value if form else "pem", again, about)


def _about(reader: Reader, what: Text) -> tuple[str, ...] | None:
    """What such a question has to say beside its name; None where it is missing, which has been told."""
    key = _ABOUT.get(what.value)
    if key is None:
        return ()
    if key not in reader.part.values:
        reader.ledger.error(f"what: {what.value} needs {key}", what.place, next_step=f"add {key}: {_SUCH_AS[key]}")
        return None
    if key == "languages":
        return tuple(text.value for text in reader.part.texts(key)) or None
    algorithm = reader.parsed(key, _algorithm)
    return None if algorithm is None else (algorithm,)


def _algorithm(text: str) -> str:
    """A kind of key, or a dotted object identifier; ValueError where it is neither."""
    return _ALGORITHMS.get(text) or parse_oid(text)


def _check(reader: Reader, what: str) -> None:
    """Keys that say nothing about such a question."""
    useless = {
        "install_trust": what not in _ROOTS,
        "root": what not in _ROOTS,
        "output": what not in _WITH_FILES,
        "format": what not in (*_LISTS, "caProtEncCert"),
        "cert_profile": what != "certReqTemplate",
        **{key: key != _ABOUT.get(what) for key in _ABOUT.values()},
    }
    for key, is_useless in useless.items():
        if is_useless and key in reader.part.values:
            place, why = reader.part.place_of_key(key), f"an answer about {what} has nothing to do with it"
            reader.ledger.error(f"{key} does not go together with what: {what}", place, why=why)
