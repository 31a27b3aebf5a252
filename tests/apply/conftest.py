"""What applies are tried with."""

from __future__ import annotations

from support.places import at_peer, peer, shift, site

__all__ = ["at_peer", "peer", "shift", "site"]
