"""`policy:`, what a team allows itself: plain data. ruling.py reads it, policing.py holds it against items."""

from __future__ import annotations

from dataclasses import field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from runner.errors import Severity
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.errors import Place
    from runner.pki.keyspecs import KeySpec

Network = IPv4Network | IPv6Network
NAME_KINDS = ("subject", "dns", "email", "uri")
"""Kinds of names that are held against patterns; `subject` is its common name."""


@frozen
class Policy:
    """The rules; what is not said is allowed. `places` says where each rule is written.

    `lenient` are the rules that only warn. `max_lifetime` is in seconds.
    """

    place: Place
    min_key_bits: Mapping[str, int] = field(default_factory=dict)
    key_types: tuple[KeySpec | str, ...] = ()
    max_lifetime: float | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind → patterns."""
    networks: tuple[Network, ...] | None = None
    wildcards: bool = True
    key_reuse: bool = True
    psk_reuse: bool = True
    weak_digests: bool = True
    max_issues: int | None = None
    max_revocations: int | None = None
    lenient: frozenset[str] = frozenset()

    def severity(self, rule: str) -> Severity:
        """How grave a breach of a rule is."""
        return Severity.WARNING if rule in self.lenient else Severity.ERROR
