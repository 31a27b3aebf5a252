"""Writing again what the state holds; nothing is said to the CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError
from runner.execute.install import installation
from runner.execute.stores import known_path, made_beside, stores_of
from runner.manifest.model import Revocation
from runner.pki.certificates import parse_certificate

if TYPE_CHECKING:
    from runner.execute.desk import Desk
    from runner.execute.record import Record
    from runner.manifest.model import AnyItem
    from runner.pki.certificates import Certificate


async def reinstall(item: AnyItem, desk: Desk, record: Record) -> Certificate:
    """The certificate that the state holds, in its file again with what belongs beside it. Raises CmpBatchError."""
    held = desk.inventory.held.get(item.name)
    if held is None or held.certificate is None or isinstance(item, Revocation):
        raise CmpBatchError(f"the state holds no certificate for {item.name}", next_step="run apply again")
    certificate = parse_certificate(held.certificate)
    path = known_path(desk, item, certificate)
    await record.amend(replace(held, stores=stores_of(item, (held.stores,))))
    beside = await made_beside(desk, item, path, held.key_path)
    await desk.installations.do(installation(item.output, path[:1], None, None, beside))
    return certificate
