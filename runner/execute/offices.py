"""The RA of a tunnel as the core knows it: its policy, and its credential in front of the tunnel's authority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import SecretError
from runner.execute.access import parties
from runner.ra.relayed import Office

if TYPE_CHECKING:
    from runner.execute.desk import Desk
    from runner.manifest.tunnel import Tunnel


def office_of(desk: Desk, tunnel: Tunnel) -> Office:
    """The RA in front of the tunnel's authority."""
    access = desk.access(tunnel.authority)
    credential = desk.document.credentials.get(tunnel.credential or "")
    protection = desk.keyring.protection(credential) if credential is not None else access.handed_out
    if protection is None:
        raise SecretError(f"the tunnel {tunnel.name} has no credential", next_step="add credential: to it")
    return Office(desk.standings[tunnel.name].policy, parties(access, protection), tunnel.original)
