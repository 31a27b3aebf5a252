"""What the state will say of an item that came to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.keystores.looking import key_file_facts
from runner.plan.case import certificate_path_of
from runner.state.inventory import Held

if TYPE_CHECKING:
    from runner.execute.record import Record
    from runner.execute.results import Outcome
    from runner.manifest.model import AnyItem
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl


def held_as(
    outcome: Outcome,
    item: AnyItem,
    url: KeyUrl | None,
    record: Record,
    about: str,
    certificate: Certificate | None = None,
) -> Held:
    """The item as it is held now. `about`: fingerprint of the certificate that was updated or revoked."""
    key_path = record.key_path
    sealed = url is not None and bool(url.passphrase)
    return Held(
        item=item.name,
        digest=record.last.digest,
        outcome=outcome.value,
        at=record.now(),
        certificate=certificate.der if certificate else None,
        certificate_path=certificate_path_of(item) if certificate else None,
        key_path=key_path,
        key_digest=key_file_facts(Path(key_path)).digest if sealed and key_path else None,
        replaces=about or None,
        stores=record.last.stores,
        authority=item.authority,
        credential=item.credential or "",
        on_remove=item.on_remove,
    )
