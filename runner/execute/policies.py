"""From a tunnel of the manifest to an RA's policy: secrets and certificates are read here (runner.ra.cases)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.errors import SecretError
from runner.execute.reading import read_certificates
from runner.keystores.secrets import Secret, split_psk
from runner.manifest.tunnel import SEPARATOR
from runner.pki.extensions import KEY_USAGES
from runner.pki.macs import SharedSecret
from runner.plan.profiles import wanted_profile
from runner.ra.amending import Amendment, Wishes
from runner.ra.cases import Policy
from runner.ra.record import from_record
from runner.ra.requesters import MAX_ITERATIONS, Trust
from runner.ra.rules import KeyRules, Rules
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.execute.access import Keyring
    from runner.manifest.credentials import SecretRef
    from runner.manifest.model import Template
    from runner.manifest.tunnel import Tunnel
    from runner.pki.certificates import Certificate
    from runner.state.inventory import Held, Inventory, Open

MOST_SECRETS = 100_000
_COMMENT = b"#"


@mutable
class Standing:
    """A tunnel's policy, and the holders of secrets that have had their one request."""

    policy: Policy
    used: set[str] = field(default_factory=set)


def amendment_of(tunnel: Tunnel, read: Callable[[str], Certificate]) -> Amendment:
    """What the tunnel changes. `read` gives the certificate in a file that one of its templates refers to."""
    return Amendment(_wishes(tunnel.template, read), _wishes(tunnel.override, read))


def _wishes(template: Template, read: Callable[[str], Certificate]) -> Wishes:
    wanted = wanted_profile(template, None if template.reference is None else read(template.reference))
    return Wishes(
        subject=wanted.subject if wanted.subject.text else None,
        alt_names=wanted.alt_names,
        key_usage=tuple(usage for usage in KEY_USAGES if usage in wanted.key_usage),
        extended_key_usage=wanted.extended_key_usage,
    )


def _first_certificate(path: str) -> Certificate:
    return read_certificates(path)[0]


def rules_of(tunnel: Tunnel) -> Rules:
    """What the tunnel approves."""
    approval = tunnel.approval
    return Rules(
        names=approval.names,
        keys=KeyRules(approval.kinds, by_ca=approval.by_ca or approval.ask),
        usages=approval.usages,
        once=approval.once,
        ask=approval.ask,
    )


def policy_of(tunnel: Tunnel, keyring: Keyring) -> Policy:
    """The whole policy. Raises SecretError and KeyStoreError."""
    secrets = _secrets(tunnel.psks, keyring) if tunnel.psks is not None else {}
    anchors = tuple(certificate for path in tunnel.trust for certificate in read_certificates(path))
    return Policy(Trust(secrets, anchors), amendment_of(tunnel, _first_certificate), rules_of(tunnel), tunnel.nested)


def _secrets(table: SecretRef, keyring: Keyring) -> Mapping[bytes, SharedSecret]:
    """The table of secrets: refnum:key, one a line; empty lines and those that begin with # are passed over."""
    found: dict[bytes, SharedSecret] = {}
    for number, line in enumerate(keyring.secrets.read(table.kind, table.value).reveal().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith(_COMMENT):
            continue
        try:
            reference, key = split_psk(Secret(text))
        except SecretError as problem:
            step = "write the reference number, a colon and the key"
            raise SecretError(f"psks: line {number} is not refnum:key", why=problem.why, next_step=step) from None
        if reference in found or len(found) == MOST_SECRETS:
            why = "its reference number stands in the table twice" if reference in found else "the table is too long"
            raise SecretError(f"psks: line {number} cannot be used", why=why)
        found[reference] = SharedSecret(key.reveal(), MAX_ITERATIONS)
    return found


def standing_of(tunnel: Tunnel, keyring: Keyring, inventory: Inventory) -> Standing:
    """The tunnel's policy, and who has had a request forwarded before. Raises SecretError and KeyStoreError."""
    start = tunnel.name + SEPARATOR
    rows: list[Held | Open] = [*inventory.held.values(), *inventory.open.values()]
    records = [row.relay for row in rows if row.relay and row.item.startswith(start)]
    used = {from_record(record).holder for record in records} if tunnel.approval.once else set()
    return Standing(policy_of(tunnel, keyring), used)
