"""How this lab behaves where a CA has a choice, and how it misbehaves on request: one frozen dataclass of switches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manners:
    """The switches; as they stand, the lab grants what is well made, at once."""

    implicit_confirm: bool = True
    """Whether implicitConfirm is granted to those who ask for it."""
    validity_days: int = 365
    """Days that a certificate lives where the request does not say."""
    waiting_polls: int = 0
    """pollReqs that are answered by pollRep before an enrolment is granted; 0: it is granted at once."""
    waiting_names: tuple[str, ...] = ()
    """Words: only requests whose subject has one wait; all do where there is none."""
    staggered: bool = False
    """Whether of several requests in one message each waits for one poll more than the one before it."""
    check_after: int = 1
    """Seconds to wait between pollReqs. One that comes sooner is told the seconds that remain, and does not count."""
    delays: tuple[str, ...] = ()
    """Body types (`rr`, `genm`, `certConf` …) whose answer as a whole is late …"""
    delay_polls: int = 1
    """… by so many pollReqs."""
    reject_names: tuple[str, ...] = ()
    """Words that no subject may contain: enrolments that name one are rejected with notAuthorized."""
    batches: bool = True
    """Whether several requests in one message, and several messages in a nested one, are taken."""
    key_generation: bool = True
    """Whether the lab makes keys for requests without one."""
    reordered: bool = False
    """Whether the answers to several requests come in the reverse order."""
    withheld: bool = False
    """Whether the last of several answers is left out."""
