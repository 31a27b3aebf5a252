"""An operation that is continued: whether it is of this entry's kind, and where its certificate leads today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, ProtocolError
from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Update
from runner.pki.certificates import parse_certificate
from runner.pki.paths import find_path

if TYPE_CHECKING:
    from datetime import datetime

    from runner.cmp.dialogue import Dialogue
    from runner.manifest.model import AnyItem
    from runner.pki.certificates import Certificate
    from runner.state.inventory import Open

_KINDS: dict[str, type] = {"rr": Revocation, "krr": Recovery, "pollReq": Poll, "genm": Fetch}
"""Body type of a first message → the kind of item that sends it, where it asks for no certificate."""


def refuse_other_kinds(item: AnyItem, before: Open) -> None:
    """CmpBatchError where the journal's operation is one that such an item never begins."""
    if not isinstance(item, _KINDS.get(before.kind, Enrollment | Update)):
        raise CmpBatchError(
            f"the journal has an operation of another kind open for {item.name}: {before.kind}",
            why="the name was given to another entry meanwhile",
            next_step="give this entry another name, or apply the old one first",
        )


def path_now(dialogue: Dialogue, anchors: tuple[Certificate, ...], now: datetime) -> tuple[Certificate, ...]:
    """The path of a certificate that was judged before; itself alone where the anchors have gone since."""
    certificate = parse_certificate(dialogue.certificate)
    intermediates = [parse_certificate(der) for der in dialogue.extra_certs]
    try:
        return find_path(certificate, intermediates, anchors, now)
    except ProtocolError:
        return (certificate,)
