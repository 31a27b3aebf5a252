"""How this lab behaves where a CA has a choice, and how it misbehaves on request: one frozen dataclass of switches.

`lab serve --manner NAME=VALUE` sets them; docs/lab.md lists them, and a test holds that list against this one.
"""

from __future__ import annotations

from dataclasses import fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from runner.asn1.cmp import FAIL_INFO
from runner.errors import BadInput
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

CA_KEYS = (
    "ec:p256",
    "ec:p384",
    "ec:p521",
    "rsa:2048",
    "rsa:3072",
    "rsa:4096",
    "ed25519",
    "ed448",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
)
"""The kinds of key that the CA may have."""
SLOWEST = 60
"""Seconds by which an answer is late at most."""
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


@frozen
class Manners:
    """The switches; as they stand, the lab grants what is well made, at once."""

    implicit_confirm: bool = True
    """Whether implicitConfirm is granted to those who ask for it …"""
    implicit_unasked: bool = False
    """… and to those who do not."""
    validity_days: int = 365
    """Days that a certificate lives where the request does not say."""
    lifetime: int = 0
    """Seconds that every certificate lives, whatever the request says; 0: as above."""
    backdate: int = 0
    """Seconds that notBefore lies before the moment of issue."""
    grant_mods: bool = False
    """Whether what is granted is granted with mods: without the extendedKeyUsage that was asked for."""
    waiting_polls: int = 0
    """pollReqs that are answered by pollRep before an enrolment is granted; 0: it is granted at once."""
    waiting_names: tuple[str, ...] = ()
    """Names, with * and ?: only requests whose subject has one in it wait; all do where there is none."""
    staggered: bool = False
    """Whether of several requests in one message each waits for one poll more than the one before it."""
    check_after: int = 1
    """Seconds to wait between pollReqs. One that comes sooner is told the seconds that remain, and does not count."""
    delays: tuple[str, ...] = ()
    """Body types (`rr`, `genm`, `certConf` …) whose answer as a whole is late …"""
    delay_polls: int = 1
    """… by so many pollReqs."""
    reject_names: tuple[str, ...] = ()
    """Names, with * and ?: enrolments whose subject has one in it are rejected …"""
    reject_with: str = "notAuthorized"
    """… with this failInfo."""
    ra_names: tuple[str, ...] = ()
    """Names, with * and ?: holders of a certificate whose subject has one in it are RAs, beside those of `lab ra`."""
    batches: bool = True
    """Whether several requests in one message, and several messages in a nested one, are taken."""
    key_generation: bool = True
    """Whether the lab makes keys for requests without one."""
    reordered: bool = False
    """Whether the answers to several requests come in the reverse order."""
    withheld: bool = False
    """Whether the last of several answers is left out."""
    signed_answers: bool = False
    """Whether answers are signed also where the request had a MAC."""
    unprotected_errors: bool = False
    """Whether error messages go out without protection."""
    announce_kem: bool = False
    """Whether who sends no ciphertext for the lab's KEM key gets an unprotected error with its certificate."""
    kur_by_secret: bool = False
    """Whether a kur that names its certificate in oldCertId may come from whoever knows the secret, as from an RA."""
    ca_key: str = "ec:p256"
    """The kind of the CA's key (CA_KEYS), where the lab makes one."""
    slow_seconds: int = 0
    """Seconds (at most SLOWEST) by which answers leave the server late …"""
    slow_answers: int = 0
    """… and how many do, from the first on; 0: all of them."""
    versions: tuple[int, ...] = (1, 2, 3)
    """The versions of CMP that are spoken."""
    encrypted_certificates: bool = False
    """Whether certificates go out encrypted to their own keys, where these decrypt, also to who did not ask for it."""
    ca_pubs: bool = True
    """Whether newcomers by a secret get the CA's certificate in caPubs."""
    revoke_updated: bool = False
    """Whether a certificate is revoked (superseded) once its update is confirmed."""


def has_name(text: str, names: Iterable[str]) -> bool:
    """Whether one of the names, which may have * and ?, is in a text."""
    return any(fnmatchcase(text, f"*{name}*") for name in names)


def parse_manners(pairs: Iterable[str]) -> Manners:
    """Manners from `name=value` texts; lists have commas. BadInput where there is no such switch or value."""
    values = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        default = {field.name: field.default for field in fields(Manners)}.get(name)
        if default is None:
            raise BadInput(f'The lab has no manner "{name}"', next_step="docs/lab.md lists them")
        try:
            values[name] = _parsed(default, value)
        except (ValueError, KeyError) as problem:
            why = f"it is {default!r} by default"
            raise BadInput(f'"{value}" is no value of the manner {name}', why=why) from problem
    made = Manners(**values)
    if made.reject_with not in FAIL_INFO:
        raise BadInput(f'There is no failInfo "{made.reject_with}"', why=f"one of {', '.join(FAIL_INFO)}")
    if made.ca_key not in CA_KEYS:
        raise BadInput(f'The CA has no key of the kind "{made.ca_key}"', why=f"one of {', '.join(CA_KEYS)}")
    if made.slow_seconds > SLOWEST:
        raise BadInput(f"An answer is at most {SLOWEST} seconds late", why=f"slow_seconds is {made.slow_seconds}")
    return made


def _parsed(default: Any, text: str) -> Any:
    """A value of the kind of the default."""
    if isinstance(default, bool):
        return _WORDS[text]
    if isinstance(default, int):
        return _number(text)
    if isinstance(default, tuple):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(_number(part) for part in parts) if default else tuple(parts)
    return text


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)
